//! Archives elsewhere: what they hold, pulled from them, sent to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::IngestOutcome;

/// The level of a question to an archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveLevel {
    /// Studies.
    #[default]
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// Asks an archive what it holds. Its answer identifies people: that it was asked stands in the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindRemote {
    /// Its name.
    pub remote: String,
    /// What it has to be, `KEYWORD=VALUE` each.
    pub keys: Vec<String>,
    /// The level.
    #[serde(default)]
    pub level: ArchiveLevel,
    /// At most so many.
    #[serde(default)]
    pub limit: Option<u64>,
}

/// Pulls what an archive holds and is not here yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRemote {
    /// Its name.
    pub remote: String,
    /// What it has to be, `KEYWORD=VALUE` each.
    pub keys: Vec<String>,
    /// What the limit counts: studies, or series.
    #[serde(default)]
    pub level: ArchiveLevel,
    /// Studies of this day and later alone, `YYYY-MM-DD`.
    #[serde(default)]
    pub since: Option<String>,
    /// Studies, or series, at most.
    #[serde(default)]
    pub limit: Option<u64>,
    /// Nothing is fetched.
    #[serde(default)]
    pub dry_run: bool,
    /// Nothing is begun after so many seconds.
    #[serde(default)]
    pub for_seconds: Option<u64>,
}

/// Why something did not come or go, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// Why, in the other's words.
    pub reason: String,
    /// How many instances.
    pub count: u64,
}

impl ReasonCount {
    /// The counts of a table.
    pub fn all(counts: BTreeMap<String, u64>) -> Vec<Self> {
        counts.into_iter().map(|(reason, count)| Self { reason, count }).collect()
    }
}

/// What came of a pull, in instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullOutcome {
    /// The archive holds them; the sum of the next four.
    pub found: u64,
    /// Of these were here before.
    pub here: u64,
    /// Came.
    pub pulled: u64,
    /// Did not come.
    pub failed: Vec<ReasonCount>,
    /// Were not asked for any more: the time was up.
    pub left: u64,
    /// The archive counts them beside, and does not list them.
    pub unlisted: u64,
    /// What became of the files; of those that are moved to a listener, where this process serves it.
    #[serde(flatten)]
    pub intake: IngestOutcome,
}

/// Sends stored, de-identified instances to an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendRemote {
    /// Its name.
    pub remote: String,
    /// Which series.
    pub filter: String,
    /// Nothing is sent.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of sending, in instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendOutcome {
    /// Series that the filter matches and that may go out.
    pub series: u64,
    /// The archive has taken them.
    pub sent: u64,
    /// It has not.
    pub failed: Vec<ReasonCount>,
    /// Series that may not go out, by reason.
    pub left_out: Vec<ReasonCount>,
    /// Wall time.
    pub elapsed_ms: u64,
}
