//! Facets, pages of series, one series.

use serde::Deserialize;

use crate::catalog::{Filter, Order, SeriesRecord};
use crate::engine::query::{
    Complete, Facet, Facets, MaskedView, Rows, SavedSearchView, SeriesPage, SeriesRow, SeriesSort,
    SeriesView, Severity, StackView,
};
use crate::engine::scope::Scope;
use crate::engine::{EngineError, Session};
use crate::harmonise::Harmonised;

/// Rows of a page, at most.
const MAX_PAGE: u32 = 10_000;
const HISTORY: u32 = 50;

pub fn facets(session: &Session, query: &Facets) -> Result<Vec<Facet>, EngineError> {
    let filter = parse(&query.filter)?;
    let facets = session.engine.shared.catalog.read().facets(&filter)?;
    Ok(facets.into_iter().map(|(name, values)| Facet { name: name.into(), values }).collect())
}

pub fn page(session: &Session, query: &SeriesPage) -> Result<Rows<SeriesRow>, EngineError> {
    let filter = parse(&query.filter)?;
    let order = order(query.sort);
    let reader = session.engine.shared.catalog.read();
    let (rows, total) = reader.search(&filter, order, query.page.offset, query.page.limit.min(MAX_PAGE))?;
    Ok(Rows { rows: rows.iter().map(row).collect(), total })
}

pub fn detail(session: &Session, series_uid: &str) -> Result<SeriesView, EngineError> {
    // First, as it takes a connection of its own.
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let missing = || EngineError::NotFound { what: "series".into(), id: series_uid.into() };
    let record = reader.series(series_uid)?.ok_or_else(missing)?;
    let (mut history, _) = reader.trail(Some(series_uid), "", 0, HISTORY)?;
    history.retain(|entry| scope.sees_entry(&entry.actor, &entry.action));
    let unreadable = |e: serde_json::Error| EngineError::Storage { why: e.to_string() };
    let masks = masked(&reader.masked_of(series_uid)?);
    let mut facts: Vec<(String, String)> = serde_json::from_str(&record.facts).map_err(unreadable)?;
    facts.extend(masks.iter().flat_map(mask_facts));
    let stacks: Vec<StackView> = serde_json::from_str(&record.stacks).map_err(unreadable)?;
    Ok(SeriesView {
        row: row(&record),
        findings: super::findings::views(&reader.findings(series_uid)?, &stacks),
        stacks,
        facts,
        harmonised: record.harmonised.clone(),
        masks,
        linked: reader.linked(series_uid)?,
        history: history.into_iter().map(super::trail::entry).collect(),
        task: reader.task_of(series_uid)?,
    })
}

/// What ledger lines say of masks, each line with how many instances have it.
fn masked(lines: &[(String, u64)]) -> Option<MaskedView> {
    let mut all = MaskedView::default();
    for (line, instances) in lines {
        let Ok(line) = serde_json::from_str::<LedgerMasks>(line) else { continue };
        if line.masks.is_empty() {
            continue;
        }
        all.instances += instances;
        for mask in line.masks {
            all.areas += instances;
            *all.why.entry(mask.why).or_default() += instances;
        }
    }
    (all.areas > 0).then_some(all)
}

/// The part of a ledger line that tells of masks.
#[derive(Deserialize)]
struct LedgerMasks {
    masks: Vec<LedgerMask>,
}

#[derive(Deserialize)]
struct LedgerMask {
    why: String,
}

/// Masks in words: how many, then each reason.
fn mask_facts(masks: &MaskedView) -> Vec<(String, String)> {
    let plural = |n: u64, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let count = format!("{} in {}", plural(masks.areas, "area"), plural(masks.instances, "instance"));
    let why = masks.why.iter().map(|(why, n)| ("masked for".to_string(), format!("{why} ({n})")));
    std::iter::once(("masked".to_string(), count)).chain(why).collect()
}

/// An order of the list as the catalog has it.
fn order(sort: SeriesSort) -> Order {
    match sort {
        SeriesSort::Subject => Order::Subject,
        SeriesSort::Newest => Order::Newest,
        SeriesSort::Severity => Order::Severity,
        SeriesSort::Size => Order::Size,
        SeriesSort::By { field, descending } => Order::By { field, descending },
    }
}

/// The whole words that may stand where the cursor is: fields, or values of the field before the colon.
pub fn complete(session: &Session, query: &Complete) -> Result<Vec<String>, EngineError> {
    let word = last_word(&query.text);
    let (minus, body) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let with_minus = |completion: String| format!("{minus}{completion}");
    let Some((name, value)) = body.split_once(':') else {
        return Ok(Filter::complete_field(body).into_iter().map(with_minus).collect());
    };
    let last = value.rsplit(',').next().unwrap_or_default();
    let values = session.engine.shared.catalog.read().complete_value(name, last.trim_matches('"'))?;
    let before = &body[..body.len() - last.len()];
    let quoted = |v: String| {
        if v.contains([' ', ',', ':', '<', '>', '=']) {
            format!("{before}\"{v}\"")
        } else {
            format!("{before}{v}")
        }
    };
    Ok(values.into_iter().map(quoted).map(with_minus).collect())
}

/// What stands after the last space outside quotes.
fn last_word(text: &str) -> &str {
    let mut quoted = false;
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => start = at + c.len_utf8(),
            _ => {}
        }
    }
    &text[start..]
}

pub fn saved(session: &Session) -> Result<Vec<SavedSearchView>, EngineError> {
    let searches = session.engine.shared.catalog.read().saved_searches()?;
    let view = |s: crate::catalog::SavedSearch| SavedSearchView {
        sort: serde_json::from_str(&s.sort).unwrap_or_default(),
        name: s.name,
        query: s.query,
        owner: s.owner,
        at_ms: s.at_ms,
    };
    Ok(searches.into_iter().map(view).collect())
}

pub fn parse(filter: &str) -> Result<Filter, EngineError> {
    Filter::parse(filter).map_err(|e| EngineError::Invalid { why: e.to_string() })
}

pub fn severity(level: u8) -> Severity {
    match level {
        0 => Severity::Info,
        1 => Severity::Warning,
        _ => Severity::Error,
    }
}

fn row(s: &SeriesRecord) -> SeriesRow {
    SeriesRow {
        subject: s.subject.clone(),
        study_uid: s.study_uid.clone(),
        study_date: s.study_date.clone(),
        study_description: s.study_description.clone(),
        series_uid: s.uid.clone(),
        series_number: s.number,
        modality: s.modality.clone(),
        body_part: s.body_part.clone(),
        description: s.description.clone(),
        site: s.site.clone(),
        instances: s.instances,
        frames: s.frames,
        matrix: s.matrix,
        spacing_mm: s.spacing_mm,
        findings: s.findings,
        state: s.state.clone(),
        latest_ms: s.latest_ms,
        harmonised: named(&s.harmonised),
    }
}

/// Values by their names.
fn named(harmonised: &Harmonised) -> std::collections::BTreeMap<String, serde_json::Value> {
    let value = |v: &crate::harmonise::Value| match (&v.text, v.number) {
        (Some(text), _) => text.as_str().into(),
        (None, number) => number.into(),
    };
    harmonised.values.iter().map(|v| (v.name.to_string(), value(v))).collect()
}
