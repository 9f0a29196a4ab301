//! Tasks: one step of one case for one person.

use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Is the series fit for reading?
    SeriesReview,
    /// Read the case.
    Read,
    /// Look at a read a second time.
    Review,
    /// Decide between reads.
    Adjudicate,
}

impl Step {
    /// Every step, in the order of a case.
    pub const ALL: [Self; 4] = [Self::SeriesReview, Self::Read, Self::Review, Self::Adjudicate];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeriesReview => "series_review",
            Self::Read => "read",
            Self::Review => "review",
            Self::Adjudicate => "adjudicate",
        }
    }

    /// The step of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }
}

/// Why a task is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The case is to be decided.
    #[default]
    Case,
    /// The reader is measured on a case of known truth; the case stays as it is.
    Gold,
    /// The reader is compared with an earlier read of their own; the case stays as it is.
    Repeat,
}

impl Purpose {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Gold => "gold",
            Self::Repeat => "repeat",
        }
    }

    /// The purpose of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Case, Self::Gold, Self::Repeat].into_iter().find(|p| p.as_str() == name)
    }
}

/// For whom an open task is kept, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The reader.
    pub reader: String,
    /// Why.
    pub cause: Cause,
}

/// Why a task is kept for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A coordinator has given it to them; it is free again when they give it back.
    Assigned,
    /// Their read was returned, or they are measured: nobody else can do it.
    Theirs,
}

/// Where a task stands. It has one holder at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TaskState {
    /// Somebody can take it.
    Open {
        /// Whose claim has ended by itself: what they submit late counts while nobody else has taken it.
        lapsed: Option<String>,
    },
    /// Somebody works on it.
    Claimed {
        /// Who.
        holder: String,
        /// Until when.
        until_ms: i64,
    },
    /// It waits for something.
    Held {
        /// Who held it, and gets it back.
        holder: Option<String>,
        /// Why.
        reason: String,
    },
    /// It was done.
    Done {
        /// By whom.
        by: String,
        /// When.
        at_ms: i64,
    },
    /// It is not wanted any more.
    Cancelled {
        /// Why.
        reason: String,
    },
}

impl TaskState {
    /// Nobody has it.
    pub const OPEN: Self = Self::Open { lapsed: None };

    /// Its name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Claimed { .. } => "claimed",
            Self::Held { .. } => "held",
            Self::Done { .. } => "done",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// Who holds it or has done it.
    pub fn holder(&self) -> Option<&str> {
        match self {
            Self::Claimed { holder, .. } => Some(holder),
            Self::Held { holder, .. } => holder.as_deref(),
            Self::Done { by, .. } => Some(by),
            Self::Open { .. } | Self::Cancelled { .. } => None,
        }
    }

    /// Whether something is still to be done.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Claimed { .. } | Self::Held { .. })
    }
}

/// One step of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number, unique in the workspace.
    pub id: i64,
    /// What is to be done.
    pub step: Step,
    /// Which of the case's reads, from 1; 1 for other steps.
    pub slot: u32,
    /// The case's round, from 1.
    pub round: u32,
    /// Why it is there.
    pub purpose: Purpose,
    /// Where it stands.
    #[serde(flatten)]
    pub state: TaskState,
    /// For whom it is kept.
    pub reservation: Option<Reservation>,
    /// The least level.
    pub level: u8,
    /// What was late was given to a higher level.
    pub escalated: bool,
    /// Larger goes first.
    pub priority: i32,
    /// When it is due, in milliseconds since 1970.
    pub due_ms: Option<i64>,
    /// The guideline's version.
    pub guideline: String,
    /// The plan's version.
    pub plan_version: u32,
    /// When it was made.
    pub created_ms: i64,
    /// When it was taken last.
    pub taken_ms: Option<i64>,
    /// Why it is there and why so urgent, in words.
    pub why: Vec<String>,
    /// The read that it brought, or that it is about.
    pub read: Option<i64>,
}

impl Task {
    /// Whether it counts for the case.
    pub fn is_for_case(&self) -> bool {
        self.purpose == Purpose::Case
    }

    /// For whom it is kept while nobody holds it.
    pub fn kept_for(&self) -> Option<&str> {
        self.reservation.as_ref().map(|r| r.reader.as_str())
    }

    /// Who has, had or is to have it.
    pub fn belongs_to(&self) -> Option<&str> {
        match &self.state {
            TaskState::Cancelled { .. } => None,
            state => state.holder().or_else(|| self.kept_for()),
        }
    }

    /// Whether it is past its time.
    pub fn is_overdue(&self, now_ms: i64) -> bool {
        self.state.is_active() && self.due_ms.is_some_and(|due| due < now_ms)
    }
}
