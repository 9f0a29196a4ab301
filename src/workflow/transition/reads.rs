//! Reads that come in, and decisions on them.

use serde_json::json;

use super::{Change, Refused};
use crate::workflow::agree::PairAgreement;
use crate::workflow::case::{Accepted, CaseRead, How};
use crate::workflow::judge::{Verdict, judge, second_look};
use crate::workflow::may::may_ever;
use crate::workflow::task::{Cause, Purpose, Reservation, Step, TaskState};

impl Change<'_> {
    pub(super) fn submit(
        &mut self,
        id: i64,
        read: &CaseRead,
        pairs: &[PairAgreement],
        consensus: Option<&CaseRead>,
    ) -> Result<(), Refused> {
        let (reader, _) = self.acting()?;
        let task = self.task(id)?;
        if !matches!(task.step, Step::Read | Step::Adjudicate) {
            return Err(Refused::State("a second look ends by `accept` or `return`".into()));
        }
        match &task.state {
            TaskState::Claimed { holder, .. } if *holder == reader.id => {}
            TaskState::Open { lapsed: Some(lapsed) } if *lapsed == reader.id => {
                may_ever(&reader, &self.moved.case, task)?;
            }
            other => return Err(other.refusal()),
        }
        let (step, purpose, round) = (task.step, task.purpose, task.round);
        let read = CaseRead { task: id, round, for_case: purpose == Purpose::Case, ..read.clone() };
        let now = self.context.now_ms;
        for earlier in self.moved.case.reads.iter_mut().filter(|r| r.task == id) {
            earlier.superseded = true;
        }
        let number = read.id;
        self.moved.case.reads.push(read);
        let task = self.task_mut(id)?;
        task.state = TaskState::Done { by: reader.id.clone(), at_ms: now };
        task.read = Some(number);
        self.tell("task.submit", Some(id), json!({ "read": number }));
        match (purpose, step) {
            (Purpose::Case, Step::Read) => {
                if let Some(consensus) = consensus {
                    self.moved.case.reads.push(CaseRead { round, ..consensus.clone() });
                }
                self.decide(pairs, consensus.map(|c| c.id));
            }
            (Purpose::Case, _) => self.let_stand(number, Some(reader.id), How::Adjudicated),
            _ => {}
        }
        Ok(())
    }

    /// What follows from the reads that are in.
    pub(super) fn decide(&mut self, pairs: &[PairAgreement], consensus: Option<i64>) {
        let round = self.moved.case.round;
        match judge(&self.moved.case, pairs, consensus) {
            Verdict::Incomplete => {}
            Verdict::Disagree(why) => {
                self.make(Step::Adjudicate, 1, round, why);
            }
            Verdict::Stands { read, how } => {
                let case = &self.moved.case;
                match second_look(self.context.plan, case, case.read(read)) {
                    Some(why) => {
                        let id = self.make(Step::Review, 1, round, vec![why]);
                        if let Ok(task) = self.task_mut(id) {
                            task.read = Some(read);
                        }
                    }
                    None => {
                        let only = case.read(read).filter(|_| how == How::Single);
                        let by = only.map(|r| r.reader.clone());
                        self.let_stand(read, by, how);
                    }
                }
            }
        }
    }

    pub(super) fn let_stand(&mut self, read: i64, by: Option<String>, how: How) {
        let at_ms = self.context.now_ms;
        self.tell("case.accept", None, json!({ "read": read, "by": by, "how": how.as_str() }));
        self.moved.case.accepted = Some(Accepted { read, by, at_ms, how });
    }

    /// A task that who acts holds, of a step.
    pub(super) fn own(&self, id: i64, step: Step) -> Result<(String, Option<i64>), Refused> {
        let (reader, _) = self.acting()?;
        let task = self.task(id)?;
        match &task.state {
            TaskState::Claimed { holder, .. } if *holder == reader.id => {}
            other => return Err(other.refusal()),
        }
        if task.step != step {
            let why = format!("task {id} is a {}, not a {}", task.step.as_str(), step.as_str());
            return Err(Refused::State(why));
        }
        Ok((reader.id, task.read))
    }

    pub(super) fn end(&mut self, id: i64, by: &str) -> Result<(), Refused> {
        let at_ms = self.context.now_ms;
        self.task_mut(id)?.state = TaskState::Done { by: by.into(), at_ms };
        Ok(())
    }

    pub(super) fn accept(&mut self, id: i64) -> Result<(), Refused> {
        let (by, read) = self.own(id, Step::Review)?;
        let read = read.ok_or_else(|| Refused::State("it is about no read".into()))?;
        self.end(id, &by)?;
        self.tell("task.accept", Some(id), json!({ "read": read }));
        self.let_stand(read, Some(by), How::Reviewed);
        Ok(())
    }

    pub(super) fn give_back(&mut self, id: i64, reason: &str) -> Result<(), Refused> {
        if reason.trim().is_empty() {
            return Err(Refused::NoReason);
        }
        let (by, read) = self.own(id, Step::Review)?;
        self.end(id, &by)?;
        self.tell("task.return", Some(id), json!({ "read": read, "reason": reason }));
        let returned = read.and_then(|r| self.moved.case.read(r)).map(|r| (r.task, r.reader.clone()));
        let round = self.moved.case.round;
        let (now, deadline) = (self.context.now_ms, self.context.plan.deadline(Step::Read));
        let Some((task, reader)) = returned.filter(|(task, _)| self.moved.case.task(*task).is_some()) else {
            // What all said together has no reader who could mend it.
            self.make(Step::Adjudicate, 1, round, vec![format!("returned: {reason}")]);
            return Ok(());
        };
        let task = self.task_mut(task)?;
        task.state = TaskState::OPEN;
        task.reservation = Some(Reservation { reader, cause: Cause::Theirs });
        task.due_ms = deadline.map(|p| now + p.ms());
        task.escalated = false;
        task.why.push(format!("returned: {reason}"));
        Ok(())
    }

    pub(super) fn choose(&mut self, id: i64, read: i64) -> Result<(), Refused> {
        let (by, _) = self.own(id, Step::Adjudicate)?;
        if !self.moved.case.current_reads().any(|r| r.id == read) {
            return Err(Refused::State(format!("read {read} is not among those that are decided on")));
        }
        self.end(id, &by)?;
        self.task_mut(id)?.read = Some(read);
        self.tell("task.choose", Some(id), json!({ "read": read }));
        self.let_stand(read, Some(by), How::Adjudicated);
        Ok(())
    }
}
