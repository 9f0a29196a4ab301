//! Clean: the stored instances of a study that were judged before it named what it names now.
//!
//! Nothing changes in most of them.

use std::sync::TryLockError;

use serde_json::json;

use super::replace::{Act, Swap, replace};
use super::stage::{Stage, StageError};
use super::study_identifiers::StudyIdentifiers;
use super::{Shared, now_ms};
use crate::blob::{BlobError, Staged};
use crate::catalog::{Behind, Job, LedgerLine, Replacement};
use crate::dicom::Contents;

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
        let _still = match shared.store_retention_lock.try_read() {
            Ok(still) => still,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let now = now_ms();
                return Ok(shared.catalog.write_derived(|tx| {
                    tx.enqueue(STAGE, &job.object, now + WAIT_MS, now)?;
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
fn clean(shared: &Shared, names: &StudyIdentifiers, behind: Vec<Behind>) -> Result<(Done, i64), StageError> {
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
    names: &StudyIdentifiers,
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
    let new = Replacement { id: instance.id, blob, bytes: staged.bytes, record, described: None };
    Ok(Some((staged, new)))
}

/// New bytes in place of old ones, with the event; what is clean is noted.
fn commit(shared: &Shared, study_uid: &str, generation: i64, done: Done) -> Result<(), StageError> {
    let swap = |(staged, new, was): (Staged, Replacement, Behind)| Swap {
        staged,
        new,
        was: was.blob,
        series_uid: was.series_uid,
        generation,
    };
    let swaps: Vec<Swap> = done.again.into_iter().map(swap).collect();
    let detail = json!({
        "cleaned": swaps.len(), "unchanged": done.clean.len(), "failed": done.failed.as_ref().map_or(0, |f| f.0),
    });
    let act = Act { actor: "gantry", action: "study.clean", object: study_uid };
    replace(shared, swaps, &act, detail, |tx| tx.mark_cleaned(&done.clean, generation))?;
    Ok(())
}
