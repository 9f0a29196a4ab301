//! A subject withdraws.

use serde_json::{Value, json};

use super::typed;
use crate::catalog::{CatalogError, Tx, Withdrawal};
use crate::engine::command::{Withdraw, Withdrawn};
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::casework::{self, PlanInForce};
use crate::pipeline::erase::{self, Holdings};
use crate::pipeline::now_ms;
use crate::pipeline::verify::register::WITHDRAWN;
use crate::workflow::{Act, Who};

pub fn withdraw(session: &Session, command: &Withdraw) -> Result<Withdrawn, EngineError> {
    let shared = &session.engine.shared;
    let subject = command.subject.trim();
    if command.reason.trim().is_empty() {
        return Err(EngineError::Invalid { why: "a withdrawal needs a reason".into() });
    }
    let known = shared.catalog.read().withdrawal(subject)?;
    let held = erase::holdings(shared, subject)?;
    if held.series.is_empty() && known.is_none() {
        return Err(EngineError::NotFound { what: "subject".into(), id: subject.into() });
    }
    let reason = typed::reason(session, held.studies.iter().next().map(String::as_str), &command.reason)?;
    let withdrawal = Withdrawal {
        subject: subject.into(),
        reason,
        at_ms: now_ms(),
        actor: session.user.clone(),
        erased_ms: None,
    };
    let plan = shared.plan();
    let reader = shared.catalog.read();
    let mut outcome = Withdrawn {
        subject: subject.into(),
        series: held.series.len() as u64,
        snapshots: reader.snapshots_of_subject(subject)?,
        exports: reader.exports_of_subject(subject)?.into_iter().map(Into::into).collect(),
        ..Withdrawn::default()
    };
    drop(reader);
    let detail = json!({
        "subject": subject, "reason": withdrawal.reason, "erase": command.erase, "series": outcome.series,
        "snapshots": outcome.snapshots, "exports": outcome.exports.len(), "subjects": held.subjects,
    });
    outcome.cancelled = shared.catalog.write_first(|tx| {
        let cancelled = note(tx, plan.as_deref(), (&held, &withdrawal))?;
        tx.audit(withdrawal.at_ms, &session.user, WITHDRAWN, subject, &detail)?;
        Ok(cancelled)
    })?;
    if command.erase {
        // Nobody reads the store meanwhile.
        let _alone = shared.store_retention_lock.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcome.erased = erase::erase(shared, &held, &withdrawal)?;
    }
    for series_uid in held.series {
        shared.bus.tell(ChangeKind::Series { series_uid });
    }
    shared.bus.tell(ChangeKind::Reads);
    Ok(outcome)
}

/// The subject has withdrawn: its cases end, nobody looks at its series. How many tasks were ended.
fn note(
    tx: &Tx<'_>,
    plan: Option<&PlanInForce>,
    (held, withdrawal): (&Holdings, &Withdrawal),
) -> Result<u64, CatalogError> {
    for subject in &held.subjects {
        tx.put_withdrawal(&Withdrawal { subject: subject.clone(), ..withdrawal.clone() })?;
    }
    let mut cancelled = 0;
    for series in &held.series {
        tx.drop_open_task(series)?;
        let (Some(plan), Some(uid)) = (plan, tx.case_of_series(series)?) else { continue };
        let Some(case) = tx.case(&uid)? else { continue };
        let nothing = &mut |_: &_| Ok(Value::Null);
        let who = (Who::Coordinator, withdrawal.actor.as_str());
        let moved = casework::act(tx, plan, &case, who, Act::Withdraw, (withdrawal.at_ms, nothing))?;
        cancelled += moved.happened.len() as u64;
    }
    Ok(cancelled)
}
