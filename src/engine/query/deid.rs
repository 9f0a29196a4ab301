//! *Does everything stand under the profile in force?*

use serde::{Deserialize, Serialize};

/// Under which profile instances stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileState {
    /// Only series that match, in the query language of the catalog; `None` means all.
    pub filter: Option<String>,
}

/// The profile in force, and what stands under another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileStateView {
    /// Its name.
    pub profile: String,
    /// What tells it from every other.
    pub fingerprint: String,
    /// Stored instances under another profile.
    pub under_another: u64,
}
