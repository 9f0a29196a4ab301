//! Sources, and what was quarantined, rejected or parked.

use serde::{Deserialize, Serialize};

use crate::model::Drawing;
pub use crate::model::Links;
pub use crate::source::Unread;

/// Watches one more folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddInbox {
    /// Its name, unique.
    pub name: String,
    /// The folder, absolute.
    pub path: String,
    /// The site whose data it brings.
    pub site: String,
}

/// Stops watching a folder; what came from it stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveInbox {
    /// Its name.
    pub name: String,
}

/// Takes files and folders in once, through the same pipeline, and answers when every one is accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingest {
    /// Files and folders, absolute.
    pub paths: Vec<String>,
    /// The site whose data they are.
    pub site: String,
    /// Whether symbolic links below the folders are followed.
    #[serde(default)]
    pub links: Links,
}

/// What became of the files of one ingest or run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestOutcome {
    /// Files (archives count by member); the sum of the next four.
    pub received: u64,
    /// Stored.
    pub deidentified: u64,
    /// Kept on the landing side.
    pub quarantined: u64,
    /// Never processable.
    pub rejected: u64,
    /// Stored before: from the same path, or byte for byte from another one.
    pub duplicates: u64,
    /// Of the duplicates: stored before from the same path, as when an ingest that was cut off is run again.
    #[serde(default)]
    pub already_here: u64,
    /// What was not read, by reason; files among it count as rejected, too, but for those that vanished.
    #[serde(default)]
    pub unread: Unread,
    /// Series in the catalog that these files belong to.
    pub series: u64,
    /// Findings of those series.
    pub qc_findings: u64,
    /// Jobs done.
    pub jobs_done: u64,
    /// Jobs parked.
    pub jobs_failed: u64,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// Which files of the intake a command means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntakeChoice {
    /// Every file of these groups.
    Groups(Vec<String>),
    /// These files.
    Files(Vec<i64>),
}

/// Processes quarantined files again, or looks again at rejected ones where they still lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryIntake {
    /// Which.
    pub choice: IntakeChoice,
}

/// A person has looked at the pixels and passes quarantined files on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseIntake {
    /// Which.
    pub choice: IntakeChoice,
}

/// A person has looked at the pixels, drawn what must be masked, and passes quarantined files on: each is masked as drawn and
/// not otherwise. A file of another matrix stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskIntake {
    /// Which.
    pub choice: IntakeChoice,
    /// What was drawn.
    pub drawing: Drawing,
}

/// A person opens the picture of a quarantined file, which may show a name: the mark in the trail comes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookIntake {
    /// The file.
    pub id: i64,
}

/// A picture may be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// SHA-256 of the kept copy, by which it is found.
    pub sha256: String,
}

/// Discards the kept copies of quarantined files; the record stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscardIntake {
    /// Which.
    pub choice: IntakeChoice,
}

/// Leases parked jobs again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryJobs {
    /// Which; empty means all.
    pub jobs: Vec<i64>,
}
