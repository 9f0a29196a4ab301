//! Stored instances under another profile, and with other masks.

use std::time::Instant;

use serde_json::json;

use crate::catalog::{Order, StoredInstance};

use crate::engine::answer::parse_filter;
use crate::engine::command::{Moved, QuestionMasks, Reprocess, ReprocessOutcome};
use crate::engine::{EngineError, Session};
use crate::landing::NewFile;
use crate::model::ChangeKind;
use crate::pipeline::reprocess::reprocess as bring_under;
use crate::pipeline::{MASKS_QUESTIONED, Shared, Sources, day_of, intake, now_ms};
use crate::source::Unreadable;

/// Series looked up at a time.
const AT_ONCE: u32 = 500;

pub fn reprocess(session: &Session, command: &Reprocess) -> Result<ReprocessOutcome, EngineError> {
    let (shared, started) = (&session.engine.shared, Instant::now());
    let ids = chosen(shared, command)?;
    let (profile, _) = shared.deid.profile();
    let done = bring_under(shared, &ids, &session.user, |through| {
        tracing::debug!("{through} of {} instances reprocessed", ids.len());
    })?;
    let about = json!({
        "profile": profile.name, "fingerprint": profile.fingerprint, "filter": command.filter, "all": command.all,
        "instances": ids.len(), "from_source": done.from_source, "from_stored": done.from_stored, "left": done.left,
    });
    shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "deid.reprocess", "workspace", &about))?;
    session.engine.drain()?;
    Ok(ReprocessOutcome {
        instances: ids.len() as u64,
        from_source: done.from_source,
        from_stored: done.from_stored,
        left: ids.len() as u64 - done.from_source - done.from_stored,
        reasons: done.left.iter().map(|(why, count)| (*count, why.clone())).collect(),
        under_another: shared.catalog.read().count_under_another(&profile)?,
        elapsed_ms: started.elapsed().as_millis() as u64,
    })
}

/// Rows of the instances that a command means.
fn chosen(shared: &Shared, command: &Reprocess) -> Result<Vec<i64>, EngineError> {
    let (profile, _) = shared.deid.profile();
    let under = (!command.all).then_some(&profile);
    let reader = shared.catalog.read();
    let Some(filter) = &command.filter else { return Ok(reader.ids_under_another(under, None)?) };
    let (filter, mut ids, mut offset) = (parse_filter(filter)?, Vec::new(), 0);
    loop {
        let (page, total) = reader.search(&filter, Order::Uid, offset, AT_ONCE)?;
        offset += page.len() as u64;
        for series in &page {
            ids.extend(reader.ids_under_another(under, Some(&series.uid))?);
        }
        if page.is_empty() || offset >= total {
            return Ok(ids);
        }
    }
}

pub fn question_masks(session: &Session, command: &QuestionMasks) -> Result<Moved, EngineError> {
    let shared = &session.engine.shared;
    let missing = || EngineError::NotFound { what: "series".into(), id: command.series_uid.clone() };
    let mut stored = shared.catalog.read().stored_of_series(&command.series_uid)?;
    if stored.is_empty() {
        return Err(missing());
    }
    if command.instances.is_empty() {
        stored.retain(|instance| !crate::deid::masks_of(&instance.ledger).is_empty());
    } else {
        stored.retain(|instance| command.instances.contains(&instance.sop_uid));
    }
    if stored.is_empty() {
        return Err(EngineError::Invalid {
            why: "nothing is masked in this series; name instances to mask".into(),
        });
    }
    let sources = Sources::of(shared);
    let (mut moved, mut refused) = (0, 0);
    for instance in &stored {
        if quarantine(shared, &sources, instance)? {
            moved += 1;
        } else {
            refused += 1;
        }
    }
    let detail = json!({ "instances": moved });
    shared.catalog.write_first(|tx| {
        tx.audit(now_ms(), &session.user, "masks.question", &command.series_uid, &detail)
    })?;
    shared.bus.tell(ChangeKind::Intake { files: moved });
    let why = "neither its source nor its stored copy can be read".to_string();
    Ok(Moved { moved, refused: (refused > 0).then_some((refused, why)).into_iter().collect() })
}

/// Puts a copy of the source, or else of what is stored, into quarantine. Whether there was one.
fn quarantine(
    shared: &Shared,
    sources: &Sources<'_>,
    instance: &StoredInstance,
) -> Result<bool, EngineError> {
    let now = now_ms();
    let questioned = NewFile {
        inbox: String::new(),
        path: format!("stored/{}", instance.sop_uid),
        bytes: instance.bytes,
        mtime_ns: 0,
        sha256: instance.blob.clone(),
        status: "quarantined".into(),
        reason: MASKS_QUESTIONED.into(),
        detail: "its source is gone: more can be masked, and nothing that is masked can be lifted".into(),
        site: instance.site.clone(),
        trusted: false,
        at_ms: now,
        day: day_of(now),
        kept: true,
    };
    let (bytes, row) = match sources.find(&instance.source_hash)? {
        Some(source) => {
            let NewFile { inbox, path, bytes, mtime_ns, sha256, .. } = source.file;
            (
                source.bytes,
                NewFile { inbox, path, bytes, mtime_ns, sha256, detail: String::new(), ..questioned },
            )
        }
        None => match shared.store.open_verified(&instance.blob) {
            Ok(bytes) => (bytes, questioned),
            Err(_) => return Ok(false),
        },
    };
    intake::quarantine_copy(shared, &row.sha256, &bytes)
        .map_err(|e| EngineError::Storage { why: Unreadable::Io(e.kind()).to_string() })?;
    shared.map.put(&[row])?;
    Ok(true)
}
