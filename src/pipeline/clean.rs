//! Clean: the stored instances of a study that were judged before it named what it names now.
//!
//! Nothing changes in most of them. Where something does, the new bytes are in place and flushed before the catalog
//! names them, and the old ones go when it no longer does: a kill leaves the one or the other.

use std::collections::BTreeSet;
use std::sync::{PoisonError, TryLockError};

use serde_json::json;

use super::known::Names;
use super::stage::{Stage, StageError};
use super::{Shared, now_ms};
use crate::audit;
use crate::blob::{BlobError, Staged};
use crate::catalog::{Behind, CatalogError, Job, LedgerLine, Replacement, Tx};
use crate::dicom::Contents;
use crate::model::What;

/// Its name.
pub const STAGE: &str = "clean";

/// Cleans a study again.
pub struct Clean;

/// Instances of one transaction.
const AT_ONCE: u32 = 64;
/// Bytes of them, beyond which no further one is taken up.
const BYTES_AT_ONCE: u64 = 256 << 20;
/// Before the next look, where the store must stay as it is.
const WAIT_MS: i64 = 1_000;

/// What became of some instances.
#[derive(Default)]
struct Done {
    /// Hold nothing that has to go.
    clean: Vec<i64>,
    /// Were cleaned: new bytes, what to write of them, what they were.
    again: Vec<(Staged, Replacement, Behind)>,
    /// How many could not be, and why the last could not.
    failed: Option<(u64, String)>,
}

impl Stage for Clean {
    fn name(&self) -> &'static str {
        STAGE
    }

    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError> {
        let _still = match shared.store_stays.try_read() {
            Ok(still) => still,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let now = now_ms();
                return Ok(shared.catalog.write_derived(|tx| {
                    tx.want(STAGE, &job.object, now + WAIT_MS, now)?;
                    tx.finish(job)
                })?);
            }
        };
        let names = shared.known.of(&job.object)?;
        let (mut after, mut failed) = (0, None);
        loop {
            let behind = shared.catalog.read().behind(&job.object, names.generation, after, AT_ONCE)?;
            if behind.is_empty() {
                break;
            }
            let (done, last) = clean(shared, &names, behind)?;
            after = last;
            if let Some((count, why)) = &done.failed {
                let (before, _) = failed.take().unwrap_or_default();
                failed = Some((before + count, why.clone()));
            }
            commit(shared, &job.object, names.generation, done)?;
        }
        if let Some((count, why)) = failed {
            return Err(StageError::Uncleaned { count, why });
        }
        Ok(shared.catalog.write_derived(|tx| tx.finish(job))?)
    }
}

/// Cleans instances, as many as go into one transaction; also the row of the last.
fn clean(shared: &Shared, names: &Names, behind: Vec<Behind>) -> Result<(Done, i64), StageError> {
    let (mut done, mut bytes, mut last) = (Done::default(), 0, 0);
    for instance in behind {
        if bytes > BYTES_AT_ONCE {
            break;
        }
        bytes += instance.bytes;
        last = instance.id;
        match one(shared, names, &instance) {
            Ok(None) => done.clean.push(instance.id),
            Ok(Some((staged, new))) => done.again.push((staged, new, instance)),
            Err(StageError::Uncleaned { count, why }) => {
                let (before, _) = done.failed.take().unwrap_or_default();
                done.failed = Some((before + count, why));
            }
            Err(other) => return Err(other),
        }
    }
    Ok((done, last))
}

/// One instance; `None` where nothing changes.
fn one(
    shared: &Shared,
    names: &Names,
    instance: &Behind,
) -> Result<Option<(Staged, Replacement)>, StageError> {
    let uncleaned = |why: String| StageError::Uncleaned { count: 1, why };
    let stored = match shared.store.open_verified(&instance.blob) {
        Ok(stored) => Contents::of(stored, shared.scratch()),
        Err(error @ BlobError::Io(_)) => return Err(error.into()),
        Err(error) => return Err(uncleaned(error.to_string())),
    };
    let cleaned = shared
        .deid
        .clean_again(&stored, names, shared.scratch())
        .map_err(|error| uncleaned(error.to_string()))?;
    let Some(cleaned) = cleaned else { return Ok(None) };
    let line =
        cleaned.amend(&instance.ledger).ok_or_else(|| uncleaned("its ledger line cannot be read".into()))?;
    let staged = shared.store.stage(&cleaned.bytes)?;
    let (blob, record) = (staged.name.clone(), LedgerLine::new(&line));
    let new = Replacement { id: instance.id, blob, bytes: staged.bytes, record };
    Ok(Some((staged, new)))
}

/// New blobs, then rows, then the old blobs go.
fn commit(shared: &Shared, study_uid: &str, generation: i64, mut done: Done) -> Result<(), StageError> {
    let placing = shared.placing.lock().unwrap_or_else(PoisonError::into_inner);
    shared.store.settle(done.again.iter_mut().map(|(staged, ..)| staged), false)?;
    let series: BTreeSet<&str> = done.again.iter().map(|(.., was)| &*was.series_uid).collect();
    let leaves: Vec<audit::Hash> =
        done.again.iter().map(|(_, new, _)| audit::instance_leaf(&new.blob, new.record.hash())).collect();
    let now = now_ms();
    let write = |tx: &Tx<'_>| -> Result<(), CatalogError> {
        tx.keep_up(&done.clean, generation)?;
        let event = tx.next_event()?;
        for (place, (_, new, was)) in done.again.iter().enumerate() {
            tx.cover(was.id, event, place)?;
            tx.replace_blob(new)?;
            tx.keep_up(&[was.id], generation)?;
        }
        if series.is_empty() {
            return Ok(());
        }
        for uid in &series {
            // What is shown of it in words is gone at once, and comes back cleaned.
            tx.forget_words(uid)?;
            tx.want("assemble", uid, now, now)?;
        }
        tx.purge_words()?;
        let detail = json!({
            "cleaned": done.again.len(), "unchanged": done.clean.len(), "series": series.len(),
            "failed": done.failed.as_ref().map_or(0, |f| f.0),
            "leaves": leaves.len(), "merkle_root": hex::encode(audit::merkle_root(&leaves)),
        });
        tx.audit(now, "gantry", "study.clean", study_uid, &detail)?;
        Ok(())
    };
    // Flushed: the old blobs go, and a power cut must not bring back rows that name them.
    shared.catalog.write(write)?;
    if !done.again.is_empty() {
        if let Err(failed) = shared.catalog.fold_log() {
            tracing::error!("what was cleaned away still stands somewhere: {failed}");
        }
        forget(shared);
    }
    drop(placing);
    for uid in series {
        shared.bus.tell(What::Series { series_uid: uid.to_string() });
    }
    Ok(())
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
        tracing::error!("what was cleaned away still stands somewhere: {failed}");
    }
}
