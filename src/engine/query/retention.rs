//! *Whose data have been kept as long as they may be?*

use serde::{Deserialize, Serialize};

/// Subjects whose data are due to be erased by the rules of the configuration, the longest due first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionDue {}

/// A subject whose data are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueView {
    /// The subject's pseudonym.
    pub subject: String,
    /// Its sites.
    pub sites: Vec<String>,
    /// When its last instance came in, in milliseconds since 1970.
    pub latest_ms: i64,
    /// Since when it is due, in milliseconds since 1970.
    pub due_ms: i64,
}
