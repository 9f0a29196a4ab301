//! Harmonisation and protocols over the catalog.

use serde::{Deserialize, Serialize};

pub use crate::harmonise::{Coverage, Unmapped};

/// How far every harmonised attribute is covered, over the series that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarmoniseCoverage {
    /// The filter, in the query language.
    pub filter: String,
}

/// What the rules on disk would change; nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HarmoniseDryRun {
    /// Changes listed, at most.
    pub limit: u32,
}

/// What a rule set changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HarmoniseOutcome {
    /// Version and digest of the rules.
    pub rules: String,
    /// Series that were looked at.
    pub series: u64,
    /// Series whose values change.
    pub changed: u64,
    /// Series whose values stay and were derived by other rules before.
    pub confirmed: u64,
    /// Values that change: attribute, before, after, series.
    pub changes: Vec<ValueChange>,
    /// Some of the series that change.
    pub examples: Vec<SeriesChange>,
}

/// One change of a value, and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    /// The harmonised attribute.
    pub name: String,
    /// What it was.
    pub before: Option<String>,
    /// What it becomes.
    pub after: Option<String>,
    /// Series.
    pub series: u64,
}

/// What changes in one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesChange {
    /// The series.
    pub series_uid: String,
    /// Attribute, before, after, and what it is derived from.
    pub changes: Vec<(String, Option<String>, Option<String>, String)>,
}

/// A protocol learned from the series that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnProtocol {
    /// Its name.
    pub name: String,
    /// The filter, in the query language.
    pub filter: String,
}

/// A protocol that was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearnedProtocol {
    /// Series that it was learned from.
    pub series: u64,
    /// The protocol as TOML.
    pub toml: String,
}
