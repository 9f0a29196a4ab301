//! Sealing and opening the vault.

use serde_json::json;

use super::intake::edit;
use super::typed;
use crate::deid::{Recipient, VaultKey};
use crate::engine::command::{OpenVault, SealVault, VaultOpened};
use crate::engine::{EngineError, Session};
use crate::pipeline::now_ms;

pub fn seal(session: &Session, command: &SealVault) -> Result<(), EngineError> {
    Recipient::parse(&command.recipient).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    edit(session, "vault.seal", &json!({ "recipient": command.recipient }), |edit| {
        edit.set("vault.recipient", &format!("{:?}", command.recipient));
        Ok(())
    })
}

pub fn open(session: &Session, command: &OpenVault) -> Result<VaultOpened, EngineError> {
    if command.reason.trim().is_empty() {
        return Err(EngineError::Invalid { why: "say why the vault is opened".into() });
    }
    let key = VaultKey::parse(&command.key).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    let reason = typed::cleaned(session, command.study_uid.as_deref(), &command.reason)?;
    let detail = json!({
        "reason": reason, "study": command.study_uid, "subject": command.subject, "key": key.recipient(),
    });
    let shared = &session.engine.shared;
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "vault.open", "vault", &detail))?;
    let (mut entries, shut) = shared
        .vault
        .open(&key, command.study_uid.as_deref())
        .map_err(|e| EngineError::Storage { why: e.kind().to_string() })?;
    entries.retain(|e| command.subject.as_ref().is_none_or(|subject| *subject == e.subject));
    entries.sort_by(|a, b| (&a.subject, &a.study_uid).cmp(&(&b.subject, &b.study_uid)));
    Ok(VaultOpened { entries, shut })
}
