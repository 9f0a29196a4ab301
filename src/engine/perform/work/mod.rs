//! Work on cases: readers, the plan, tasks, reads that come in, what goes out to be read.

mod checkout;
mod plan;
mod readers;
mod submit;
mod tasks;

pub(super) use checkout::checkout;
pub(super) use plan::apply;
pub(super) use readers::put;
pub(super) use submit::submit;
pub(super) use tasks::{act, gold, next, reopen, steer};

use std::sync::Arc;

use crate::catalog::{CatalogError, Tx};
use crate::engine::answer::line_of;
use crate::engine::query::TaskLine;
use crate::engine::{EngineError, Session};
use crate::pipeline::casework::{PlanInForce, midnight_ms};
use crate::workflow::{Bar, Case, Moved, Reader as Person, Refused, Who};

/// The plan in force.
fn plan_of(session: &Session) -> Result<Arc<PlanInForce>, EngineError> {
    session.engine.shared.plan().ok_or_else(|| EngineError::Conflict {
        why: "there is no plan: `gantry plan apply FILE` puts one in force".into(),
    })
}

/// Who acts, as the rules know them.
struct Actor {
    person: Option<Person>,
    taken_today: u32,
    coordinates: bool,
}

impl Actor {
    fn of(session: &Session, tx: &Tx<'_>, now_ms: i64) -> Result<Self, CatalogError> {
        // As the transaction sees them: a level that was changed a moment ago counts.
        let person = match &session.acts_for {
            Some(id) => tx.person(id)?,
            None => tx.person_of_user(&session.account)?,
        };
        let taken_today = match &person {
            Some(person) => tx.taken_since(&person.id, midnight_ms(now_ms))?,
            None => 0,
        };
        let may = session.principal().may(crate::access::Permission::Coordinate).is_ok();
        Ok(Self { person, taken_today, coordinates: may && session.acts_for.is_none() })
    }

    /// As a reader, for what only readers do.
    fn reading(&self) -> Result<Who<'_>, CatalogError> {
        match &self.person {
            Some(reader) => Ok(Who::Reader { reader, taken_today: self.taken_today }),
            None => Err(Refused::Barred(Bar::NoReader).into()),
        }
    }

    /// As who coordinates, where they do and do not act for a reader, else as a reader.
    fn steering(&self) -> Result<Who<'_>, CatalogError> {
        if self.coordinates { Ok(Who::Coordinator) } else { self.reading() }
    }
}

/// The case of a task, as a transaction sees it.
fn case_of(tx: &Tx<'_>, task: i64) -> Result<Case, CatalogError> {
    tx.case_of_task(task)?.ok_or(CatalogError::Workflow(Refused::NoTask(task)))
}

/// Tasks that an act has made, as lists show them.
fn lines_of(moved: &Moved) -> Vec<TaskLine> {
    let case = &moved.case;
    let made = moved.made.iter().filter_map(|id| case.task(*id));
    made.map(|task| line_of(&case.uid, &case.series_uid, task)).collect()
}
