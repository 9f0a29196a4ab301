//! What a snapshot would hold: the series that match, frozen and split. A preview shows it, a snapshot keeps it.

use std::collections::{BTreeMap, BTreeSet};

use super::command::{SplitBy, SplitWords};
use super::{EngineError, Session};
use crate::catalog::{Filter, SnapshotRecord};
use crate::harmonise::TARGETS;
use crate::pipeline::freeze::{Frozen, NotFrozen, freeze};
use crate::snapshot::{Content, Member, Shares, Unit, assign, id_of, root_of};

/// Fields of a series by which subjects may be spread, besides harmonised attributes and structures.
const FIELDS: [&str; 4] = ["site", "modality", "manufacturer", "model"];

/// What a snapshot would hold.
pub(super) struct Prepared {
    /// Its series, by UID, each in its split.
    pub members: Vec<Member>,
    /// Series with accepted labels that are not in it.
    pub left_out: Vec<NotFrozen>,
    /// Identifier, root and counts, as the content gives them.
    pub record: SnapshotRecord,
}

/// Which series, in the query language.
pub(super) fn filter(query: Option<&str>) -> Result<Option<Filter>, EngineError> {
    query.map(Filter::parse).transpose().map_err(|e| EngineError::Invalid { why: e.to_string() })
}

/// Freezes what matches and splits it. What is put together anew is kept for the next time where `keeps`.
pub(super) fn prepare(
    session: &Session,
    filter: Option<&Filter>,
    words: Option<&SplitWords>,
    keeps: bool,
) -> Result<Prepared, EngineError> {
    let (mut frozen, left_out) = freeze(&session.engine.shared, filter, keeps)?;
    if let Some(words) = words
        && !frozen.is_empty()
    {
        split(session, words, &mut frozen)?;
    }
    let members: Vec<Member> = frozen.iter().map(|f| f.member.clone()).collect();
    let record = counted(&frozen, &members);
    Ok(Prepared { members, left_out, record })
}

/// The record of a snapshot as far as its content gives it.
fn counted(frozen: &[Frozen], members: &[Member]) -> SnapshotRecord {
    let root = root_of(members);
    let subjects: BTreeSet<&str> = members.iter().map(|m| m.subject.as_str()).collect();
    SnapshotRecord {
        id: id_of(&root),
        root: hex::encode(root),
        series: members.len() as u64,
        subjects: subjects.len() as u64,
        instances: frozen.iter().map(|f| f.content.instances).sum(),
        labels: frozen.iter().map(|f| f.content.labels().len() as u64).sum(),
        bytes: frozen.iter().map(|f| f.content.bytes).sum(),
        ..SnapshotRecord::default()
    }
}

/// Puts every series into the split of its subject or site.
fn split(session: &Session, words: &SplitWords, frozen: &mut [Frozen]) -> Result<(), EngineError> {
    let invalid = |why: String| EngineError::Invalid { why };
    let shares = Shares::parse(&words.shares).map_err(|e| invalid(e.to_string()))?;
    let fields = fields_of(words, frozen)?;
    let kept = match &words.keep {
        Some(name) => kept(session, name, words.by)?,
        None => BTreeMap::new(),
    };
    let mut strata: BTreeMap<String, Vec<BTreeSet<String>>> = BTreeMap::new();
    for one in frozen.iter() {
        let of_unit = strata.entry(unit_of(&one.member, words.by).to_owned()).or_default();
        of_unit.resize(fields.len(), BTreeSet::new());
        for (values, field) in of_unit.iter_mut().zip(&fields) {
            values.extend(values_of(&one.content, field));
        }
    }
    let units: Vec<Unit> = strata
        .into_iter()
        .map(|(id, values)| {
            let values: Vec<String> =
                values.into_iter().map(|v| v.into_iter().collect::<Vec<_>>().join("+")).collect();
            Unit { stratum: values.join("|"), kept: kept.get(&id).cloned(), id }
        })
        .collect();
    let splits = assign(&units, &shares, words.seed).map_err(|e| invalid(e.to_string()))?;
    for one in frozen {
        one.member.split = splits.get(unit_of(&one.member, words.by)).cloned();
    }
    Ok(())
}

fn unit_of(member: &Member, by: SplitBy) -> &str {
    match by {
        SplitBy::Subject => &member.subject,
        SplitBy::Site => &member.site,
    }
}

/// The splits that subjects, or sites, have in another snapshot.
fn kept(session: &Session, name: &str, by: SplitBy) -> Result<BTreeMap<String, String>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let record = reader.snapshot(name)?;
    let record = record.ok_or_else(|| EngineError::NotFound { what: "snapshot".into(), id: name.into() })?;
    let members = reader.members_of(&record.name)?;
    let mut kept = BTreeMap::new();
    for member in members {
        let Some(split) = &member.split else { continue };
        let before = kept.insert(unit_of(&member, by).to_owned(), split.clone());
        if before.is_some_and(|before| before != *split) {
            let why = format!(
                "{name} has one {} in two splits; keep splits by subject",
                match by {
                    SplitBy::Subject => "subject",
                    SplitBy::Site => "site",
                }
            );
            return Err(EngineError::Invalid { why });
        }
    }
    if kept.is_empty() {
        return Err(EngineError::Invalid { why: format!("snapshot {name} has no splits to keep") });
    }
    Ok(kept)
}

/// The fields by which subjects are spread.
fn fields_of(words: &SplitWords, frozen: &[Frozen]) -> Result<Vec<String>, EngineError> {
    let fields: Vec<String> =
        words.stratify.iter().flat_map(|s| s.split(',')).map(|f| f.trim().to_owned()).collect();
    let structures: BTreeSet<&str> =
        frozen.iter().flat_map(|f| f.content.labels()).map(|l| l.structure.as_str()).collect();
    for field in &fields {
        let is_known = FIELDS.contains(&&**field)
            || structures.contains(&**field)
            || TARGETS.iter().any(|t| t.name == field.as_str());
        if !is_known {
            let targets = TARGETS.iter().map(|t| t.name);
            let known: Vec<&str> = FIELDS.into_iter().chain(targets).chain(structures).collect();
            let why = format!("nothing is called {field:?} to stratify by; there are {}", known.join(", "));
            return Err(EngineError::Invalid { why });
        }
    }
    Ok(fields)
}

/// What a series has in a field: of a structure whether it was found, or what was said of it.
fn values_of(content: &Content, field: &str) -> Vec<String> {
    let text = |value: &Option<String>| vec![value.clone().unwrap_or_default()];
    match field {
        "site" => return vec![content.site.clone()],
        "modality" => return vec![content.modality.clone()],
        "manufacturer" => return text(&content.manufacturer),
        "model" => return text(&content.model),
        _ => {}
    }
    if let Some(value) = content.harmonised.values.iter().find(|v| v.name == field) {
        return vec![value.text.clone().or_else(|| value.number.map(|n| n.to_string())).unwrap_or_default()];
    }
    let said = content.labels().iter().filter(|l| l.structure == field);
    said.map(|l| match &l.value {
        Some(value) => value.to_string(),
        None => l.state.as_str().to_owned(),
    })
    .collect()
}
