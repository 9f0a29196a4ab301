//! Who reads what: the plan of a project, its cases, their tasks, and the one function by which they change. Pure: rows are
//! read and written by `catalog`, the clock is an argument.
//!
//! A [`Case`] is read by people; a [`Task`] is one step of it for one person. [`transition`] takes a case and an [`Act`] and
//! gives the case as it is afterwards, with what happened, or says why the act is refused. Nothing else changes a case.
//!
//! ```
//! use gantry::workflow::{Act, Case, Context, Plan, Reader, TaskState, Who, transition};
//! let plan: Plan = toml::from_str("name = 'lungs'\nreads = 1\n[[structure]]\nname = 'nodule'\nkind = 'mask'").unwrap();
//! let context = |now_ms| Context { plan: &plan, version: 1, guideline: "", now_ms, next_task: 1 };
//! let case = transition(&Case::new("1.2.3", 0), Who::Machine, Act::Admit, &context(0)).unwrap().case;
//! let amira = Reader::new("amira", 1);
//! let claimed = transition(&case, Who::reader(&amira), Act::Claim { task: 1 }, &context(5)).unwrap();
//! assert!(matches!(claimed.case.tasks[0].state, TaskState::Claimed { .. }));
//! let again = transition(&claimed.case, Who::reader(&Reader::new("ben", 1)), Act::Claim { task: 1 }, &context(6));
//! assert_eq!(again.unwrap_err().to_string(), "amira holds the task");
//! ```

mod agree;
mod answer;
mod case;
mod consensus;
mod draw;
mod judge;
mod may;
mod period;
mod plan;
mod plan_checks;
mod reader;
mod task;
mod transition;

pub use agree::{PairAgreement, StructureAgreement, compare, instances, nearest};
pub use answer::{Answer, Answers, Reason, ReasonCode, Said, Statements};
pub use case::{Accepted, Case, CaseRead, CaseState, How};
pub use consensus::agreed;
pub use draw::{draw, is_drawn};
pub use may::{Bar, may, may_ever};
pub use period::Period;
pub use plan::{
    Adjudicate, Consensus, Deadlines, Escalate, Gold, Guideline, Kind, Limits, Order, Plan, Redo, Repeat,
    ReviewRule, Route, SeriesReview, StructurePlan, Unit,
};
pub use plan_checks::Mistake;
pub use reader::{Absence, Reader, Skill};
pub use task::{Cause, Purpose, Reservation, Step, Task, TaskState};
pub use transition::{Act, Context, Happened, Moved, Refused, Who, transition};
