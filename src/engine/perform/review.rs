//! Claim, decide, undo.

use serde_json::json;

use super::typed;
use crate::catalog::{CatalogError, Filter, TaskRecord, Tx};
use crate::engine::answer::tab_tasks;
use crate::engine::command::{ClaimNext, ClaimTask, DecideTask, Decision};
use crate::engine::holder::Holder;
use crate::engine::query::QueueTab;
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::{casework, now_ms};

/// Open tasks tried for the next one, in order.
const TRIES: u32 = 50;

pub fn claim(session: &Session, command: &ClaimTask) -> Result<(), EngineError> {
    let (now, until, place) = times(session);
    let task = command.task;
    session.engine.shared.catalog.write_first(|tx| {
        if !command.take {
            not_elsewhere(session, tx, task, now)?;
        }
        let series = tx.claim(task, (&session.user, place.as_deref()), until, now)?;
        tx.audit(now, &session.user, "task.claim", &series, &json!({ "task": task }))
    })?;
    tell(session, task);
    Ok(())
}

/// Refuses what another session of the same user holds: two terminals never work on one task unknowingly.
fn not_elsewhere(session: &Session, tx: &Tx<'_>, task: i64, now: i64) -> Result<(), CatalogError> {
    let Some(record) = tx.task(task)? else { return Ok(()) };
    let held = record.state == "open" && record.claim_until_ms.is_some_and(|until| until > now);
    if !held || record.assignee.as_deref() != Some(&session.user) {
        return Ok(());
    }
    let holder = record.claim_session.as_deref().and_then(Holder::parse);
    match holder.and_then(|holder| holder.elsewhere(session.holder.as_ref())) {
        Some(place) => Err(CatalogError::Refused(format!(
            "you hold task {task} in another session ({place}); give it back there, or move it here with \
             `gantry queue claim {task} --take`"
        ))),
        None => Ok(()),
    }
}

pub fn claim_next(session: &Session, command: &ClaimNext) -> Result<Option<i64>, EngineError> {
    let filter = Filter::parse(&command.filter).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    let page = (now_ms(), 0, TRIES + command.except.len() as u32);
    // Of the open ones those that nobody holds: they could fill the page and hide the free ones.
    let view = if command.view == QueueTab::Open { QueueTab::Free } else { command.view };
    let tasks = tab_tasks(&session.engine.shared.catalog.read(), view, &session.user, &filter, page)?.0;
    for task in tasks.iter().filter(|t| t.state == "open" && !command.except.contains(&t.id)) {
        // Somebody was quicker, this user in another process perhaps: the next one.
        if claim_free(session, task.id)? {
            return Ok(Some(task.id));
        }
    }
    Ok(None)
}

/// Claims a task that nobody holds, the user included; whether it was free.
fn claim_free(session: &Session, task: i64) -> Result<bool, EngineError> {
    let (now, until, place) = times(session);
    let claimed = session.engine.shared.catalog.write_first(|tx| {
        let free = |t: TaskRecord| t.state == "open" && t.claim_until_ms.is_none_or(|until| until <= now);
        if !tx.task(task)?.is_some_and(free) {
            return Ok(false);
        }
        let series = tx.claim(task, (&session.user, place.as_deref()), until, now)?;
        tx.audit(now, &session.user, "task.claim", &series, &json!({ "task": task }))?;
        Ok(true)
    })?;
    if claimed {
        tell(session, task);
    }
    Ok(claimed)
}

pub fn unclaim(session: &Session, task: i64) -> Result<(), EngineError> {
    let now = now_ms();
    session.engine.shared.catalog.write_first(|tx| {
        let series = tx.unclaim(task, &session.user, now)?;
        tx.audit(now, &session.user, "task.unclaim", &series, &json!({ "task": task }))
    })?;
    tell(session, task);
    Ok(())
}

