//! Sealing and opening the vault.

use std::path::Path;

use serde_json::json;

use super::folders;
use super::intake::edit;
use super::typed;
use crate::deid::{Recipient, VaultKey};
use crate::dicom::Contents;
use crate::engine::command::{FillVault, OpenVault, SealVault, VaultFilled, VaultOpened};
use crate::engine::{EngineError, Session};
use crate::model::Links;
use crate::model::words::io_words;
use crate::pipeline::{Refusal, Shared, now_ms};
use crate::source::{Entry, Item, items, walk};

pub fn seal(session: &Session, command: &SealVault) -> Result<(), EngineError> {
    Recipient::parse(&command.recipient).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    edit(session, "vault.seal", &json!({ "recipient": command.recipient }), |edit| {
        edit.set("vault.recipient", &format!("{:?}", command.recipient));
        Ok(())
    })
}

/// Reads the headers of sources and seals an entry for each study of the catalog that has none.
pub fn fill(session: &Session, command: &FillVault) -> Result<VaultFilled, EngineError> {
    let shared = &session.engine.shared;
    let recipient = shared.config().vault.recipient.clone();
    if recipient.is_empty() {
        return Err(EngineError::Conflict { why: "no entries are kept: `gantry vault init` first".into() });
    }
    let (mut done, mut failed) = (VaultFilled::default(), None);
    for path in &command.paths {
        folders::may_read(session, Path::new(path))?;
        walk(Path::new(path), Links::Never, &mut |entry| {
            if let Entry::File(path, ..) = entry {
                for item in items(&path, &shared.received) {
                    done.files += 1;
                    match fill_from(shared, &recipient, &item) {
                        Ok(Filled::Added) => done.added += 1,
                        Ok(Filled::Known) => {}
                        Ok(Filled::Unknown) => done.unknown += 1,
                        Err(error) => failed = Some(error),
                    }
                }
            }
            failed.is_none()
        });
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let studies = shared.catalog.read().study_uids()?;
    done.without_entry = studies.iter().filter(|study| !shared.vault.has(study)).count() as u64;
    let detail = json!({ "files": done.files, "added": done.added, "without_entry": done.without_entry });
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "vault.fill", "vault", &detail))?;
    Ok(done)
}

/// What a source added to the vault.
enum Filled {
    Added,
    Known,
    /// It is no DICOM, or of no study that is here.
    Unknown,
}

fn fill_from(shared: &Shared, recipient: &str, item: &Item) -> Result<Filled, EngineError> {
    let scratch = shared.scratch();
    let Ok(bytes) = item.open(scratch) else { return Ok(Filled::Unknown) };
    let source = Contents::of(bytes, scratch);
    let Some(named) = shared.deid.named(&source) else { return Ok(Filled::Unknown) };
    let study_uid = named.study_uid;
    let Some((subject, site)) = shared.catalog.read().subject_of_study(&study_uid)? else {
        return Ok(Filled::Unknown);
    };
    if shared.vault.has(&study_uid) {
        return Ok(Filled::Known);
    }
    let kept = shared.vault.keep(recipient, &source, (&subject, &study_uid, &site));
    kept.map_err(|error| EngineError::from(Refusal::from(error)))?;
    Ok(if shared.vault.has(&study_uid) { Filled::Added } else { Filled::Unknown })
}

pub fn open(session: &Session, command: &OpenVault) -> Result<VaultOpened, EngineError> {
    if command.reason.trim().is_empty() {
        return Err(EngineError::Invalid { why: "say why the vault is opened".into() });
    }
    let key = VaultKey::parse(&command.key).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    // What was searched by is told, and not for whom: an identifier of a person has no place in the trail.
    let searched = [
        ("patient_id", command.patient_id.is_some()),
        ("accession_number", command.accession_number.is_some()),
    ];
    let by: Vec<&str> = searched.into_iter().filter(|s| s.1).map(|s| s.0).collect();
    let reason = typed::cleaned(session, command.study_uid.as_deref(), &command.reason)?;
    let detail = json!({
        "reason": reason, "study": command.study_uid, "subject": command.subject, "key": key.recipient(),
        "searched_by": by,
    });
    let shared = &session.engine.shared;
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "vault.open", "vault", &detail))?;
    let (mut entries, shut) = shared
        .vault
        .open(&key, command.study_uid.as_deref())
        .map_err(|e| EngineError::Storage { why: io_words(e.kind()).to_string() })?;
    let is =
        |asked: &Option<String>, said: &str| asked.as_ref().is_none_or(|asked| asked.trim() == said.trim());
    entries.retain(|e| {
        is(&command.subject, &e.subject)
            && is(&command.patient_id, &e.patient_id)
            && is(&command.accession_number, &e.accession_number)
    });
    entries.sort_by(|a, b| (&a.subject, &a.study_uid).cmp(&(&b.subject, &b.study_uid)));
    Ok(VaultOpened { entries, shut })
}
