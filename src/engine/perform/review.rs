//! Claim, decide, undo.

use serde_json::json;

use super::typed;
use crate::catalog::Filter;
use crate::engine::answer::tab_tasks;
use crate::engine::command::{ClaimNext, DecideTask, Decision};
use crate::engine::{EngineError, Session};
use crate::model::What;
use crate::pipeline::now_ms;

/// Open tasks tried for the next one, in order.
const TRIES: u32 = 50;

pub fn claim(session: &Session, task: i64) -> Result<(), EngineError> {
    let (now, until) = times(session);
    session.engine.shared.catalog.write_first(|tx| {
        let series = tx.claim(task, &session.user, until, now)?;
        tx.audit(now, &session.user, "task.claim", &series, &json!({ "task": task }))
    })?;
    tell(session, task);
    Ok(())
}

pub fn claim_next(session: &Session, command: &ClaimNext) -> Result<Option<i64>, EngineError> {
    let filter = Filter::parse(&command.filter).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    let page = (now_ms(), 0, TRIES + command.except.len() as u32);
    let tasks =
        tab_tasks(&session.engine.shared.catalog.read(), command.view, &session.user, &filter, page)?.0;
    for task in tasks.iter().filter(|t| t.state == "open" && !command.except.contains(&t.id)) {
        match claim(session, task.id) {
            Ok(()) => return Ok(Some(task.id)),
            // Somebody was quicker: the next one.
            Err(EngineError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
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
        Decision::Return { reason, comment } => (false, Some(reason.trim()), comment.as_deref()),
    };
    if reason == Some("") {
        return Err(EngineError::Invalid { why: "a return needs a reason".into() });
    }
    let study_uid = study_of(session, command.task)?;
    let configured = session.engine.shared.config().review.return_reasons.clone();
    let clean = |text: &str| typed::cleaned(session, study_uid.as_deref(), text);
    let comment = comment.filter(|text| !text.trim().is_empty()).map(clean).transpose()?;
    let reason = reason
        .map(|text| if configured.iter().any(|r| r == text) { Ok(text.to_owned()) } else { clean(text) })
        .transpose()?;
    let action = if accepted { "review.accept" } else { "review.return" };
    let series = session.engine.shared.catalog.write_first(|tx| {
        let words = (reason.as_deref(), comment.as_deref());
        let Some(series) = tx.decide(command.task, &session.user, accepted, words, &command.key, now)? else {
            return Ok(None);
        };
        let detail = json!({ "task": command.task, "reason": reason, "comment": comment });
        tx.audit(now, &session.user, action, &series, &detail)?;
        if accepted {
            tx.count("accepted", "", 1, now)?;
        }
        Ok(Some(series))
    })?;
    if let Some(series_uid) = series {
        tell(session, command.task);
        session.engine.shared.bus.tell(What::Series { series_uid });
    }
    Ok(())
}

pub fn undo(session: &Session, task: i64) -> Result<(), EngineError> {
    let (now, until) = times(session);
    let series_uid = session.engine.shared.catalog.write_first(|tx| {
        let series = tx.undo(task, &session.user, until)?;
        tx.audit(now, &session.user, "review.undo", &series, &json!({ "task": task }))?;
        Ok(series)
    })?;
    tell(session, task);
    session.engine.shared.bus.tell(What::Series { series_uid });
    Ok(())
}

/// The study of the series that a task is about.
fn study_of(session: &Session, task: i64) -> Result<Option<String>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let Some(task) = reader.task(task)? else { return Ok(None) };
    Ok(reader.series(&task.series_uid)?.map(|series| series.study_uid))
}

/// Now, and until when a claim made now holds.
fn times(session: &Session) -> (i64, i64) {
    let now = now_ms();
    (now, now + session.engine.shared.config().review.claim_minutes as i64 * 60_000)
}

fn tell(session: &Session, task: i64) {
    session.engine.shared.bus.tell(What::Task { task });
}
