//! Review: claim, decide, undo.

use serde::{Deserialize, Serialize};

use crate::engine::query::QueueTab;

/// Takes a task for a limited time, so that no two reviewers hold it, nor one reviewer twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimTask {
    /// The task.
    pub task: i64,
    /// Also where another session of the same user holds it: it moves here.
    #[serde(default)]
    pub take: bool,
}

/// Takes the most urgent open task; `None` when there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimNext {
    /// From which tab; what somebody holds is passed over.
    pub view: QueueTab,
    /// With this filter.
    pub filter: String,
    /// Tasks to leave out: skipped a moment ago.
    pub except: Vec<i64>,
}

/// Gives a task back undecided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnclaimTask {
    /// The task.
    pub task: i64,
}

/// A reviewer's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Fit for use.
    Accept {
        /// If wanted.
        comment: Option<String>,
    },
    /// Back to the site or reader.
    Return {
        /// One of `review.return_reasons`; any where none is configured.
        reason: String,
        /// If wanted.
        comment: Option<String>,
    },
}

/// Decides a task that the user holds (or that nobody holds).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideTask {
    /// The task.
    pub task: i64,
    /// The decision.
    pub decision: Decision,
    /// Makes a repeated command harmless.
    pub key: String,
}

/// Takes the user's own last decision on a task back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoDecision {
    /// The task.
    pub task: i64,
}
