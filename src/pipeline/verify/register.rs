//! What is noted of exports and withdrawals, against the trail: who holds whose data, and who has withdrawn, must not be
//! changed in silence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::catalog::{CatalogError, Reader, TrailRecord, Withdrawal};

/// The action of the entry that tells of an export.
pub const EXPORTED: &str = "dataset.export";
/// The action of the entry that tells that series were sent to an archive.
pub const SENT: &str = "remote.send";
/// The action of the entry that tells of a withdrawal.
pub const WITHDRAWN: &str = "subject.withdraw";
/// The action of the entry that tells that the bytes of a subject were erased.
pub const ERASED: &str = "subject.erase";

/// What differs from the trail, each with what it is about: exports (all, or those of a snapshot) and withdrawals.
///
/// # Errors
/// The catalog cannot be read.
pub fn differences(
    reader: &Reader<'_>,
    snapshot: Option<&str>,
) -> Result<Vec<(String, &'static str)>, CatalogError> {
    let mut found = exports(reader, snapshot)?;
    found.extend(withdrawals(reader)?);
    Ok(found)
}

fn exports(reader: &Reader<'_>, snapshot: Option<&str>) -> Result<Vec<(String, &'static str)>, CatalogError> {
    let is_asked = |of: Option<&str>| snapshot.is_none() || of == snapshot;
    let mut told = BTreeMap::new();
    for action in [EXPORTED, SENT] {
        reader.each_entry_of(action, |entry| {
            let detail = detail(&entry);
            let number = detail["run"].as_i64().filter(|_| is_asked(detail["snapshot"].as_str()));
            told.extend(number.map(|number| (number, detail["register_sha256"].clone())));
        })?;
    }
    let stand: BTreeMap<i64, Value> = reader
        .export_digests()?
        .into_iter()
        .filter(|(number, of, _)| is_asked(of.as_deref()) || told.contains_key(number))
        .map(|(number, _, digest)| (number, hex::encode(digest).into()))
        .collect();
    let numbers: BTreeSet<i64> = told.keys().chain(stand.keys()).copied().collect();
    let mut found: Vec<_> = numbers
        .into_iter()
        .filter(|number| told.get(number) != stand.get(number))
        .map(|number| (format!("export {number}"), "what is noted of it is not what the trail tells"))
        .collect();
    if reader.members_without_export()? > 0 {
        found.push(("exports".into(), "the one in which a series is noted is gone"));
    }
    Ok(found)
}

fn withdrawals(reader: &Reader<'_>) -> Result<Vec<(String, &'static str)>, CatalogError> {
    let mut told: BTreeMap<String, Withdrawal> = BTreeMap::new();
    reader.each_entry_of(WITHDRAWN, |entry| {
        let detail = detail(&entry);
        for subject in subjects(&entry, &detail) {
            // Of one that has withdrawn already, the first time stands.
            told.entry(subject.clone()).or_insert_with(|| Withdrawal {
                subject,
                reason: detail["reason"].as_str().unwrap_or_default().into(),
                at_ms: entry.at_ms,
                actor: entry.actor.clone(),
                erased_ms: None,
            });
        }
    })?;
    reader.each_entry_of(ERASED, |entry| {
        for subject in subjects(&entry, &detail(&entry)) {
            if let Some(withdrawal) = told.get_mut(&subject) {
                withdrawal.erased_ms.get_or_insert(entry.at_ms);
            }
        }
    })?;
    let stand: BTreeMap<String, Withdrawal> =
        reader.withdrawals()?.into_iter().map(|w| (w.subject.clone(), w)).collect();
    let all: BTreeSet<&String> = told.keys().chain(stand.keys()).collect();
    let differs = all.into_iter().filter(|subject| told.get(*subject) != stand.get(*subject));
    Ok(differs
        .map(|subject| {
            (format!("subject {subject}"), "its withdrawal is not the one that the trail tells of")
        })
        .collect())
}

fn detail(entry: &TrailRecord) -> Value {
    serde_json::from_str(&entry.detail).unwrap_or_default()
}

/// The pseudonyms that an entry about a subject names.
fn subjects(entry: &TrailRecord, detail: &Value) -> BTreeSet<String> {
    let named = detail["subjects"].as_array().into_iter().flatten().filter_map(Value::as_str);
    named.map(str::to_owned).chain([entry.object.clone()]).collect()
}
