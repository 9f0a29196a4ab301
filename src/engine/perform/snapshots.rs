//! Snapshots are made.

use serde_json::json;

use super::typed;
use crate::catalog::{CatalogError, SnapshotRecord};
use crate::engine::answer::snapshot_view;
use crate::engine::command::CreateSnapshot;
use crate::engine::freezing::{self, Prepared};
use crate::engine::query::{NotInSnapshot, SnapshotView};
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::now_ms;
use crate::pipeline::verify::snapshots::{CREATED, object_of};
use crate::snapshot::{Member, signed_text};

/// Characters of a name at most.
const LONGEST_NAME: usize = 64;

pub fn create(session: &Session, command: &CreateSnapshot) -> Result<SnapshotView, EngineError> {
    check_name(&command.name)?;
    let shared = &session.engine.shared;
    let filter = freezing::filter(command.query.as_deref())?;
    let note = if command.note.trim().is_empty() {
        String::new()
    } else {
        typed::reason(session, None, &command.note)?
    };
    // Nothing is replaced while it is frozen.
    let _still = shared.store_retention_lock.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Prepared { members, left_out, mut record } =
        freezing::prepare(session, filter.as_ref(), command.split.as_ref(), true)?;
    if members.is_empty() {
        let why = "no series that matches has accepted labels; `gantry task list` shows what is to be read";
        return Err(EngineError::Conflict { why: why.into() });
    }
    let left_out: Vec<NotInSnapshot> =
        left_out.into_iter().map(|l| NotInSnapshot { series_uid: l.series_uid, reason: l.reason }).collect();
    record.created_ms = now_ms();
    record.version = env!("CARGO_PKG_VERSION").into();
    record.name.clone_from(&command.name);
    record.query.clone_from(&command.query);
    record.options = text(&command.split)?;
    record.note = note;
    record.actor.clone_from(&session.user);
    record.left_out = text(&left_out)?;
    if let Some((key, signature)) = shared.catalog.sign_text(&signed_text(&record.id)) {
        (record.public_key, record.signature) = (key, signature);
    }
    store(session, &record, &members)?;
    shared.bus.tell(ChangeKind::Reads);
    snapshot_view(session, record)
}

fn text(value: &impl serde::Serialize) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|e| EngineError::Storage { why: e.to_string() })
}

fn check_name(name: &str) -> Result<(), EngineError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = name.chars().all(plain) && name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if is_name && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    let why =
        "a snapshot's name has letters, digits, - _ and . and begins with a letter or digit; 64 at most";
    Err(EngineError::Invalid { why: why.into() })
}

fn store(session: &Session, record: &SnapshotRecord, members: &[Member]) -> Result<(), EngineError> {
    let name = &record.name;
    let detail = json!({
        "id": record.id, "root": record.root, "query": record.query, "series": record.series,
        "subjects": record.subjects, "instances": record.instances, "labels": record.labels, "note": record.note,
        "record_sha256": hex::encode(record.digest()),
    });
    session.engine.shared.catalog.write_first(|tx| {
        if tx.has_snapshot(name)? {
            let why = format!(
                "there is a snapshot {name} already, and a snapshot is never changed; choose another name"
            );
            return Err(CatalogError::Refused(why));
        }
        if tx.has_withdrawn(members)? {
            return Err(CatalogError::Refused("a subject has withdrawn meanwhile; run it again".into()));
        }
        tx.put_snapshot(record, members)?;
        tx.audit(record.created_ms, &session.user, CREATED, &object_of(name), &detail)?;
        Ok(())
    })?;
    Ok(())
}
