//! Cases: what is read, by whom it was read, and what stands.

use serde::{Deserialize, Serialize};

use super::task::{Step, Task, TaskState};

/// What is read: a series, or a study where the plan says so.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The UID of the series, or of the study.
    pub uid: String,
    /// The series that is read; of a study the first.
    pub series_uid: String,
    /// Whose data it is.
    pub site: String,
    /// The harmonised body region.
    pub region: Option<String>,
    /// The harmonised family of modalities.
    pub family: Option<String>,
    /// Rounds of reading, from 1; 0 before the first.
    pub round: u32,
    /// The guideline of this round.
    pub guideline: String,
    /// Larger goes first; from the routes.
    pub priority: i32,
    /// The least level; from the routes.
    pub level: u8,
    /// What routes say of it, in words.
    pub routes: Vec<String>,
    /// When it came.
    pub created_ms: i64,
    /// Its subject has withdrawn: nothing is done with it any more.
    pub withdrawn: bool,
    /// What stands.
    pub accepted: Option<Accepted>,
    /// Every read of it, the first one first.
    pub reads: Vec<CaseRead>,
    /// Every task of it, the first one first.
    pub tasks: Vec<Task>,
}

/// What is known of a read where a case is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRead {
    /// Its number.
    pub id: i64,
    /// Who read.
    pub reader: String,
    /// When it came in.
    pub at_ms: i64,
    /// The round of the case.
    pub round: u32,
    /// The task that it was for.
    pub task: i64,
    /// Under which guideline.
    pub guideline: String,
    /// Checks that found something in it, warnings and errors.
    pub findings: Vec<String>,
    /// Structures that it says something of, *none* included.
    pub structures: Vec<String>,
    /// A later one has replaced it.
    pub superseded: bool,
    /// It counts for the case.
    pub for_case: bool,
}

/// The read that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The read.
    pub read: i64,
    /// Who decided; nobody where readers agreed.
    pub by: Option<String>,
    /// When.
    pub at_ms: i64,
    /// How it came about.
    pub how: How,
}

/// How a read came to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// There is one.
    Single,
    /// All agreed.
    Agreed,
    /// A reviewer accepted it.
    Reviewed,
    /// An adjudicator decided.
    Adjudicated,
}

impl How {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Agreed => "agreed",
            Self::Reviewed => "reviewed",
            Self::Adjudicated => "adjudicated",
        }
    }

    /// How, by its name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Single, Self::Agreed, Self::Reviewed, Self::Adjudicated]
            .into_iter()
            .find(|how| how.as_str() == name)
    }
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nobody has begun.
    Waiting,
    /// Somebody reads, or has read.
    Reading,
    /// Readers do not agree.
    Adjudicating,
    /// A second look is owed.
    InReview,
    /// A read stands.
    Accepted,
    /// A task of it waits for something.
    Held,
    /// Its subject has withdrawn.
    Withdrawn,
}

impl CaseState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Reading,
        Self::Adjudicating,
        Self::InReview,
        Self::Accepted,
        Self::Held,
        Self::Withdrawn,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Adjudicating => "adjudicating",
            Self::InReview => "in_review",
            Self::Accepted => "accepted",
            Self::Held => "held",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Case {
    /// A case of one series that nobody has begun.
    pub fn new(uid: &str, created_ms: i64) -> Self {
        Self { uid: uid.into(), series_uid: uid.into(), level: 1, created_ms, ..Self::default() }
    }

    /// The tasks of this round that count for it.
    pub fn current(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|t| t.round == self.round && t.is_for_case())
    }

    /// The reads of this round that count for it and that nothing has replaced.
    pub fn current_reads(&self) -> impl Iterator<Item = &CaseRead> {
        self.reads.iter().filter(|r| self.is_first_read(r))
    }

    fn is_first_read(&self, read: &CaseRead) -> bool {
        let step = self.task(read.task).map(|t| t.step);
        read.for_case && !read.superseded && read.round == self.round && step == Some(Step::Read)
    }

    /// A task by its number.
    pub fn task(&self, id: i64) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id == id)
    }

    /// A read by its number.
    pub fn read(&self, id: i64) -> Option<&CaseRead> {
        self.reads.iter().find(|r| r.id == id)
    }

    /// Whether a read of this task would be the last that the round waits for.
    pub fn completes(&self, task: i64) -> bool {
        let reads = || self.current().filter(|t| t.step == Step::Read);
        reads().any(|t| t.id == task)
            && reads().all(|t| t.id == task || matches!(t.state, TaskState::Done { .. }))
    }

    /// Where it stands.
    pub fn state(&self) -> CaseState {
        if self.withdrawn {
            return CaseState::Withdrawn;
        }
        let active = |step| self.current().any(|t| t.step == step && t.state.is_active());
        if self.current().any(|t| matches!(t.state, TaskState::Held { .. })) {
            CaseState::Held
        } else if active(Step::Adjudicate) {
            CaseState::Adjudicating
        } else if active(Step::Review) {
            CaseState::InReview
        } else if self.accepted.is_some() && !active(Step::Read) {
            CaseState::Accepted
        } else if self.has_begun() {
            CaseState::Reading
        } else {
            CaseState::Waiting
        }
    }

    /// Whether anybody has begun to read in this round.
    pub fn has_begun(&self) -> bool {
        self.current_reads().next().is_some()
            || self.current().any(|t| matches!(t.state, TaskState::Claimed { .. } | TaskState::Done { .. }))
    }

    /// Whether somebody's read of this round is in.
    pub fn has_read(&self, reader: &str) -> bool {
        self.reads.iter().any(|r| r.reader == reader && r.round == self.round && !r.superseded)
    }
}
