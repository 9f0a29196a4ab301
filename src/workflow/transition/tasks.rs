//! One task: taken, given back, held, assigned, refused.

use serde_json::json;

use super::{Change, Refused, Who};
use crate::workflow::may::{Bar, may, may_ever};
use crate::workflow::reader::Reader;
use crate::workflow::task::{Cause, Reservation, TaskState};

impl Change<'_> {
    /// The reader who acts.
    pub(super) fn acting(&self) -> Result<(Reader, u32), Refused> {
        match self.who {
            Who::Reader { reader, taken_today } => Ok((reader.clone(), taken_today)),
            _ => Err(Bar::NoReader.into()),
        }
    }

    pub(super) fn claim(&mut self, id: i64) -> Result<(), Refused> {
        let (reader, taken_today) = self.acting()?;
        let now_ms = self.context.now_ms;
        let until_ms = now_ms + self.context.plan.claim.ms();
        let task = self.task(id)?;
        match &task.state {
            TaskState::Open { .. } => may(&reader, taken_today, &self.moved.case, task, now_ms)?,
            TaskState::Claimed { holder, .. } if *holder == reader.id => {}
            other => return Err(other.refusal()),
        }
        let task = self.task_mut(id)?;
        task.state = TaskState::Claimed { holder: reader.id.clone(), until_ms };
        task.taken_ms = Some(now_ms);
        self.tell("task.claim", Some(id), json!({ "reader": reader.id }));
        Ok(())
    }

    /// The holder of a task that is worked on, where who acts is the holder or coordinates.
    pub(super) fn held_by(&self, id: i64) -> Result<String, Refused> {
        match &self.task(id)?.state {
            TaskState::Claimed { holder, .. } if self.who.is(holder) || self.who.coordinates() => {
                Ok(holder.clone())
            }
            other => Err(other.refusal()),
        }
    }

    pub(super) fn release(&mut self, id: i64) -> Result<(), Refused> {
        let holder = self.held_by(id)?;
        let task = self.task_mut(id)?;
        task.state = TaskState::OPEN;
        task.taken_ms = None;
        task.forget_assignment();
        self.tell("task.release", Some(id), json!({ "reader": holder }));
        Ok(())
    }

    pub(super) fn hold(&mut self, id: i64, reason: &str) -> Result<(), Refused> {
        if reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        let holder = match &self.task(id)?.state {
            TaskState::Open { .. } if self.who.coordinates() => None,
            TaskState::Open { .. } => return Err(Refused::NotCoordinator),
            _ => Some(self.held_by(id)?),
        };
        self.task_mut(id)?.state = TaskState::Held { holder, reason: reason.into() };
        self.tell("task.hold", Some(id), json!({ "reason": reason }));
        Ok(())
    }

    pub(super) fn resume(&mut self, id: i64) -> Result<(), Refused> {
        let until_ms = self.context.now_ms + self.context.plan.claim.ms();
        let TaskState::Held { holder, .. } = &self.task(id)?.state else {
            return Err(Refused::State(format!("task {id} is not held")));
        };
        let holder = holder.clone();
        if !self.who.coordinates() && !holder.as_deref().is_some_and(|h| self.who.is(h)) {
            return Err(Refused::NotCoordinator);
        }
        self.task_mut(id)?.state = match holder {
            Some(holder) => TaskState::Claimed { holder, until_ms },
            None => TaskState::OPEN,
        };
        self.tell("task.resume", Some(id), json!({}));
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: i64, reason: &str) -> Result<(), Refused> {
        if reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        if !self.who.coordinates() {
            return Err(Refused::NotCoordinator);
        }
        let task = self.task_mut(id)?;
        if !task.state.is_active() {
            return Err(task.state.refusal());
        }
        task.state = TaskState::Cancelled { reason: reason.into() };
        self.tell("task.cancel", Some(id), json!({ "reason": reason }));
        Ok(())
    }

    pub(super) fn assign(&mut self, id: i64, to: &Reader) -> Result<(), Refused> {
        if !self.who.coordinates() {
            return Err(Refused::NotCoordinator);
        }
        let mut task = self.task(id)?.clone();
        let TaskState::Open { .. } = task.state else { return Err(task.state.refusal()) };
        // Who coordinates may give another reader a read that was returned; what measures a reader stays theirs.
        if task.is_for_case() {
            task.reservation = None;
        }
        may_ever(to, &self.moved.case, &task)?;
        if task.is_for_case() {
            let theirs = self.moved.case.reads.iter().any(|r| r.task == id && r.reader == to.id);
            let cause = if theirs { Cause::Theirs } else { Cause::Assigned };
            task.reservation = Some(Reservation { reader: to.id.clone(), cause });
        }
        *self.task_mut(id)? = task;
        self.tell("task.assign", Some(id), json!({ "reader": to.id }));
        Ok(())
    }

    pub(super) fn free(&mut self, id: i64) -> Result<(), Refused> {
        if !self.who.coordinates() {
            return Err(Refused::NotCoordinator);
        }
        let task = self.task_mut(id)?;
        let TaskState::Open { .. } = task.state else { return Err(task.state.refusal()) };
        let reader = task.reservation.take().map(|r| r.reader);
        if task.is_for_case() {
            self.tell("task.free", Some(id), json!({ "reader": reader }));
        } else {
            task.state = TaskState::Cancelled { reason: "its reader is not there".into() };
            self.tell("task.cancel", Some(id), json!({ "reader": reader }));
        }
        Ok(())
    }

    pub(super) fn refuse(&mut self, id: i64, reason: &str) -> Result<(), Refused> {
        if reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        let holder = self.held_by(id)?;
        let task = self.task_mut(id)?;
        task.state = TaskState::Held { holder: None, reason: format!("cannot be read: {reason}") };
        task.forget_assignment();
        self.tell("task.refuse", Some(id), json!({ "reason": reason, "reader": holder }));
        Ok(())
    }
}
