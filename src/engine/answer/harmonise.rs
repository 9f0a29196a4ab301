//! Coverage of harmonised attributes, what other rules would change, protocols learned from the catalog.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::catalog::{Filter, Order};
use crate::engine::query::{
    HarmoniseCoverage, HarmoniseDryRun, HarmoniseOutcome, LearnProtocol, LearnedProtocol, SeriesChange,
    ValueChange,
};
use crate::engine::{EngineError, Session};
use crate::harmonise::{self, Attributes, Coverage, Coverages, Harmonised, Rules, TARGETS};
use crate::model::words::io_words;
use crate::qc::{Settings, protocol};

/// Series read at a time.
const AT_ONCE: u32 = 2_000;

/// Series that a protocol is learned from, at most: the first that arrived.
const LEARNED_FROM: usize = 50_000;

/// One series of the catalog with what its harmonised attributes are derived from.
struct Known {
    uid: String,
    attributes: Attributes,
    harmonised: Harmonised,
}

/// Every series of the catalog, or those that match.
fn each(session: &Session, filter: &Filter, mut give: impl FnMut(Known)) -> Result<(), EngineError> {
    let wanted = matching(session, filter)?;
    let mut after = 0;
    loop {
        let rows = session.engine.shared.catalog.read().harmonised_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.0;
        for (_, uid, site, attributes, harmonised) in rows {
            if wanted.as_ref().is_none_or(|w| w.contains(&uid)) {
                let attributes: Attributes = serde_json::from_str(&attributes).unwrap_or_default();
                let attributes = Attributes { site: Some(site), ..attributes };
                give(Known { uid, attributes, harmonised });
            }
        }
    }
}

/// The UIDs that match; `None` where everything does.
fn matching(session: &Session, filter: &Filter) -> Result<Option<HashSet<String>>, EngineError> {
    if *filter == Filter::default() {
        return Ok(None);
    }
    let reader = session.engine.shared.catalog.read();
    let mut found = HashSet::new();
    loop {
        let (rows, total) = reader.search(filter, Order::Arrival, found.len() as u64, 10_000)?;
        let none = rows.is_empty();
        found.extend(rows.into_iter().map(|r| r.uid));
        if none || found.len() as u64 >= total {
            return Ok(Some(found));
        }
    }
}

pub fn coverage(session: &Session, query: &HarmoniseCoverage) -> Result<Vec<Coverage>, EngineError> {
    let mut all = Coverages::default();
    each(session, &super::catalog::parse(&query.filter)?, |k| all.add(&k.attributes, &k.harmonised))?;
    Ok(all.finish())
}

/// The rules that the configuration names, as they are on disk now.
pub fn load_rules(root: &Path, files: &[std::path::PathBuf]) -> Result<Rules, EngineError> {
    let mut texts = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(root.join(file)).map_err(|e| EngineError::Invalid {
            why: format!("the rules {} cannot be read: {}", file.display(), io_words(e.kind())),
        })?;
        texts.push(text);
    }
    Rules::parse(texts.iter().map(String::as_str)).map_err(|e| EngineError::Invalid { why: e.to_string() })
}

/// The settings of the checks, with the protocols that the configuration names.
pub fn load_qc(root: &Path, qc: &crate::config::Qc) -> Result<Settings, EngineError> {
    let mut protocols = Vec::new();
    for file in &qc.protocols {
        let invalid =
            |why: String| EngineError::Invalid { why: format!("the protocol {}: {why}", file.display()) };
        let text =
            std::fs::read_to_string(root.join(file)).map_err(|e| invalid(io_words(e.kind()).to_string()))?;
        protocols.push(protocol::Protocol::parse(&text).map_err(invalid)?);
    }
    Settings::new(qc, protocols).map_err(|why| EngineError::Invalid { why: format!("[qc] {why}") })
}

/// What a rule set changes, gathered series by series.
pub struct Survey {
    rules: Rules,
    limit: usize,
    outcome: HarmoniseOutcome,
    changes: BTreeMap<(String, Option<String>, Option<String>), u64>,
}

impl Survey {
    /// Nothing looked at yet; `limit` series are named at most.
    pub fn new(rules: Rules, limit: usize) -> Self {
        let outcome = HarmoniseOutcome { rules: rules.identity(), ..HarmoniseOutcome::default() };
        Self { rules, limit, outcome, changes: BTreeMap::new() }
    }

    /// Derives one series again; what it becomes, where anything of it changes.
    pub fn look(&mut self, uid: &str, attributes: &Attributes, before: &Harmonised) -> Option<Harmonised> {
        self.outcome.series += 1;
        let after = harmonise::derive(attributes, &self.rules);
        if after == *before {
            return None;
        }
        let mut changes = Vec::new();
        for target in TARGETS {
            let shown = |h: &Harmonised| {
                h.value(target.name).and_then(|v| v.text.clone().or(v.number.map(|n| n.to_string())))
            };
            let (was, is) = (shown(before), shown(&after));
            if was != is {
                *self.changes.entry((target.name.into(), was.clone(), is.clone())).or_default() += 1;
                let from = after.value(target.name).map(|v| v.from.to_string()).unwrap_or_default();
                changes.push((target.name.to_string(), was, is, from));
            }
        }
        if changes.is_empty() {
            self.outcome.confirmed += 1;
        } else {
            self.outcome.changed += 1;
            if self.outcome.examples.len() < self.limit {
                self.outcome.examples.push(SeriesChange { series_uid: uid.into(), changes });
            }
        }
        Some(after)
    }

    /// What was found.
    pub fn finish(mut self) -> HarmoniseOutcome {
        let change = |((name, before, after), series)| ValueChange { name, before, after, series };
        self.outcome.changes = self.changes.into_iter().map(change).collect();
        self.outcome.changes.sort_by_key(|c| std::cmp::Reverse(c.series));
        self.outcome
    }
}

pub fn dry_run(session: &Session, query: &HarmoniseDryRun) -> Result<HarmoniseOutcome, EngineError> {
    let shared = &session.engine.shared;
    let rules = load_rules(&shared.root, &shared.config().harmonise.rules)?;
    let mut survey = Survey::new(rules, query.limit as usize);
    each(session, &Filter::default(), |k| {
        survey.look(&k.uid, &k.attributes, &k.harmonised);
    })?;
    Ok(survey.finish())
}

pub fn learn(session: &Session, query: &LearnProtocol) -> Result<LearnedProtocol, EngineError> {
    let mut facts = Vec::new();
    each(session, &super::catalog::parse(&query.filter)?, |k| {
        if facts.len() < LEARNED_FROM {
            facts.push(protocol::facts(&k.attributes, &k.harmonised));
        }
    })?;
    let protocol = protocol::learn(&query.name, &query.filter, &facts)
        .ok_or_else(|| EngineError::Invalid { why: "no series matches the query".into() })?;
    Ok(LearnedProtocol { series: facts.len() as u64, toml: protocol.to_toml() })
}
