//! What differs between two snapshots, series by series, with why.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Content, FrozenLabel, Member, Standing};
use crate::harmonise::Value;

/// One series that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffEntry {
    /// The series.
    pub series_uid: String,
    /// Why, in words.
    pub why: String,
}

/// What differs from the first snapshot to the second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// In the second alone.
    pub added: Vec<DiffEntry>,
    /// In the first alone.
    pub removed: Vec<DiffEntry>,
    /// In both, with other labels.
    pub relabelled: Vec<DiffEntry>,
    /// In both with the same labels, and something else of it differs.
    pub attributes_changed: Vec<DiffEntry>,
}

/// Which of two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

/// Compares members, which stand in the order of their series UIDs. `alone` says why a series is in one of them alone, `both`
/// gives the contents of a series whose digests differ; nothing where they were erased.
///
/// # Errors
/// What `alone` or `both` return.
pub fn diff<E>(
    first: &[Member],
    second: &[Member],
    mut alone: impl FnMut(Side, &Member) -> Result<String, E>,
    mut both: impl FnMut(&Member, &Member) -> Result<Option<(Content, Content)>, E>,
) -> Result<Diff, E> {
    let mut out = Diff::default();
    let (mut a, mut b) = (first.iter().peekable(), second.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return Ok(out),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.series_uid.cmp(&y.series_uid),
        };
        let entry = |member: &Member, why: String| DiffEntry { series_uid: member.series_uid.clone(), why };
        match order {
            Ordering::Less => {
                let Some(member) = a.next() else { continue };
                out.removed.push(entry(member, alone(Side::First, member)?));
            }
            Ordering::Greater => {
                let Some(member) = b.next() else { continue };
                out.added.push(entry(member, alone(Side::Second, member)?));
            }
            Ordering::Equal => {
                let (Some(x), Some(y)) = (a.next(), b.next()) else { continue };
                if x != y {
                    compare(x, y, &mut both, &mut out)?;
                }
            }
        }
    }
}

fn compare<E>(
    x: &Member,
    y: &Member,
    both: &mut impl FnMut(&Member, &Member) -> Result<Option<(Content, Content)>, E>,
    out: &mut Diff,
) -> Result<(), E> {
    let mut attributes = Vec::new();
    if x.split != y.split {
        let name = |m: &Member| m.split.clone().unwrap_or_else(|| "no split".into());
        attributes.push(format!("{} became {}", name(x), name(y)));
    }
    let mut labels = None;
    if x.digest != y.digest {
        match both(x, y)? {
            Some((before, after)) => {
                labels = relabelled(before.standing.as_ref(), after.standing.as_ref());
                attributes.extend(what_differs(&before, &after));
            }
            None => attributes.push("its content was erased or replaced, and differed".into()),
        }
    }
    let entry = |why: String| DiffEntry { series_uid: x.series_uid.clone(), why };
    match labels {
        Some(why) => out.relabelled.push(entry([vec![why], attributes].concat().join("; "))),
        None if attributes.is_empty() => {}
        None => out.attributes_changed.push(entry(attributes.join("; "))),
    }
    Ok(())
}

/// Why the labels differ, where they do.
fn relabelled(before: Option<&Standing>, after: Option<&Standing>) -> Option<String> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (Some(_), None) => return Some("its labels are gone".into()),
        (None, Some(after)) => return Some(format!("read {} stands since", after.read)),
        (Some(before), Some(after)) => (before, after),
    };
    if before == after {
        return None;
    }
    let changed = changed_structures(&before.labels, &after.labels);
    let what = if changed.is_empty() { "the same labels".into() } else { changed.join(", ") };
    let decided = after.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    Some(format!(
        "read {} of {} under guideline {} stands ({}{decided}) in place of read {}: {what}",
        after.read,
        after.reader,
        after.guideline,
        after.how.as_str(),
        before.read
    ))
}

/// The structures of which something else is said.
fn changed_structures(before: &[FrozenLabel], after: &[FrozenLabel]) -> Vec<String> {
    let names: BTreeSet<&str> = before.iter().chain(after).map(|l| l.structure.as_str()).collect();
    let said = |labels: &[FrozenLabel], name: &str| -> Vec<FrozenLabel> {
        labels.iter().filter(|l| l.structure == name).cloned().collect()
    };
    names.into_iter().filter(|n| said(before, n) != said(after, n)).map(str::to_owned).collect()
}

/// What differs of two contents of a series but for its labels, in words.
pub fn what_differs(before: &Content, after: &Content) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |name: &str, before: String, after: String| {
        if before != after {
            found.push(format!("{name} {before} became {after}"));
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "absent".into());
    differs("subject", before.subject.clone(), after.subject.clone());
    differs("site", before.site.clone(), after.site.clone());
    differs("study date", text(&before.study_date), text(&after.study_date));
    differs("manufacturer", text(&before.manufacturer), text(&after.manufacturer));
    differs("model", text(&before.model), text(&after.model));
    differs("instances", before.instances.to_string(), after.instances.to_string());
    let names: BTreeSet<&str> =
        before.harmonised.values.iter().chain(&after.harmonised.values).map(|v| &*v.name).collect();
    for name in names {
        let shown = |c: &Content| {
            let value = c.harmonised.values.iter().find(|v| v.name == name);
            value.and_then(shown_value).unwrap_or_else(|| "absent".into())
        };
        differs(name, shown(before), shown(after));
    }
    if before.harmonised.rules != after.harmonised.rules {
        found.push(format!("harmonised by rules {}", after.harmonised.rules));
    }
    if before.images != after.images && before.instances == after.instances {
        found.push("its images were stored anew".into());
    }
    found
}

/// A harmonised value as people read it.
fn shown_value(value: &Value) -> Option<String> {
    value.text.clone().or_else(|| value.number.map(|n| n.to_string()))
}
