//! What of the reads and tasks somebody may see: who coordinates sees all, a reader sees their own and, while the plan is
//! blinded, another's read of a case only when their own is in or they have to decide on it.

use std::sync::Arc;

use serde_json::json;

use super::query::Query;
use super::{EngineError, Session};
use crate::access::Permission;
use crate::catalog::SittingRecord;
use crate::pipeline::casework::PlanInForce;
use crate::pipeline::now_ms;
use crate::workflow::{Case, CaseState, Purpose, Reader as Person, Step, Task, TaskState, may};

/// What somebody may see.
pub(super) struct Scope {
    /// Everything.
    pub all: bool,
    /// What readers said, where no blinding stands against it.
    sees_reads: bool,
    /// The reader who looks, where it is one.
    pub person: Option<Person>,
    plan: Option<Arc<PlanInForce>>,
}

impl Scope {
    /// What a session may see.
    pub fn of(session: &Session) -> Result<Self, EngineError> {
        let shared = &session.engine.shared;
        let who = session.acting()?;
        let coordinates = |p| who.may(p).is_ok();
        let all = (session.acts_for.is_none() || session.token_role.is_some())
            && (coordinates(Permission::Coordinate) || coordinates(Permission::SeeTrail));
        let person = session.person()?;
        Ok(Self { all, sees_reads: who.may(Permission::SeeReads).is_ok(), person, plan: shared.plan() })
    }

    fn is_blinded(&self) -> bool {
        self.plan.as_ref().is_some_and(|p| p.plan.blinded)
    }

    /// Whether a read may be seen.
    pub fn sees(&self, case: Option<&Case>, sitting: &SittingRecord) -> bool {
        if self.all {
            return true;
        }
        let Some(case) = case else { return self.sees_reads || self.is_own(sitting) };
        let Some(person) = &self.person else {
            // Somebody who reads nothing: what stands is no secret.
            return self.sees_reads && (!self.is_blinded() || case.state() == CaseState::Accepted);
        };
        if self.is_read_anew(case, sitting, person) {
            return false;
        }
        self.is_own(sitting)
            || !self.is_blinded()
            || case.reads.iter().any(|r| r.reader == person.id && r.round == case.round && !r.superseded)
            || decides(case, person)
    }

    fn is_own(&self, sitting: &SittingRecord) -> bool {
        self.person.as_ref().is_some_and(|p| p.id == sitting.reader)
    }

    /// Whether the person is to read the case without knowing what was said of it before.
    fn is_read_anew(&self, case: &Case, sitting: &SittingRecord, person: &Person) -> bool {
        let shows = self.plan.as_ref().is_some_and(|p| p.plan.show_previous);
        let theirs =
            |t: &&Task| t.step == Step::Read && t.state.is_active() && t.belongs_to() == Some(&person.id);
        case.tasks.iter().filter(theirs).any(|task| match task.purpose {
            Purpose::Gold | Purpose::Repeat => true,
            Purpose::Case => sitting.round < task.round && !shows,
        })
    }

    /// Whether the case's outcome may be told.
    pub fn sees_outcome(&self, case: &Case) -> bool {
        let Some(accepted) = &case.accepted else { return true };
        let Some(person) = self.person.as_ref().filter(|_| !self.all && self.is_blinded()) else {
            return true;
        };
        let has_read = case.reads.iter().any(|r| r.reader == person.id && !r.superseded);
        let measured = case
            .tasks
            .iter()
            .any(|t| t.purpose != Purpose::Case && t.state.is_active() && t.belongs_to() == Some(&person.id));
        (has_read || decides(case, person) || accepted.by.as_deref() == Some(&*person.id)) && !measured
    }

    /// Whether a task may be seen: one's own, and open ones that one may take.
    pub fn sees_task(&self, case: &Case, task: &Task) -> bool {
        if self.all {
            return true;
        }
        let Some(person) = &self.person else { return task.is_for_case() };
        task.state.holder() == Some(&person.id)
            || (matches!(task.state, TaskState::Open { .. }) && may(person, 0, case, task, now_ms()).is_ok())
    }

    /// Whether an entry of a series' history may be seen: what others did with its case is not for who may be blind to it.
    pub fn sees_entry(&self, actor: &str, action: &str) -> bool {
        let of_case = ["task.", "case.", "gold.", "label."].iter().any(|family| action.starts_with(family));
        if self.all || !self.is_blinded() || !of_case {
            return true;
        }
        let own = |p: &Person| {
            actor == p.id || actor.ends_with(&format!(" for {}", p.id)) || Some(actor) == p.user.as_deref()
        };
        action != "gold.set" && self.person.as_ref().is_some_and(own)
    }

