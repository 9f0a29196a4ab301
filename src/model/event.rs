//! What the engine tells everyone who is attached.

use serde::{Deserialize, Serialize};

/// Something changed. A client that has missed a revision asks anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one with each event.
    pub revision: u64,
    /// What changed.
    pub what: ChangeKind,
}

/// What changed; says where to look, not what the new state is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum ChangeKind {
    /// Files were taken in, quarantined or rejected.
    Intake {
        /// How many files.
        files: u64,
    },
    /// A series was assembled, checked or has changed otherwise.
    Series {
        /// The de-identified series UID.
        series_uid: String,
    },
    /// A review task was made, claimed, released or decided.
    Task {
        /// The task.
        task: i64,
    },
    /// Reads, ratings or labels came in.
    Reads,
    /// An inbox was added, removed, or its state changed.
    Sources,
    /// A job was parked, or parked jobs were retried.
    Jobs,
    /// The configuration was read again.
    Config,
    /// The pipeline has nothing left to do.
    Idle,
}
