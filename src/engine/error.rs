//! Why the engine refuses.

use serde::{Deserialize, Serialize};

/// Why a query or command was not carried out; crosses the socket. Never holds PHI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum EngineError {
    /// The object is not there (any more).
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of object.
        what: String,
        /// Its identifier.
        id: String,
    },
    /// The state of the object does not allow it: somebody else holds the task, it is decided already.
    #[error("{why}")]
    Conflict {
        /// What stands against it, in a person's words.
        why: String,
    },
    /// The filter or argument cannot be understood.
    #[error("{why}")]
    Invalid {
        /// What is wrong with it, in a person's words.
        why: String,
    },
    /// It is refused whole, for every one of these reasons.
    #[error("{why}: {}", messages(.reasons))]
    Refused {
        /// What is refused, in a person's words.
        why: String,
        /// Each with `code`, `structure` and `message`.
        reasons: Vec<serde_json::Value>,
    },
    /// The user may not do this.
    #[error("{why}")]
    Forbidden {
        /// What would be needed.
        why: String,
    },
    /// The workspace cannot be written: by this user, or by anybody on its medium.
    #[error("{why}")]
    ReadOnly {
        /// What is not possible therefore.
        why: String,
    },
    /// Disk, database or socket.
    #[error("storage: {why}")]
    Storage {
        /// What failed.
        why: String,
    },
    /// An archive elsewhere does not answer, or not as it should.
    #[error("{remote}: {why}")]
    Remote {
        /// Which.
        remote: String,
        /// Why, in its own words where it had some.
        why: String,
    },
    /// The disk, or a quota, is full.
    #[error("storage: there is no room on the disk")]
    Full,
    /// The catalog is damaged, as SQLite itself says.
    #[error("{why}")]
    Damaged {
        /// What SQLite says.
        why: String,
    },
    /// The owner of the workspace has ended before it began with this; ask again.
    #[error("the workspace is not served any more; nothing was begun")]
    NotBegun,
    /// The owner of the workspace has gone; attach again.
    #[error("the workspace is not served any more")]
    Gone,
}

/// What all reasons say.
fn messages(reasons: &[serde_json::Value]) -> String {
    reasons.iter().filter_map(|r| r["message"].as_str()).collect::<Vec<_>>().join("; ")
}

impl EngineError {
    /// The code of the kind, as it crosses the socket.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } => "invalid",
            Self::Refused { .. } => "refused",
            Self::Forbidden { .. } => "forbidden",
            Self::ReadOnly { .. } => "read_only",
            Self::Storage { .. } => "storage",
            Self::Remote { .. } => "remote",
            Self::Full => "disk_full",
            Self::Damaged { .. } => "catalog_damaged",
            Self::NotBegun => "not_begun",
            Self::Gone => "gone",
        }
    }
}