    /// The reader of a read, as this person may know them.
    pub fn reader_of(&self, case: Option<&Case>, sitting: &SittingRecord) -> String {
        let hides = self.plan.as_ref().is_some_and(|p| p.plan.hide_readers);
        let (Some(case), Some(person), true, false) = (case, &self.person, hides, self.all) else {
            return sitting.reader.clone();
        };
        if sitting.reader == person.id || !decides(case, person) {
            return sitting.reader.clone();
        }
        anonymous(case, sitting.id)
    }
}

/// Reads of a round by the letters A, B …, in the order in which they came.
pub(super) fn anonymous(case: &Case, read: i64) -> String {
    let at = case.current_reads().position(|r| r.id == read).unwrap_or(25);
    char::from(b'A' + (at as u8).min(25)).to_string()
}

/// Whether somebody decides, or has decided, on the reads of a case in this round.
fn decides(case: &Case, person: &Person) -> bool {
    let is_decision = |t: &&Task| matches!(t.step, Step::Review | Step::Adjudicate);
    case.current().filter(is_decision).any(|t| t.state.holder() == Some(&person.id))
}

impl Session {
    /// The reader who acts: the one for whom the user acts, else the one whom the user is.
    pub(super) fn person(&self) -> Result<Option<Person>, EngineError> {
        let reader = self.engine.shared.catalog.read();
        Ok(match &self.acts_for {
            Some(id) => reader.person(id)?,
            None => reader.person_of_user(&self.account)?,
        })
    }
}

/// What shows reads of all cases at once is not for a reader who is to be blind to some of them.
pub(super) fn may_ask(session: &Session, query: &Query) -> Result<(), EngineError> {
    let shows_all = matches!(
        query,
        Query::Agreement(_)
            | Query::Drift(_)
            | Query::Process(_)
            | Query::Stats(_)
            | Query::Snapshots(_)
            | Query::PreviewSnapshot(_)
            | Query::SnapshotDetail(_)
            | Query::SnapshotMembers(_)
            | Query::ProveMember(_)
            | Query::DiffSnapshots(_)
            | Query::ProvenanceOf(_)
    );
    if !shows_all {
        return Ok(());
    }
    let scope = Scope::of(session)?;
    if scope.all || scope.person.is_none() || !scope.is_blinded() {
        return Ok(());
    }
    let why = "the plan is blinded: a reader does not see what others said of cases that are still open";
    Err(EngineError::Forbidden { why: why.into() })
}

/// What a reader drew is seen by who may see the read.
pub(super) fn may_see_blob(session: &Session, hash: &str) -> Result<(), EngineError> {
    let scope = Scope::of(session)?;
    if scope.all {
        return Ok(());
    }
    let reader = session.engine.shared.catalog.read();
    let of = reader.sittings_of_blob(hash)?;
    let mut seen = of.is_empty();
    for sitting in of {
        let case = sitting.case_uid.as_deref().map(|uid| reader.case(uid)).transpose()?.flatten();
        seen |= scope.sees(case.as_ref(), &sitting);
    }
    if seen {
        return Ok(());
    }
    Err(EngineError::Forbidden { why: "this is what another reader drew, and you may not see it yet".into() })
}

/// Who coordinates looks at reads that are still blinded: that leaves its mark.
pub(super) fn note_look(session: &Session, what: &'static str, reads: &[i64]) -> Result<(), EngineError> {
    let engine = &session.engine;
    if reads.is_empty() || engine.is_read_only() {
        return Ok(());
    }
    let key = match reads {
        [only] => format!("{} read {only}", session.user),
        _ => session.user.clone(),
    };
    if !engine.refusals.is_new(&key, what) {
        return Ok(());
    }
    let object = match reads {
        [only] => format!("read {only}"),
        _ => "reads".into(),
    };
    let detail = json!({ "reads": reads.len(), "through": what });
    engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "label.look", &object, &detail))?;
    Ok(())
}

/// Of some reads those that others may not see yet.
pub(super) fn still_blinded<'a>(
    plan: Option<&PlanInForce>,
    all: impl Iterator<Item = (Option<&'a Case>, i64)>,
) -> Vec<i64> {
    if !plan.is_some_and(|p| p.plan.blinded) {
        return Vec::new();
    }
    let open = |case: Option<&Case>| case.is_some_and(|c| c.state() != CaseState::Accepted);
    all.filter(|(case, _)| open(*case)).map(|(_, id)| id).collect()
}
