//! *What takes long just now, and how far is it?*

use serde::{Deserialize, Serialize};

/// Long work that is under way, the earliest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activities {}

/// What kind of work it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    /// A dataset is written; counted in series.
    #[default]
    Export,
    /// A snapshot is verified; counted in stored objects.
    Verify,
    /// Something is pulled from an archive; counted in instances.
    Pull,
    /// Something is sent to an archive; counted in series.
    Send,
}

/// Long work that is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    /// What kind of work it is.
    pub kind: ActivityKind,
    /// What it is about: a snapshot's name, or a query.
    pub object: String,
    /// Who began it.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub since_ms: i64,
    /// How many objects are done.
    pub done: u64,
    /// Of how many; 0 before it is known.
    pub total: u64,
}
