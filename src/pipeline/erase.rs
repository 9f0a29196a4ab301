//! Erasure: the stored bytes of a subject go, with what was drawn on them, what snapshots hold of them and what the landing
//! side knows of their studies. Digests, and the trail, stay.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use serde_json::json;

use super::replace::forget;
use super::verify::register::ERASED;
use super::{Shared, StageError, now_ms};
use crate::audit;
use crate::bytes::SpillConfig;
use crate::catalog::{CatalogError, Tx, Withdrawal};
use crate::dicom::Contents;
use crate::landing::FileRecord;
use crate::source::open_file;

/// Rows of the intake map that are looked at together.
const AT_ONCE: u32 = 1_000;

/// What a withdrawal is about, as the catalog has it before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The pseudonyms: the subject's own, and those that the headers of joined studies give.
    pub subjects: BTreeSet<String>,
    /// Its series.
    pub series: Vec<String>,
    /// Their studies.
    pub studies: BTreeSet<String>,
    /// Hashes of the source files.
    sources: BTreeSet<String>,
    /// Stored instances.
    blobs: Vec<String>,
}

/// What is held of a subject.
///
/// # Errors
/// The catalog cannot be read.
pub fn holdings(shared: &Shared, subject: &str) -> Result<Holdings, CatalogError> {
    let reader = shared.catalog.read();
    let mut held = Holdings { subjects: [subject.to_owned()].into(), ..Holdings::default() };
    for (series, study) in reader.series_of_subject(subject)? {
        for instance in reader.instances(&series)? {
            held.subjects.insert(instance.subject);
            held.sources.insert(instance.source_hash);
            held.blobs.push(instance.blob);
        }
        held.series.push(series);
        held.studies.insert(study);
    }
    Ok(held)
}

/// Erases what is held of a subject; how many stored instances and drawn labels are gone.
///
/// # Errors
/// The catalog, the store or the landing side refuses. What was done stays done, and it can be done again.
pub fn erase(shared: &Shared, held: &Holdings, withdrawal: &Withdrawal) -> Result<u64, StageError> {
    let erased = {
        let _publish = shared.blob_publish_lock.lock().unwrap_or_else(PoisonError::into_inner);
        // Flushed: a power cut must not bring back rows that name what is gone.
        let erased = shared.catalog.write_first(|tx| rows(tx, held, withdrawal))?;
        shared.catalog.fold_log()?;
        shared.fresh.forget(&held.blobs);
        forget(shared);
        erased
    };
    landing(shared, held)?;
    Ok(erased)
}

fn rows(tx: &Tx<'_>, held: &Holdings, withdrawal: &Withdrawal) -> Result<u64, CatalogError> {
    let now = now_ms();
    let mut gone = 0;
    for series in &held.series {
        let event = tx.next_event()?;
        let erasure = tx.erase_series(series, event)?;
        gone += erasure.instances + erasure.leaves.len() as u64;
        let detail = json!({
            "instances": erasure.instances, "labels": erasure.leaves.len(), "leaves": erasure.leaves.len(),
            "merkle_root": hex::encode(audit::merkle_root(&erasure.leaves)),
            "root": hex::encode(erasure.findings[0]), "study_root": hex::encode(erasure.findings[1]),
        });
        tx.audit(now, &withdrawal.actor, "series.erase", series, &detail)?;
    }
    tx.purge_words()?;
    for subject in &held.subjects {
        let erased = Withdrawal { subject: subject.clone(), erased_ms: Some(now), ..withdrawal.clone() };
        tx.put_withdrawal(&erased)?;
    }
    let detail = json!({ "subjects": held.subjects, "series": held.series.len() });
    tx.audit(now, &withdrawal.actor, ERASED, &withdrawal.subject, &detail)?;
    Ok(gone)
}

/// What the landing side has of the studies: where files lay, copies in quarantine, what the studies name, the vault.
fn landing(shared: &Shared, held: &Holdings) -> Result<(), StageError> {
    for row in held.sources.iter().map(|hash| shared.map.of_hash(hash)) {
        row?.iter().try_for_each(|row| shared.map.forget(row.id))?;
    }
    let mut after = 0;
    loop {
        let rows = shared.map.rows_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows.iter().filter(|row| row.file.kept && is_of(shared, row, held)) {
            shared.map.forget(row.id)?;
            if !shared.map.keeps(&row.file.sha256)? {
                remove_copy(shared, &row.file.sha256)?;
            }
        }
    }
    for study in &held.studies {
        shared.known.forget_study(study)?;
        shared.vault.remove(study).map_err(CatalogError::from)?;
    }
    Ok(())
}

/// Whether the copy of a quarantined file is of one of the studies.
fn is_of(shared: &Shared, row: &FileRecord, held: &Holdings) -> bool {
    let Ok(copy) = open_file(&shared.quarantined(&row.file.sha256)) else { return false };
    let copy = Contents::of(copy, SpillConfig::default());
    shared.deid.named(&copy).is_some_and(|named| held.studies.contains(&named.study_uid))
}

fn remove_copy(shared: &Shared, sha256: &str) -> Result<(), StageError> {
    match std::fs::remove_file(shared.quarantined(sha256)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CatalogError::from(error).into()),
        _ => Ok(()),
    }
}
