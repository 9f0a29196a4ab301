//! What was stored is brought under another profile, or gets other masks.

use serde::{Deserialize, Serialize};

/// Brings stored instances under the profile in force: from their sources where these are still there; else from what is
/// stored, where the profile only takes away more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reprocess {
    /// Only series that match, in the query language of the catalog; `None` means all.
    pub filter: Option<String>,
    /// Also what stands under the profile in force already: a later version may find more.
    pub all: bool,
}

/// What became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReprocessOutcome {
    /// How many were looked at: the sum of the next three.
    pub instances: u64,
    /// Made anew from their sources.
    pub from_source: u64,
    /// Made from what was stored.
    pub from_stored: u64,
    /// Left as they are.
    pub left: u64,
    /// Why, with how many each.
    pub reasons: Vec<(u64, String)>,
    /// How many of the whole workspace stand under another profile now.
    pub under_another: u64,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// A person doubts the masks of stored pictures: copies of their sources are quarantined, where masks are lifted, moved and
/// drawn as on any other quarantined file. What is stored stays until that is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionMasks {
    /// The remapped UID of their series.
    pub series_uid: String,
    /// Their remapped SOP instance UIDs; empty means all in which something is masked.
    pub instances: Vec<String>,
}
