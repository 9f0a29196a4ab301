//! Repair of what a verification found.

use serde::{Deserialize, Serialize};

use crate::pipeline::verify::Damage;

/// Takes what is damaged or missing again from sources that are still there, has findings made again, and forgets what
/// the intake map notes wrongly, so that it is found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// What was found.
    pub damage: Vec<Damage>,
}

/// What was done about it; whether that has helped a further verification tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// Instances stored again from their sources.
    pub stored_again: u64,
    /// Rows that say again what their stored instances say.
    #[serde(default)]
    pub rows_mended: u64,
    /// Series whose checks were run again.
    pub checked_again: u64,
    /// Files that the intake takes anew.
    pub forgotten: u64,
    /// Copies of quarantined files made again.
    pub copied_again: u64,
    /// Damages whose source is gone or was changed.
    pub without_source: u64,
}
