//! Blobs against their names, rows against their blobs, ledger lines against their hashes, all of them against the roots
//! of the trail.

use std::collections::HashSet;

use rayon::prelude::*;

use super::{Damage, DamageKind, Depth, Shared, StageError, Verified};
use crate::blob::BlobError;
use crate::bytes::SpillConfig;
use crate::catalog::{LedgerLine, Reader, StoredInstance};
use crate::dicom::{Contents, DataSet, ReadOptions};
use crate::label::stored;
use crate::model::{Tag, tags};

/// What is said of a document of a guideline that is missing or damaged.
const DOCUMENT_LOST: &str = "a guideline's document; `gantry plan apply` of the plan stores it again";
/// What is said of a label that is missing or damaged.
const LABEL_LOST: &str = "what a reader drew; `gantry label import` of its file stores it again";
/// Rows looked at in one go.
const AT_ONCE: u32 = 512;

pub fn verify(
    shared: &Shared,
    reader: &Reader<'_>,
    names: Vec<String>,
    depth: Depth,
    verified: &mut Verified,
) -> Result<(), StageError> {
    let names: HashSet<String> = names.into_iter().collect();
    let mut named = HashSet::new();
    let mut after = 0;
    loop {
        let rows = reader.stored_rows(after, AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        let found: Vec<Vec<Damage>> =
            rows.par_iter().map(|row| of_row(shared, row, depth, names.contains(&row.blob))).collect();
        for (row, found) in rows.into_iter().zip(found) {
            verified.instances += 1;
            verified.uncovered += u64::from(row.event.is_none());
            if depth == Depth::Whole && found.iter().all(|d| d.kind != DamageKind::MissingBlob) {
                verified.blobs += 1;
                verified.bytes += row.bytes;
            }
            named.insert(row.blob);
            found.into_iter().for_each(|damage| verified.add(damage));
        }
    }
    let checks: [(Vec<String>, &str, fn(&[u8]) -> bool); 2] = [
        (reader.label_blobs()?, LABEL_LOST, |bytes| stored::decode(bytes).is_some()),
        (reader.document_blobs()?, DOCUMENT_LOST, |_| true),
    ];
    for check in checks {
        kept(shared, check, (&names, depth), verified, &mut named);
    }
    let leaving: HashSet<String> = reader.leaving()?.into_iter().collect();
    verified.unnamed = names.iter().filter(|n| !named.contains(*n) && !leaving.contains(*n)).count() as u64;
    for sop_uid in reader.rows_without_ledger()? {
        verified.found(DamageKind::ChangedLedger, sop_uid, "the ledger line of this instance is gone");
    }
    Ok(())
}

/// What readers drew, and documents: each blob against its name and its form.
fn kept(
    shared: &Shared,
    (blobs, lost, has_form): (Vec<String>, &str, fn(&[u8]) -> bool),
    (names, depth): (&HashSet<String>, Depth),
    verified: &mut Verified,
    named: &mut HashSet<String>,
) {
    for blob in blobs {
        if depth == Depth::Quick {
            if !names.contains(&blob) {
                verified.found(DamageKind::MissingBlob, blob.clone(), lost);
            }
        } else {
            match shared.store.read(&blob) {
                Ok(bytes) if !has_form(&bytes) => {
                    verified.found(DamageKind::DamagedBlob, blob.clone(), "it has no form that is known");
                }
                Ok(bytes) => {
                    verified.blobs += 1;
                    verified.bytes += bytes.len() as u64;
                }
                Err(error) => {
                    let kind = match &error {
                        BlobError::NotFound(_) => DamageKind::MissingBlob,
                        BlobError::Damaged(_) => DamageKind::DamagedBlob,
                        BlobError::Io(_) => DamageKind::UnreadableBlob,
                    };
                    verified.found(kind, blob.clone(), lost);
                }
            }
        }
        named.insert(blob);
    }
}

fn of_row(shared: &Shared, row: &StoredInstance, depth: Depth, is_there: bool) -> Vec<Damage> {
    let mut found = Vec::new();
    let mut add = |kind, object: &str, detail: String| {
        let series_uid = Some(row.series_uid.clone());
        found.push(Damage { kind, object: object.into(), detail, series_uid });
    };
    if LedgerLine::new(&row.ledger).hash() != &row.ledger_hash {
        add(DamageKind::ChangedLedger, &row.sop_uid, "its text does not match its hash".into());
    }
    if depth == Depth::Quick {
        if is_there {
            let size =
                shared.store.locate(&row.blob).ok().and_then(|path| path.metadata().ok()).map(|m| m.len());
            if size != Some(row.bytes) {
                add(DamageKind::DamagedBlob, &row.blob, "it has another size".into());
            }
        } else {
            add(DamageKind::MissingBlob, &row.blob, "no file of this name is in the store".into());
        }
        return found;
    }
    match shared.store.open_verified(&row.blob) {
        Ok(bytes) => {
            if bytes.len() != row.bytes {
                add(DamageKind::ChangedInstance, &row.sop_uid, "its size is another".into());
            }
            let contents = Contents::of(bytes, SpillConfig::default());
            match contents.read(ReadOptions { header_only: true, partial: false }) {
                Ok(file) => {
                    let differ = differences(&file.dataset, row);
                    if !differ.is_empty() {
                        add(
                            DamageKind::ChangedInstance,
                            &row.sop_uid,
                            format!("{} differ", differ.join(", ")),
                        );
                    }
                }
                Err(_) => add(DamageKind::ChangedInstance, &row.sop_uid, "its blob is no DICOM".into()),
            }
        }
        Err(BlobError::NotFound(_)) => {
            add(DamageKind::MissingBlob, &row.blob, "no file of this name is in the store".into());
        }
        Err(BlobError::Damaged(_)) => {
            add(DamageKind::DamagedBlob, &row.blob, "its bytes do not match its name".into());
        }
        Err(error @ BlobError::Io(_)) => add(DamageKind::UnreadableBlob, &row.blob, error.to_string()),
    }
    found
}

/// Columns that say something else than the stored header.
fn differences(header: &DataSet<'_>, row: &StoredInstance) -> Vec<&'static str> {
    let pairs: [(&str, Tag, &str); 5] = [
        ("SOP instance UID", tags::SOP_INSTANCE_UID, &row.sop_uid),
        ("series UID", tags::SERIES_INSTANCE_UID, &row.series_uid),
        ("study UID", tags::STUDY_INSTANCE_UID, &row.study_uid),
        ("subject", tags::PATIENT_ID, &row.subject),
        ("SOP class", tags::SOP_CLASS_UID, &row.sop_class),
    ];
    pairs
        .into_iter()
        .filter(|(_, tag, said)| header.ascii(*tag).unwrap_or_default() != *said)
        .map(|(name, ..)| name)
        .collect()
}
