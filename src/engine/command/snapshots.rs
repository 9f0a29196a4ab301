//! Versions of a dataset, and subjects that withdraw from it.

use serde::{Deserialize, Serialize};

use super::super::query::ExportRunView;

/// What goes into one split as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// A subject.
    #[default]
    Subject,
    /// A site.
    Site,
}

/// How a snapshot is split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitWords {
    /// `train=.7,val=.15,test=.15`.
    pub shares: String,
    /// What goes into one split as a whole.
    pub by: SplitBy,
    /// The fields, separated by commas, whose values are spread alike over the splits.
    pub stratify: Option<String>,
    /// What chance is drawn from.
    pub seed: u64,
    /// A snapshot whose subjects stay in their splits.
    pub keep: Option<String>,
}

/// Freezes series with accepted labels under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// The name.
    pub name: String,
    /// Which series, in the query language; all that have accepted labels without one.
    pub query: Option<String>,
    /// Splits.
    pub split: Option<SplitWords>,
    /// What a person says of it.
    pub note: String,
}

/// A subject withdraws: it is in no later snapshot or export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// The subject's pseudonym.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Its stored bytes go, too.
    pub erase: bool,
}

/// What a withdrawal touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The subject's pseudonym.
    pub subject: String,
    /// Its series.
    pub series: u64,
    /// Snapshots that hold it, by name.
    pub snapshots: Vec<String>,
    /// Datasets that hold it and where they went: whoever has them must be told.
    pub exports: Vec<ExportRunView>,
    /// Tasks that were ended.
    pub cancelled: u64,
    /// Stored instances and labels whose bytes were erased.
    pub erased: u64,
}
