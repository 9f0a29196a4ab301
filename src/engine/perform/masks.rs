//! Quarantined copies of stored pictures whose masks a person doubts: what is decided goes to what is stored.

use crate::engine::{EngineError, Session};
use crate::landing::{FileRecord, NewFile};
use crate::model::Vetting;
use crate::pipeline::MASKS_QUESTIONED;
use crate::pipeline::reprocess::mask_again;

/// Whether a file of the intake is such a copy.
pub(super) fn is_questioned(file: &NewFile) -> bool {
    file.status == "quarantined" && file.reason == MASKS_QUESTIONED
}

/// The stored instance gets the masks that a person has drawn, none where the picture was released, those of the profile
/// where it was only tried again. Otherwise why not.
pub(super) fn decide(
    session: &Session,
    record: &FileRecord,
    vetting: &Vetting,
) -> Result<Result<(), String>, EngineError> {
    let shared = &session.engine.shared;
    let stored = shared.catalog.read().stored_of_hash(&record.file.sha256)?;
    if stored.is_empty() {
        return Ok(Err("it is not stored any more".into()));
    }
    let done = mask_again(shared, &stored, vetting, &session.user)?;
    if let Some((why, _)) = done.left.into_iter().next() {
        return Ok(Err(why));
    }
    settle(session, record, *vetting == Vetting::Trusted)?;
    Ok(Ok(()))
}

/// The copy goes; the row of a source tells again that it is stored.
pub(super) fn settle(session: &Session, record: &FileRecord, trusted: bool) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    let is_source = shared.catalog.read().has_source(&record.file.sha256)?;
    if is_source {
        let (reason, detail) = (String::new(), String::new());
        let told = shared.map.of_hash(&record.file.sha256)?;
        let is_told = told.iter().any(|row| row.id != record.id && row.file.status == "deidentified");
        let status = if is_told { "duplicate" } else { "deidentified" }.to_string();
        let file = NewFile { status, reason, detail, trusted, kept: false, ..record.file.clone() };
        shared.map.put(&[file])?;
    } else {
        shared.map.forget(record.id)?;
    }
    if !shared.map.keeps(&record.file.sha256)? {
        let _ = std::fs::remove_file(shared.quarantined(&record.file.sha256));
    }
    Ok(())
}
