//! Tasks taken, given back, held, decided.

use serde_json::Value;

use super::{Actor, case_of, lines_of, plan_of};
use crate::catalog::{CatalogError, Tx};
use crate::engine::answer::{line_of, line_of_review, review_row};
use crate::engine::command::{
    ActOnTask, ClaimNext, ClaimTask, DecideTask, Decision, ReopenCase, SetGold, SteerTask, Steering,
    TakeNext, TaskAct, TaskActed,
};
use crate::engine::perform::{review, typed};
use crate::engine::query::{GoldView, QueueTab, TaskLine};
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::casework::{self, PlanInForce};
use crate::pipeline::now_ms;
use crate::workflow::{Act, Case, Moved, Order, Purpose, Reader as Person, Refused, Step, Who, draw, may};

/// Candidates that are looked at together.
const AT_ONCE: usize = 100;

/// No further detail for the events of an act.
fn plainly(_: &crate::workflow::Happened) -> Result<Value, CatalogError> {
    Ok(Value::Null)
}

pub(in crate::engine::perform) fn next(
    session: &Session,
    command: &TakeNext,
) -> Result<Option<TaskLine>, EngineError> {
    if command.step == Some(Step::SeriesReview) {
        let next = ClaimNext { view: QueueTab::Free, filter: String::new(), except: Vec::new() };
        return match review::claim_next(session, &next)? {
            Some(task) => Ok(Some(series_review(session, task)?)),
            None => Ok(None),
        };
    }
    let plan = plan_of(session)?;
    let now = now_ms();
    let taken = session.engine.shared.catalog.write_first(|tx| {
        let actor = Actor::of(session, tx, now)?;
        let who = actor.reading()?;
        let Some(person) = &actor.person else { return Ok(None) };
        if !person.active {
            return Err(Refused::Barred(crate::workflow::Bar::Retired(person.id.clone())).into());
        }
        if let Some(moved) = slip_gold(session, tx, &plan, person, (command.step, actor.taken_today, now))? {
            return Ok(Some(moved));
        }
        let Some((case, task)) = best(tx, &plan, person, (command.step, actor.taken_today, now))? else {
            return Ok(None);
        };
        let acting = (who, session.user.as_str());
        let moved = casework::act(tx, &plan, &case, acting, Act::Claim { task }, (now, &mut plainly))?;
        Ok(Some((moved, task)))
    })?;
    let Some((moved, task)) = taken else { return Ok(None) };
    tell(session, task);
    Ok(moved.case.task(task).map(|t| line_of(&moved.case.uid, &moved.case.series_uid, t)))
}

/// The most urgent task that somebody may take.
fn best(
    tx: &Tx<'_>,
    plan: &PlanInForce,
    person: &Person,
    (step, taken_today, now): (Option<Step>, u32, i64),
) -> Result<Option<(Case, i64)>, CatalogError> {
    let mut offset = 0;
    // Of those that are equally urgent the one that chance gives this reader first, where the plan asks for that.
    let mut chosen: Option<(f64, (bool, i32), Case, i64)> = None;
    loop {
        let candidates = tx.candidates(person, step, offset, AT_ONCE)?;
        offset += candidates.len();
        let is_last = candidates.len() < AT_ONCE;
        for found in candidates {
            let urgency = (found.task.is_overdue(now), found.task.priority);
            if chosen.as_ref().is_some_and(|(_, best, ..)| *best != urgency) {
                return Ok(chosen.map(|(_, _, case, task)| (case, task)));
            }
            let Some(case) = tx.case(&found.case_uid)? else { continue };
            let Some(task) = case.task(found.task.id) else { continue };
            if may(person, taken_today, &case, task, now).is_err() {
                continue;
            }
            let id = task.id;
            if plan.plan.order == Order::Priority {
                return Ok(Some((case, id)));
            }
            let place = draw(plan.plan.seed, &["order", &person.id, &case.uid]);
            if chosen.as_ref().is_none_or(|(best, ..)| place < *best) {
                chosen = Some((place, urgency, case, id));
            }
        }
        if is_last {
            return Ok(chosen.map(|(_, _, case, task)| (case, task)));
        }
    }
}

