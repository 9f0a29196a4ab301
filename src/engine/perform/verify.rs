//! Repair: from the sources that are still there.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::intake::{again_of, replace, take_again};
use crate::engine::command::{Repair, Repaired};
use crate::engine::query::DamageKind;
use crate::engine::{EngineError, Session};
use crate::landing::FileRecord;
use crate::model::Vetting;
use crate::pipeline::verify::mend_row;
use crate::pipeline::{Shared, Sources, Tally, now_ms};

pub fn repair(session: &Session, command: &Repair) -> Result<Repaired, EngineError> {
    let shared = &session.engine.shared;
    let (mut done, mut sources, mut series) = (Repaired::default(), BTreeSet::new(), BTreeSet::new());
    for damage in &command.damage {
        match damage.kind {
            DamageKind::MissingBlob | DamageKind::DamagedBlob | DamageKind::ChangedLedger => {
                sources.extend(shared.catalog.read().sources_of(&damage.object)?);
            }
            DamageKind::ChangedFinding => series.extend(damage.series_uid.clone()),
            DamageKind::LostFile => {
                if let Some(record) = row_of(shared, &damage.object)? {
                    shared.map.forget(record.id)?;
                    done.forgotten += 1;
                }
            }
            DamageKind::ChangedInstance => {
                if let Some(of) = mend_row(shared, &damage.object)? {
                    done.rows_mended += 1;
                    series.extend(of);
                }
            }
            DamageKind::DamagedCopy => copy_again(session, &damage.object, &mut done)?,
            _ => {}
        }
    }
    for source in &sources {
        store_again(session, source, &mut done)?;
    }
    check_again(session, &series)?;
    done.checked_again = series.len() as u64;
    let detail = serde_json::to_value(&done).unwrap_or_else(|_| json!({}));
    shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "workspace.repair", "workspace", &detail))?;
    session.engine.drain()?;
    Ok(done)
}

/// The row of the intake map that a damage is about: its object is `file 17`.
fn row_of(shared: &Shared, object: &str) -> Result<Option<FileRecord>, EngineError> {
    let id = object.strip_prefix("file ").and_then(|id| id.parse().ok());
    Ok(id.map(|id| shared.map.file(id)).transpose()?.flatten())
}

/// Takes a source again, wherever a file with its bytes still lies.
fn store_again(session: &Session, source: &str, done: &mut Repaired) -> Result<(), EngineError> {
    let sources = Sources::of(&session.engine.shared);
    for record in session.engine.shared.map.of_hash(source)? {
        let Some(path) = sources.place(&record.file) else { continue };
        let vetting = if record.file.trusted { Vetting::Trusted } else { Vetting::None };
        let tally = Arc::new(Tally::default());
        match take_again(session, &record.file, &path, vetting, &tally) {
            Some(row) if matches!(&*row.status, "deidentified" | "duplicate") => {
                done.stored_again += 1;
                return Ok(());
            }
            // What a person has passed may need a person again.
            Some(row) => replace(session, &record, row, false)?,
            None => {
                // An archive: its members were taken one by one.
                session.engine.shared.map.forget_inbox(&again_of(&record.file.inbox))?;
                done.stored_again += 1;
                return Ok(());
            }
        }
    }
    done.without_source += 1;
    Ok(())
}

fn copy_again(session: &Session, object: &str, done: &mut Repaired) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    let Some(record) = row_of(shared, object)? else { return Ok(()) };
    let Some(path) = Sources::of(shared).place(&record.file) else {
        done.without_source += 1;
        return Ok(());
    };
    let _ = std::fs::remove_file(shared.quarantined(&record.file.sha256));
    let vetting = if record.file.trusted { Vetting::Trusted } else { Vetting::None };
    if let Some(row) = take_again(session, &record.file, &path, vetting, &Arc::new(Tally::default())) {
        replace(session, &record, row, false)?;
        done.copied_again += 1;
    }
    Ok(())
}

/// The checks of these series, and of their studies, run again.
fn check_again(session: &Session, series: &BTreeSet<String>) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    let now = now_ms();
    for uid in series {
        let study = shared.catalog.read().series(uid)?.map(|s| s.study_uid);
        shared.catalog.write_first(|tx| {
            tx.enqueue("assemble", uid, now, now)?;
            study.iter().try_for_each(|study| tx.enqueue("study", study, now, now))
        })?;
    }
    Ok(())
}
