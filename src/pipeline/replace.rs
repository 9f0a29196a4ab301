//! Other bytes in place of stored ones. The new bytes are in place and flushed before the catalog names them, and the old
//! ones go when it no longer does: a kill leaves the one or the other.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use serde_json::Value;

use super::stage::StageError;
use super::{Shared, now_ms};
use crate::audit;
use crate::blob::Staged;
use crate::catalog::{CatalogError, Replacement, Tx};
use crate::model::ChangeKind;

/// New bytes for one stored instance.
pub struct Swap {
    /// The bytes, not yet in their place.
    pub staged: Staged,
    /// What to write of them.
    pub new: Replacement,
    /// The blob that they were made in place of.
    pub was: String,
    /// The remapped series UID.
    pub series_uid: String,
    /// The generation of what its study names under which its text was cleaned.
    pub generation: i64,
}

/// Who replaces, and what the trail calls it.
pub struct Act<'a> {
    /// Who.
    pub actor: &'a str,
    /// The action.
    pub action: &'a str,
    /// What it is done to.
    pub object: &'a str,
}

/// Puts new bytes in place of old ones in one flushed transaction with its event; `more` is done in the same one. An
/// instance that was replaced by somebody else meanwhile stays as it is. How many were replaced.
///
/// # Errors
/// The disk or the catalog refuses; nothing has happened then.
pub fn replace(
    shared: &Shared,
    mut swaps: Vec<Swap>,
    act: &Act<'_>,
    detail: Value,
    more: impl FnOnce(&Tx<'_>) -> Result<(), CatalogError>,
) -> Result<u64, StageError> {
    let blob_publish_lock = shared.blob_publish_lock.lock().unwrap_or_else(PoisonError::into_inner);
    shared.store.settle(swaps.iter_mut().map(|swap| &mut swap.staged), false)?;
    // Flushed: the old blobs go, and a power cut must not bring back rows that name them.
    let (replaced, series) = shared.catalog.write(|tx| {
        more(tx)?;
        rows(tx, &swaps, act, detail)
    })?;
    if replaced > 0 {
        if let Err(failed) = shared.catalog.fold_log() {
            tracing::error!("what was replaced still stands somewhere: {failed}");
        }
        forget(shared);
    }
    drop(blob_publish_lock);
    for series_uid in series {
        shared.bus.tell(ChangeKind::Series { series_uid });
    }
    Ok(replaced)
}

/// The rows of what is replaced, the jobs that follow, the event; how many were replaced, in which series.
fn rows(
    tx: &Tx<'_>,
    swaps: &[Swap],
    act: &Act<'_>,
    mut detail: Value,
) -> Result<(u64, Vec<String>), CatalogError> {
    let (event, now) = (tx.next_event()?, now_ms());
    let (mut leaves, mut series) = (Vec::new(), BTreeSet::new());
    for swap in swaps {
        if tx.blob_of(swap.new.id)?.as_ref() != Some(&swap.was) {
            continue;
        }
        tx.cover(swap.new.id, event, leaves.len())?;
        tx.replace_blob(&swap.new)?;
        tx.mark_cleaned(&[swap.new.id], swap.generation)?;
        leaves.push(audit::instance_leaf(&swap.new.blob, swap.new.record.hash()));
        series.insert(&*swap.series_uid);
    }
    if leaves.is_empty() {
        return Ok((0, Vec::new()));
    }
    for uid in &series {
        // What is shown of it in words is gone at once, and comes back cleaned.
        tx.forget_words(uid)?;
        tx.enqueue("assemble", uid, now, now)?;
    }
    tx.purge_words()?;
    detail["replaced"] = leaves.len().into();
    detail["series"] = series.len().into();
    detail["leaves"] = leaves.len().into();
    detail["merkle_root"] = hex::encode(audit::merkle_root(&leaves)).into();
    tx.audit(now, act.actor, act.action, act.object, &detail)?;
    Ok((leaves.len() as u64, series.into_iter().map(str::to_string).collect()))
}

/// Takes away the bytes that stood there before, these and those that could not be taken away earlier. One failure must
/// not keep the others from going; what is left is logged and tried again with the next study, and at the next start.
/// Nothing may be put into place meanwhile.
pub(super) fn forget(shared: &Shared) {
    let leaving = shared.catalog.read().leaving().unwrap_or_default();
    if leaving.is_empty() {
        return;
    }
    let gone = |blob: &String| -> Result<(), StageError> {
        if !shared.catalog.read().names_blob(blob)? {
            shared.store.remove(blob)?;
        }
        Ok(())
    };
    let (gone, left): (Vec<_>, Vec<_>) =
        leaving.iter().map(|blob| (blob, gone(blob))).partition(|b| b.1.is_ok());
    let noted = shared.catalog.write_derived(|tx| gone.iter().try_for_each(|(blob, _)| tx.has_left(blob)));
    let noted = noted.map_err(StageError::from).err();
    for failed in left.into_iter().filter_map(|(_, failed)| failed.err()).chain(noted) {
        tracing::error!("what was replaced still stands somewhere: {failed}");
    }
}
