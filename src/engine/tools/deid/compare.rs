//! Two profiles on the same data: which attributes would fare differently, and in how many instances.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{DeidError, IdentifierStore, Kept, Options, Walk, in_order, one};
use crate::bytes::{MemoryBudget, NoRoom, SpillConfig};
use crate::deid::{Action, Context, Deidentifier, HELD_AT_ONCE, Outcome};
use crate::dicom;
use crate::model::Tag;
use crate::source::Item;

/// An attribute that the two profiles treat differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The tag.
    pub tag: Tag,
    /// Its keyword.
    pub keyword: Option<&'static str>,
    /// What the profile does, at whatever depth; nothing where only the other writes the instance or the attribute.
    pub profile: BTreeSet<Action>,
    /// What the other does.
    pub against: BTreeSet<Action>,
    /// In how many instances.
    pub instances: u64,
}

/// Two profiles on the same data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Regular files.
    pub instances: u64,
    /// Files of which one profile would write an output and the other none.
    pub other_end: u64,
    /// Attributes that fare differently.
    pub differences: Vec<Difference>,
}

type Fates = BTreeMap<Tag, BTreeSet<Action>>;

/// De-identifies a tree by both, writes nothing, and says what differs.
///
/// # Errors
/// The input cannot be read.
pub fn compare(
    ours: &Deidentifier,
    theirs: &Deidentifier,
    options: &Options<'_>,
) -> Result<Comparison, DeidError> {
    let input = std::fs::canonicalize(options.input).map_err(|e| DeidError::Input(e.kind()))?;
    let memory = MemoryBudget::new(HELD_AT_ONCE);
    let scratch = SpillConfig { folder: None, memory: Some(&memory) };
    // Both read every file: neither may take what the other needs.
    let kept = Kept::nothing();
    let names = |d| IdentifierStore::gather(d, Walk::new(&input), scratch, &kept);
    let (our_names, their_names) = (names(ours)?, names(theirs)?);
    let fates = |d: &Deidentifier, known: &IdentifierStore, item: &Item| {
        let context = Context { site: options.site, vetting: options.vetting, known, scratch };
        one(d, item, &context, &kept).map(|outcome| fates_of(&outcome))
    };
    let mut comparison = Comparison::default();
    let mut found: BTreeMap<(Tag, BTreeSet<Action>, BTreeSet<Action>), u64> = BTreeMap::new();
    let both = |item: &Item| Ok((fates(ours, &our_names, item)?, fates(theirs, &their_names, item)?));
    in_order(Walk::new(&input), both, |_, both: Result<_, NoRoom>| {
        let (a, b) = both.map_err(|NoRoom(kind)| DeidError::Output(kind))?;
        comparison.instances += 1;
        comparison.other_end += u64::from(a.is_some() != b.is_some());
        let (Some(a), Some(b)) = (a, b) else { return Ok(()) };
        let tags: BTreeSet<Tag> = a.keys().chain(b.keys()).copied().collect();
        for tag in tags {
            let (a, b) = (a.get(&tag).cloned().unwrap_or_default(), b.get(&tag).cloned().unwrap_or_default());
            if a != b {
                *found.entry((tag, a, b)).or_default() += 1;
            }
        }
        Ok(())
    })?;
    comparison.differences = found
        .into_iter()
        .map(|((tag, profile, against), instances)| Difference {
            tag,
            keyword: dicom::keyword(tag),
            profile,
            against,
            instances,
        })
        .collect();
    Ok(comparison)
}

/// What each attribute of a written instance got; `None` where it is not written.
fn fates_of(outcome: &Outcome) -> Option<Fates> {
    let Outcome::Written { record, .. } = outcome else { return None };
    let mut fates = Fates::new();
    for entry in &record.actions {
        fates.entry(entry.tag).or_default().insert(entry.action);
    }
    Some(fates)
}