/// A case of known truth, where it is this reader's turn for one.
fn slip_gold(
    session: &Session,
    tx: &Tx<'_>,
    plan: &PlanInForce,
    person: &Person,
    (step, taken_today, now): (Option<Step>, u32, i64),
) -> Result<Option<(Moved, i64)>, CatalogError> {
    let share = plan.plan.gold.map_or(0.0, |g| g.share);
    let may_read = person.level >= plan.plan.level
        && person.per_day.is_none_or(|most| taken_today < most)
        && !person.is_away(now)
        && step.is_none_or(|s| s == Step::Read);
    if share <= 0.0 || !may_read {
        return Ok(None);
    }
    // One of as many reads as make up one gold case, by chance.
    let block = (1.0 / share).round().max(1.0) as u64;
    let taken = tx.taken_ever(&person.id)?;
    let drawn = draw(plan.plan.seed, &["gold", &person.id, &(taken / block).to_string()]);
    if taken % block != (drawn * block as f64) as u64 {
        return Ok(None);
    }
    for uid in tx.gold_for(&person.id)? {
        let Some(case) = tx.case(&uid)? else { continue };
        let slot =
            1 + (draw(plan.plan.seed, &["slot", &person.id, &uid]) * f64::from(plan.plan.reads)) as u32;
        let slip = Act::Slip { reader: person, purpose: Purpose::Gold, slot };
        if !may_have(person, &case, plan, now) {
            continue;
        }
        let who = Who::Reader { reader: person, taken_today };
        let moved = casework::act(tx, plan, &case, (who, &session.user), slip, (now, &mut plainly))?;
        let task = moved.made.first().copied().unwrap_or_default();
        return Ok(Some((moved, task)));
    }
    Ok(None)
}

/// Whether a case of known truth is one that a reader could have been given.
fn may_have(person: &Person, case: &Case, plan: &PlanInForce, now: i64) -> bool {
    let context = plan.context(now, i64::MAX / 2);
    let slipped = crate::workflow::transition(
        case,
        Who::Machine,
        Act::Slip { reader: person, purpose: Purpose::Repeat, slot: 1 },
        &context,
    );
    slipped.is_ok_and(|moved| {
        let task = moved.made.first().and_then(|id| moved.case.task(*id));
        task.is_some_and(|task| may(person, 0, &moved.case, task, now).is_ok())
    })
}

pub(in crate::engine::perform) fn act(
    session: &Session,
    command: &ActOnTask,
) -> Result<TaskActed, EngineError> {
    let id = command.task;
    let reader = session.engine.shared.catalog.read();
    let Some(case) = reader.case_of_task(id)? else {
        let is_review = reader.task(id)?.is_some();
        drop(reader);
        if is_review {
            return act_on_review(session, id, &command.act);
        }
        return Err(EngineError::NotFound { what: "task".into(), id: id.to_string() });
    };
    drop(reader);
    let clean = |reason: &str| clean(session, &case, reason);
    match &command.act {
        TaskAct::Claim => moved(session, id, Role::Reads, |_| Act::Claim { task: id }),
        TaskAct::Release => moved(session, id, Role::Steers, |_| Act::Release { task: id }),
        TaskAct::Resume => moved(session, id, Role::Steers, |_| Act::Resume { task: id }),
        TaskAct::Hold { reason } => {
            let reason = clean(reason)?;
            moved(session, id, Role::Steers, |_| Act::Hold { task: id, reason: &reason })
        }
        TaskAct::Refuse { reason } => {
            let reason = clean(reason)?;
            moved(session, id, Role::Reads, |_| Act::Refuse { task: id, reason: &reason })
        }
        TaskAct::Accept => moved(session, id, Role::Reads, |_| Act::Accept { task: id }),
        TaskAct::Return { reason } => {
            let reason = clean(reason)?;
            moved(session, id, Role::Reads, |_| Act::Return { task: id, reason: &reason })
        }
        TaskAct::Choose { read } => {
            moved(session, id, Role::Reads, |_| Act::Choose { task: id, read: *read })
        }
    }
}

/// As whom an act is done.
#[derive(Clone, Copy)]
enum Role {
    /// As a reader.
    Reads,
    /// As who coordinates, else as a reader.
    Steers,
}

/// What people type is cleaned; an empty reason is none.
fn clean(session: &Session, case: &Case, reason: &str) -> Result<String, EngineError> {
    if reason.trim().is_empty() {
        return Err(Refused::NoReason.into());
    }
    let study = session.engine.shared.catalog.read().series(&case.series_uid)?.map(|s| s.study_uid);
    typed::reason(session, study.as_deref(), reason)
}

fn moved<'a>(
    session: &Session,
    id: i64,
    role: Role,
    what: impl Fn(&Case) -> Act<'a>,
) -> Result<TaskActed, EngineError> {
    let plan = plan_of(session)?;
    let now = now_ms();
    let moved = session.engine.shared.catalog.write_first(|tx| {
        let case = case_of(tx, id)?;
        let actor = Actor::of(session, tx, now)?;
        let who = match role {
            Role::Reads => actor.reading()?,
            Role::Steers => actor.steering()?,
        };
        let act = what(&case);
        casework::act(tx, &plan, &case, (who, &session.user), act, (now, &mut plainly))
    })?;
    tell(session, id);
    Ok(acted(&moved, id))
}

fn acted(moved: &Moved, id: i64) -> TaskActed {
    let case = &moved.case;
    let line = case.task(id).map(|t| line_of(&case.uid, &case.series_uid, t)).unwrap_or_default();
    TaskActed { line, case_state: Some(case.state()), next: lines_of(moved) }
}