pub fn decide(session: &Session, command: &DecideTask) -> Result<(), EngineError> {
    let now = now_ms();
    let (accepted, reason, comment) = match &command.decision {
        Decision::Accept { comment } => (true, None, comment.as_deref()),
        Decision::Return { reason, comment } => {
            (false, Some(configured_reason(session, reason.trim())?), comment.as_deref())
        }
    };
    let study_uid = study_of(session, command.task)?;
    let clean = |text: &str| typed::cleaned(session, study_uid.as_deref(), text);
    let comment = comment.filter(|text| !text.trim().is_empty()).map(clean).transpose()?;
    // A reason of the configuration is nobody's words.
    let configured = session.engine.shared.config().review.return_reasons.clone();
    let reason =
        reason.map(|text| if configured.contains(&text) { Ok(text) } else { clean(&text) }).transpose()?;
    let action = if accepted { "review.accept" } else { "review.return" };
    let series = session.engine.shared.catalog.write_first(|tx| {
        not_elsewhere(session, tx, command.task, now)?;
        let words = (reason.as_deref(), comment.as_deref());
        let Some(series) = tx.decide(command.task, &session.user, accepted, words, &command.key, now)? else {
            return Ok(None);
        };
        let detail = json!({ "task": command.task, "reason": reason, "comment": comment });
        tx.audit(now, &session.user, action, &series, &detail)?;
        if accepted {
            tx.count("accepted", "", 1, now)?;
        }
        follow(session, tx, &series, now)?;
        Ok(Some(series))
    })?;
    if let Some(series_uid) = series {
        tell(session, command.task);
        session.engine.shared.bus.tell(ChangeKind::Series { series_uid });
    }
    Ok(())
}

pub fn undo(session: &Session, task: i64) -> Result<(), EngineError> {
    let (now, until, place) = times(session);
    let series_uid = session.engine.shared.catalog.write_first(|tx| {
        let series = tx.undo(task, (&session.user, place.as_deref()), until)?;
        tx.audit(now, &session.user, "review.undo", &series, &json!({ "task": task }))?;
        follow(session, tx, &series, now)?;
        Ok(series)
    })?;
    tell(session, task);
    session.engine.shared.bus.tell(ChangeKind::Series { series_uid });
    Ok(())
}

/// A series that has passed may be read, one that has not may not.
fn follow(session: &Session, tx: &Tx<'_>, series_uid: &str, now: i64) -> Result<(), CatalogError> {
    match session.engine.shared.plan() {
        Some(plan) => casework::admit(tx, &plan, series_uid, now),
        None => Ok(()),
    }
}

/// The configured reason that this is, whatever its case; any reason where none is configured.
fn configured_reason(session: &Session, reason: &str) -> Result<String, EngineError> {
    if reason.is_empty() {
        return Err(EngineError::Invalid { why: "a return needs a reason".into() });
    }
    let config = session.engine.shared.config();
    let known = &config.review.return_reasons;
    if known.is_empty() {
        return Ok(reason.into());
    }
    let same = |known: &&String| known.trim().to_lowercase() == reason.to_lowercase();
    known.iter().find(same).cloned().ok_or_else(|| EngineError::Invalid {
        why: format!(
            "that is no reason for a return here; there are: {}. What else is to be said is a comment",
            known.join(", ")
        ),
    })
}

/// The study of the series that a task is about.
fn study_of(session: &Session, task: i64) -> Result<Option<String>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let Some(task) = reader.task(task)? else { return Ok(None) };
    Ok(reader.series(&task.series_uid)?.map(|series| series.study_uid))
}

/// Now, until when a claim made now holds, and which process and terminal makes it.
fn times(session: &Session) -> (i64, i64, Option<String>) {
    let now = now_ms();
    let minutes = session.engine.shared.config().review.claim_minutes as i64;
    (now, now + minutes * 60_000, session.holder.as_ref().map(ToString::to_string))
}

fn tell(session: &Session, task: i64) {
    session.engine.shared.bus.tell(ChangeKind::Task { task });
}
