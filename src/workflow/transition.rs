//! The one function by which cases change.

mod cases;
mod reads;
mod tasks;

use serde_json::{Value, json};

use super::agree::PairAgreement;
use super::case::{Case, CaseRead};
use super::may::{Bar, level_of};
use super::plan::Plan;
use super::reader::Reader;
use super::task::{Cause, Purpose, Step, Task, TaskState};

/// What is in force while a case changes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its version.
    pub version: u32,
    /// The guideline's version in force.
    pub guideline: &'a str,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// The number of the next task that is made; the ones after it follow.
    pub next_task: i64,
}

/// Who acts.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// Gantry itself.
    Machine,
    /// Somebody who coordinates.
    Coordinator,
    /// A reader, or somebody for them.
    Reader {
        /// The reader.
        reader: &'a Reader,
        /// Reads that they have taken since midnight.
        taken_today: u32,
    },
}

impl<'a> Who<'a> {
    /// A reader who has taken nothing today.
    pub fn reader(reader: &'a Reader) -> Self {
        Self::Reader { reader, taken_today: 0 }
    }

    fn is(self, id: &str) -> bool {
        matches!(self, Self::Reader { reader, .. } if reader.id == id)
    }

    fn coordinates(self) -> bool {
        matches!(self, Self::Coordinator | Self::Machine)
    }
}

/// What is done with a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Act<'a> {
    /// It may be read: its reads are open, those that are missing are added, those that waited go on.
    Admit,
    /// Nothing but what time brings: claims end.
    Look,
    /// It may not be read for now: its series is under review.
    Suspend,
    /// It does not belong to the plan any more.
    Leave {
        /// Why.
        reason: &'a str,
    },
    /// Its subject has withdrawn: its tasks end, and nothing is done with it any more.
    Withdraw,
    /// A reader takes a task.
    Claim {
        /// The task.
        task: i64,
    },
    /// It is given back.
    Release {
        /// The task.
        task: i64,
    },
    /// It waits.
    Hold {
        /// The task.
        task: i64,
        /// For what.
        reason: &'a str,
    },
    /// It goes on.
    Resume {
        /// The task.
        task: i64,
    },
    /// It is not wanted.
    Cancel {
        /// The task.
        task: i64,
        /// Why.
        reason: &'a str,
    },
    /// It is kept for a reader.
    Assign {
        /// The task.
        task: i64,
        /// The reader.
        to: &'a Reader,
    },
    /// It is kept for nobody any more: the reader is away, or reads no more.
    Free {
        /// The task.
        task: i64,
    },
    /// The case cannot be read.
    Refuse {
        /// The task.
        task: i64,
        /// Why.
        reason: &'a str,
    },
    /// A read comes in.
    Submit {
        /// The task.
        task: i64,
        /// The read; its task and round are filled in.
        read: &'a CaseRead,
        /// Every pair of the round's reads, where this is the last one.
        pairs: &'a [PairAgreement],
        /// What all of them say together, where the plan asks for that.
        consensus: Option<&'a CaseRead>,
    },
    /// A reviewer lets the read stand.
    Accept {
        /// The task.
        task: i64,
    },
    /// A reviewer gives it back to its reader.
    Return {
        /// The task.
        task: i64,
        /// Why.
        reason: &'a str,
    },
    /// An adjudicator lets one of the reads stand.
    Choose {
        /// The task.
        task: i64,
        /// The read.
        read: i64,
    },
    /// What stands is wrong: it is read again.
    Reopen {
        /// Why.
        reason: &'a str,
    },
    /// A new guideline touches it: it is read again.
    Redo,
    /// A late task is for a higher level.
    Escalate {
        /// The task.
        task: i64,
    },
    /// A task by which a reader is measured is slipped in.
    Slip {
        /// The reader, who has it at once where it is of known truth.
        reader: &'a Reader,
        /// Why.
        purpose: Purpose,
        /// Which of the case's reads it looks like.
        slot: u32,
    },
}

/// What has happened, for the trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// The action.
    pub action: &'static str,
    /// The task, where it is about one.
    pub task: Option<i64>,
    /// Gantry itself did it.
    pub by_machine: bool,
    /// The rest.
    pub detail: Value,
}

/// A case that has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// As it is now.
    pub case: Case,
    /// What has happened, in order.
    pub happened: Vec<Happened>,
    /// Tasks that are open by it: new ones, and old ones that were cancelled.
    pub made: Vec<i64>,
    /// How many numbers new tasks have taken.
    pub numbers: usize,
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such task in the case.
    #[error("there is no task {0}")]
    NoTask(i64),
    /// Who acts may not.
    #[error(transparent)]
    Barred(#[from] Bar),
    /// Only who coordinates may.
    #[error("only who coordinates may do this")]
    NotCoordinator,
    /// The task or case is in another state than the act needs.
    #[error("{0}")]
    State(String),
    /// An act without its reason.
    #[error("this needs a reason")]
    NoReason,
}

/// Why reads wait while their series is looked at again.
pub const SERIES_UNDER_REVIEW: &str = "its series is under review";
/// Why nothing of a case is wanted any more.
const WITHDRAWN: &str = "its subject has withdrawn";
/// Why reads are not wanted: their case left the plan.
const LEFT: &str = "left the plan";

