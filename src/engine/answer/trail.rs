//! The audit trail and parked jobs.

use crate::catalog::TrailRecord;
use crate::engine::query::{
    ClockView, History, Ledger, LedgerLine, ParkedJob, Rows, TrailEntry, TrailVerified, VaultView,
    VerifyTrail,
};
use crate::engine::{EngineError, Session};
use crate::model::words::io_words;
use crate::pipeline::now_ms;
use crate::pipeline::verify::{read_kept, signed};

const MAX_PAGE: u32 = 10_000;

pub fn history(session: &Session, query: &History) -> Result<Rows<TrailEntry>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let limit = query.page.limit.min(MAX_PAGE);
    let (rows, total) = reader.trail(query.object.as_deref(), &query.text, query.page.offset, limit)?;
    Ok(Rows { rows: rows.into_iter().map(entry).collect(), total })
}

pub fn clock(session: &Session) -> Result<ClockView, EngineError> {
    let (latest, steps_back, largest) = session.engine.shared.catalog.read().clock_steps()?;
    let behind_ms = latest.map_or(0, |latest| (latest - now_ms()).max(0));
    Ok(ClockView { behind_ms, steps_back, largest_step_ms: largest })
}

pub fn ledger(session: &Session, query: &Ledger) -> Result<Vec<LedgerLine>, EngineError> {
    let lines = session.engine.shared.catalog.read().ledger(query.after, query.limit.min(MAX_PAGE))?;
    let line = |(number, output, json): (i64, String, String)| LedgerLine {
        number,
        output,
        status: "written".into(),
        record: serde_json::from_str(&json).unwrap_or_default(),
    };
    Ok(lines.into_iter().map(line).collect())
}

pub fn vault(session: &Session) -> Result<VaultView, EngineError> {
    let shared = &session.engine.shared;
    let files =
        shared.vault.files().map_err(|e| EngineError::Storage { why: io_words(e.kind()).to_string() })?;
    let recipient = Some(shared.config().vault.recipient.clone()).filter(|r| !r.is_empty());
    let studies = shared.catalog.read().study_uids()?;
    let without_entry = studies.iter().filter(|study| !shared.vault.has(study)).count() as u64;
    Ok(VaultView { recipient, entries: files.len() as u64, studies: studies.len() as u64, without_entry })
}

pub fn verify(session: &Session, query: &VerifyTrail) -> Result<TrailVerified, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let (entries, hash, broken) = reader.verify_trail()?;
    let mut broken = broken.map(|b| b.to_string());
    if let (Some(checkpoint), None) = (&query.checkpoint, &broken) {
        let seen = reader.trail_hash(checkpoint.entries)?;
        broken = checkpoint.contradicted_by(seen.as_ref(), entries);
    }
    let kept = read_kept(session.engine.workspace.root());
    let signed = signed(&reader, entries, kept.as_ref())?;
    let unsigned = || signed.wrong.map(|(object, why)| format!("{object}: {why}"));
    Ok(TrailVerified {
        entries,
        hash: hex::encode(hash),
        broken: broken.or_else(unsigned),
        checkpoints: signed.checkpoints,
        signed_entries: signed.entries,
        key: signed.key,
    })
}

pub fn parked(session: &Session) -> Result<Vec<ParkedJob>, EngineError> {
    let parked = session.engine.shared.catalog.read().parked()?;
    Ok(parked
        .into_iter()
        .map(|p| ParkedJob {
            id: p.id,
            stage: p.stage,
            object: p.object,
            attempts: p.attempts,
            reason: p.reason,
            at_ms: p.at_ms,
        })
        .collect())
}

pub fn entry(record: TrailRecord) -> TrailEntry {
    TrailEntry {
        sequence: record.sequence,
        at_ms: record.at_ms,
        actor: record.actor,
        action: record.action,
        object: record.object,
        detail: serde_json::from_str(&record.detail).unwrap_or_default(),
        hash: hex::encode(record.hash),
    }
}
