//! A case as a whole: its rounds, what the plan and time do to it.

use serde_json::json;

use super::{Change, LEFT, Refused, SERIES_UNDER_REVIEW, WITHDRAWN};
use crate::workflow::CaseState;
use crate::workflow::may::level_of;
use crate::workflow::reader::Reader;
use crate::workflow::task::{Cause, Purpose, Reservation, Step, TaskState};

impl Change<'_> {
    pub(super) fn admit(&mut self) {
        let (case, context) = (&mut self.moved.case, &self.context);
        if case.round == 0 {
            case.round = 1;
            context.guideline.clone_into(&mut case.guideline);
        }
        if !case.has_begun() && case.accepted.is_none() {
            context.guideline.clone_into(&mut case.guideline);
        }
        self.fit_open_tasks();
        self.resume_after_series_review();
        let (state, round) = (self.moved.case.state(), self.moved.case.round);
        let is_open = matches!(state, CaseState::Waiting | CaseState::Reading | CaseState::Held);
        if !is_open || self.judged() {
            return;
        }
        for slot in 1..=self.context.plan.reads {
            let known = self.moved.case.current().find(|t| t.step == Step::Read && t.slot == slot);
            match known.map(|t| (t.id, t.state.clone())) {
                None => {
                    self.make(Step::Read, slot, round, Vec::new());
                }
                Some((id, TaskState::Cancelled { reason })) if reason == LEFT => {
                    if let Ok(task) = self.task_mut(id) {
                        task.state = TaskState::OPEN;
                        self.moved.made.push(id);
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Whether the round's reads have led to a second look or an adjudication.
    pub(super) fn judged(&self) -> bool {
        self.moved.case.current().any(|t| matches!(t.step, Step::Review | Step::Adjudicate))
    }

    /// Tasks that nobody has begun follow the plan in force; those beyond it are not wanted.
    pub(super) fn fit_open_tasks(&mut self) {
        let context = self.context;
        let case = &mut self.moved.case;
        let begun = case.has_begun();
        let (round, priority, routes) = (case.round, case.priority, case.routes.clone());
        let guideline = case.guideline.clone();
        let levels: Vec<u8> = case.tasks.iter().map(|t| level_of(context.plan, case, t.step)).collect();
        for (task, level) in case.tasks.iter_mut().zip(levels) {
            let TaskState::Open { .. } = task.state else { continue };
            if task.round != round || !task.is_for_case() {
                continue;
            }
            if task.step == Step::Read && task.slot > context.plan.reads {
                task.state = TaskState::Cancelled { reason: "the plan asks for fewer reads".into() };
                continue;
            }
            task.priority = priority;
            if !task.escalated {
                task.level = level;
            }
            task.why.retain(|why| !why.starts_with("route "));
            task.why.extend(routes.iter().cloned());
            if !begun {
                task.guideline.clone_from(&guideline);
                task.plan_version = context.version;
                let period = context.plan.deadline(task.step);
                task.due_ms = period.map(|p| task.created_ms + p.ms());
            }
        }
    }

    pub(super) fn resume_after_series_review(&mut self) {
        let until_ms = self.context.now_ms + self.context.plan.claim.ms();
        for task in &mut self.moved.case.tasks {
            if let TaskState::Held { holder, reason } = &task.state
                && reason == SERIES_UNDER_REVIEW
            {
                task.state = match holder.clone() {
                    Some(holder) => TaskState::Claimed { holder, until_ms },
                    None => TaskState::OPEN,
                };
            }
        }
    }

    pub(super) fn suspend(&mut self) {
        let round = self.moved.case.round;
        for task in &mut self.moved.case.tasks {
            let is_read = task.step == Step::Read && task.round == round && task.is_for_case();
            if is_read && matches!(task.state, TaskState::Open { .. } | TaskState::Claimed { .. }) {
                let holder = task.state.holder().map(str::to_owned);
                task.state = TaskState::Held { holder, reason: SERIES_UNDER_REVIEW.into() };
            }
        }
    }

    pub(super) fn leave(&mut self, reason: &str) {
        if self.moved.case.has_begun() {
            return;
        }
        let mut left = Vec::new();
        for task in &mut self.moved.case.tasks {
            if task.is_for_case() && matches!(task.state, TaskState::Open { .. } | TaskState::Held { .. }) {
                task.state = TaskState::Cancelled { reason: LEFT.into() };
                left.push(task.id);
            }
        }
        for task in left {
            self.tell("task.cancel", Some(task), json!({ "reason": reason }));
        }
    }

    pub(super) fn withdraw(&mut self) {
        self.moved.case.withdrawn = true;
        let mut ended = Vec::new();
        for task in self.moved.case.tasks.iter_mut().filter(|t| t.state.is_active()) {
            task.state = TaskState::Cancelled { reason: WITHDRAWN.into() };
            task.forget_assignment();
            ended.push(task.id);
        }
        for task in ended {
            self.tell("task.cancel", Some(task), json!({ "reason": WITHDRAWN }));
        }
    }

    pub(super) fn reopen(&mut self, reason: &str) -> Result<(), Refused> {
        if reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        if !self.who.coordinates() {
            return Err(Refused::NotCoordinator);
        }
        let case = &self.moved.case;
        if case.current().any(|t| t.state.is_active()) {
            return Err(Refused::State("the case is open: it is being read".into()));
        }
        self.tell("task.reopen", None, json!({ "reason": reason, "round": case.round + 1 }));
        self.begin_round(&format!("to be read again: {reason}"));
        Ok(())
    }

    pub(super) fn redo(&mut self) {
        let reason = format!("guideline {} is in force", self.context.guideline);
        let round = self.moved.case.round;
        for task in self.moved.case.tasks.iter_mut().filter(|t| t.round == round && t.is_for_case()) {
            if task.state.is_active() {
                task.state = TaskState::Cancelled { reason: reason.clone() };
            }
        }
        self.tell("case.redo", None, json!({ "guideline": self.context.guideline, "round": round + 1 }));
        self.begin_round(&format!("to be read again: {reason}"));
    }

    pub(super) fn begin_round(&mut self, why: &str) {
        self.moved.case.round += 1;
        self.context.guideline.clone_into(&mut self.moved.case.guideline);
        let round = self.moved.case.round;
        for slot in 1..=self.context.plan.reads {
            self.make(Step::Read, slot, round, vec![why.to_owned()]);
        }
    }

    pub(super) fn escalate(&mut self, id: i64) -> Result<(), Refused> {
        let Some(rule) = self.context.plan.escalate else { return Ok(()) };
        let task = self.task_mut(id)?;
        task.escalated = true;
        task.level = task.level.max(rule.level);
        let why = format!("escalated: {} past its deadline", rule.after);
        task.why.push(why);
        let level = task.level;
        self.tell("task.escalate", Some(id), json!({ "level": level }));
        Ok(())
    }

    pub(super) fn slip(&mut self, reader: &Reader, purpose: Purpose, slot: u32) -> Result<(), Refused> {
        let round = self.moved.case.round;
        let id = self.make(Step::Read, slot, round, Vec::new());
        let (now_ms, claim) = (self.context.now_ms, self.context.plan.claim.ms());
        let task = self.task_mut(id)?;
        task.purpose = purpose;
        task.reservation = Some(Reservation { reader: reader.id.clone(), cause: Cause::Theirs });
        if purpose == Purpose::Gold {
            task.state = TaskState::Claimed { holder: reader.id.clone(), until_ms: now_ms + claim };
            task.taken_ms = Some(now_ms);
            self.tell("task.claim", Some(id), json!({ "reader": reader.id }));
        }
        Ok(())
    }
}