/// The case after an act, with what has happened.
///
/// # Errors
/// [`Refused`]; the case stays as it was.
pub fn transition(case: &Case, who: Who<'_>, act: Act<'_>, context: &Context<'_>) -> Result<Moved, Refused> {
    let mut change = Change {
        moved: Moved { case: case.clone(), happened: Vec::new(), made: Vec::new(), numbers: 0 },
        context: *context,
        who,
    };
    change.expire();
    change.act(act)?;
    Ok(change.moved)
}

struct Change<'a> {
    moved: Moved,
    context: Context<'a>,
    who: Who<'a>,
}

impl Change<'_> {
    fn act(&mut self, act: Act<'_>) -> Result<(), Refused> {
        if self.moved.case.withdrawn {
            return match act {
                Act::Admit | Act::Look | Act::Suspend | Act::Leave { .. } | Act::Redo | Act::Withdraw => {
                    Ok(())
                }
                _ => Err(Refused::State(
                    "its subject has withdrawn: nothing is done with the case any more".into(),
                )),
            };
        }
        match act {
            Act::Admit => self.admit(),
            Act::Look => {}
            Act::Suspend => self.suspend(),
            Act::Leave { reason } => self.leave(reason),
            Act::Withdraw => self.withdraw(),
            Act::Claim { task } => return self.claim(task),
            Act::Release { task } => return self.release(task),
            Act::Hold { task, reason } => return self.hold(task, reason),
            Act::Resume { task } => return self.resume(task),
            Act::Cancel { task, reason } => return self.cancel(task, reason),
            Act::Assign { task, to } => return self.assign(task, to),
            Act::Free { task } => return self.free(task),
            Act::Refuse { task, reason } => return self.refuse(task, reason),
            Act::Submit { task, read, pairs, consensus } => return self.submit(task, read, pairs, consensus),
            Act::Accept { task } => return self.accept(task),
            Act::Return { task, reason } => return self.give_back(task, reason),
            Act::Choose { task, read } => return self.choose(task, read),
            Act::Reopen { reason } => return self.reopen(reason),
            Act::Redo => self.redo(),
            Act::Escalate { task } => return self.escalate(task),
            Act::Slip { reader, purpose, slot } => return self.slip(reader, purpose, slot),
        }
        Ok(())
    }

    fn task(&self, id: i64) -> Result<&Task, Refused> {
        self.moved.case.task(id).ok_or(Refused::NoTask(id))
    }

    fn task_mut(&mut self, id: i64) -> Result<&mut Task, Refused> {
        self.moved.case.tasks.iter_mut().find(|t| t.id == id).ok_or(Refused::NoTask(id))
    }

    fn tell(&mut self, action: &'static str, task: Option<i64>, detail: Value) {
        let by_machine = matches!(self.who, Who::Machine);
        self.moved.happened.push(Happened { action, task, by_machine, detail });
    }

    /// Claims end by themselves.
    fn expire(&mut self) {
        let now = self.context.now_ms;
        let mut ended = Vec::new();
        for task in &mut self.moved.case.tasks {
            if let TaskState::Claimed { holder, until_ms } = &task.state
                && *until_ms <= now
            {
                ended.push((task.id, holder.clone()));
                task.state = TaskState::Open { lapsed: Some(holder.clone()) };
                task.forget_assignment();
            }
        }
        for (task, holder) in ended {
            let detail = json!({ "holder": holder });
            self.moved.happened.push(Happened {
                action: "task.expire",
                task: Some(task),
                by_machine: true,
                detail,
            });
        }
    }

    /// Makes an open task and gives its number.
    fn make(&mut self, step: Step, slot: u32, round: u32, why: Vec<String>) -> i64 {
        let context = &self.context;
        let id = context.next_task + self.moved.numbers as i64;
        let case = &self.moved.case;
        let mut why = why;
        if why.is_empty() {
            why.push(match (step, context.plan.reads, round) {
                (Step::Read, 1, 1) => "to be read".into(),
                (Step::Read, n, 1) => format!("read {slot} of {n}"),
                (Step::Read, ..) => format!("to be read again, under guideline {}", case.guideline),
                _ => step.as_str().into(),
            });
        }
        why.extend(case.routes.iter().cloned());
        let task = Task {
            id,
            step,
            slot,
            round,
            purpose: Purpose::Case,
            state: TaskState::OPEN,
            reservation: None,
            level: level_of(context.plan, case, step),
            escalated: false,
            priority: case.priority,
            due_ms: context.plan.deadline(step).map(|p| context.now_ms + p.ms()),
            guideline: case.guideline.clone(),
            plan_version: context.version,
            created_ms: context.now_ms,
            taken_ms: None,
            why,
            read: None,
        };
        self.moved.case.tasks.push(task);
        self.moved.made.push(id);
        self.moved.numbers += 1;
        id
    }
}

impl Task {
    /// An assignment ends when the task is given back; what is theirs stays theirs.
    fn forget_assignment(&mut self) {
        if self.reservation.as_ref().is_some_and(|r| r.cause == Cause::Assigned) {
            self.reservation = None;
        }
    }
}

impl TaskState {
    /// Why an act that needs another state is refused.
    fn refusal(&self) -> Refused {
        Refused::State(match self {
            Self::Open { .. } => "nobody holds the task: it has to be claimed first".into(),
            Self::Claimed { holder, .. } => format!("{holder} holds the task"),
            Self::Held { reason, .. } => format!("the task is held: {reason}"),
            Self::Done { .. } => "the task is done".into(),
            Self::Cancelled { reason } => format!("the task is cancelled: {reason}"),
        })
    }
}