pub(in crate::engine::perform) fn steer(
    session: &Session,
    command: &SteerTask,
) -> Result<TaskActed, EngineError> {
    let id = command.task;
    let plan = plan_of(session)?;
    let now = now_ms();
    let missing = || EngineError::NotFound { what: "task".into(), id: id.to_string() };
    let case = session.engine.shared.catalog.read().case_of_task(id)?.ok_or_else(missing)?;
    let reason = match &command.to {
        Steering::Nobody { reason } => clean(session, &case, reason)?,
        Steering::Reader { .. } => String::new(),
    };
    let moved = session.engine.shared.catalog.write_first(|tx| {
        let case = case_of(tx, id)?;
        let actor = Actor::of(session, tx, now)?;
        let who = (actor.steering()?, session.user.as_str());
        match &command.to {
            Steering::Reader { reader } => {
                let to = tx.person(reader)?.ok_or_else(|| {
                    CatalogError::Refused(format!(
                        "there is no reader {reader}; `gantry reader list` names them"
                    ))
                })?;
                casework::act(tx, &plan, &case, who, Act::Assign { task: id, to: &to }, (now, &mut plainly))
            }
            Steering::Nobody { .. } => {
                let act = Act::Cancel { task: id, reason: &reason };
                casework::act(tx, &plan, &case, who, act, (now, &mut plainly))
            }
        }
    })?;
    tell(session, id);
    Ok(acted(&moved, id))
}

pub(in crate::engine::perform) fn reopen(
    session: &Session,
    command: &ReopenCase,
) -> Result<TaskActed, EngineError> {
    let plan = plan_of(session)?;
    let now = now_ms();
    let case = find_case(session, &command.case)?;
    let reason = clean(session, &case, &command.reason)?;
    let moved = session.engine.shared.catalog.write_first(|tx| {
        let case = tx.case(&case.uid)?.unwrap_or_else(|| case.clone());
        let actor = Actor::of(session, tx, now)?;
        let who = (actor.steering()?, session.user.as_str());
        casework::act(tx, &plan, &case, who, Act::Reopen { reason: &reason }, (now, &mut plainly))
    })?;
    session.engine.shared.bus.tell(ChangeKind::Reads);
    let mut next = lines_of(&moved);
    let line = next.drain(..1.min(next.len())).next().unwrap_or_default();
    Ok(TaskActed { line, case_state: Some(moved.case.state()), next: lines_of(&moved) })
}

pub(in crate::engine::perform) fn gold(
    session: &Session,
    command: &SetGold,
) -> Result<GoldView, EngineError> {
    let case = find_case(session, &command.case)?;
    if case.read(command.read).is_none() {
        let why = format!("read {} is not of this case", command.read);
        return Err(EngineError::Conflict { why });
    }
    let now = now_ms();
    session.engine.shared.catalog.write_first(|tx| {
        tx.set_gold(&case.uid, command.read)?;
        let detail = serde_json::json!({ "read": command.read });
        tx.audit(now, &session.user, "gold.set", &case.uid, &detail)
    })?;
    Ok(GoldView { case: case.uid, read: command.read })
}

/// The case that a series or study is.
fn find_case(session: &Session, uid: &str) -> Result<Case, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let found = match reader.case(uid)? {
        Some(case) => Some(case),
        None => reader.case_of_series(uid)?,
    };
    found.ok_or_else(|| EngineError::NotFound { what: "case".into(), id: uid.into() })
}

/// A look at a series is claimed and decided as the queue does it.
fn act_on_review(session: &Session, task: i64, act: &TaskAct) -> Result<TaskActed, EngineError> {
    session.may(crate::access::Permission::Review, "ActOnTask")?;
    let key = format!("task-{}-{}", session.user, now_ms());
    match act {
        TaskAct::Claim => review::claim(session, &ClaimTask { task, take: false })?,
        TaskAct::Release => review::unclaim(session, task)?,
        TaskAct::Accept => {
            let decision = Decision::Accept { comment: None };
            review::decide(session, &DecideTask { task, decision, key })?;
        }
        TaskAct::Return { reason } => {
            let decision = Decision::Return { reason: reason.clone(), comment: None };
            review::decide(session, &DecideTask { task, decision, key })?;
        }
        TaskAct::Hold { .. } | TaskAct::Resume | TaskAct::Refuse { .. } | TaskAct::Choose { .. } => {
            let why = "a look at a series is claimed, released, accepted or returned";
            return Err(EngineError::Conflict { why: why.into() });
        }
    }
    Ok(TaskActed { line: series_review(session, task)?, case_state: None, next: Vec::new() })
}

fn series_review(session: &Session, task: i64) -> Result<TaskLine, EngineError> {
    let missing = || EngineError::NotFound { what: "task".into(), id: task.to_string() };
    let found = session.engine.shared.catalog.read().task(task)?.ok_or_else(missing)?;
    Ok(line_of_review(&review_row(&found, now_ms())))
}

fn tell(session: &Session, task: i64) {
    session.engine.shared.bus.tell(ChangeKind::Task { task });
}
