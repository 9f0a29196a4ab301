//! The audit trail and what machines could not finish.

use serde::{Deserialize, Serialize};

use super::{Checkpoint, Page};

/// The history of anything, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Only entries about this object (a series UID, a task id, `config` …).
    pub object: Option<String>,
    /// Only entries whose actor, action or object holds this text.
    pub text: String,
    /// Which part.
    pub page: Page,
}

/// One entry of the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// Its number.
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: a user's name, or `gantry` for machines.
    pub actor: String,
    /// What, such as `review.accept`.
    pub action: String,
    /// About what.
    pub object: String,
    /// The rest, without PHI.
    pub detail: serde_json::Value,
    /// The hash that chains it to the entry before.
    pub hash: String,
}

/// Whether the clock agrees with what the trail remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckClock {}

/// What the trail tells of the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockView {
    /// By how much the last entry of the trail is later than now; 0 where it is not.
    pub behind_ms: i64,
    /// Entries that are earlier than the one before them: so often the clock was set back.
    pub steps_back: u64,
    /// The largest of these steps.
    pub largest_step_ms: i64,
}

/// Verifies every link of the trail's hash chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyTrail {
    /// The end of the trail as it was once: tells a trail that was cut off.
    #[serde(default)]
    pub checkpoint: Option<Checkpoint>,
}

/// What the verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailVerified {
    /// Entries verified, from the first.
    pub entries: u64,
    /// The hash of the last of them: whoever keeps it can tell later that nothing before it was changed.
    pub hash: String,
    /// Where the chain breaks, or what of its signatures is wrong.
    pub broken: Option<String>,
    /// Signed checkpoints.
    #[serde(default)]
    pub checkpoints: u64,
    /// Entries that the last of them covers.
    #[serde(default)]
    pub signed_entries: u64,
    /// The public key of the last (Ed25519, hexadecimal digits).
    #[serde(default)]
    pub key: Option<String>,
}

/// Ledger lines of stored instances, in the order of storing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Only lines after this number.
    pub after: i64,
    /// Lines at most.
    pub limit: u32,
}

/// What de-identification did to one stored instance; never a value, never a source path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Its number.
    pub number: i64,
    /// The content hash of the stored instance.
    pub output: String,
    /// `written`: what was quarantined or rejected is not stored.
    pub status: String,
    /// Profile, options, version, actions by tag, masks, verified.
    #[serde(flatten)]
    pub record: serde_json::Value,
}

/// Jobs that failed three times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedJobs {}

/// A job that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedJob {
    /// The job.
    pub id: i64,
    /// Its stage, such as `check`.
    pub stage: String,
    /// What it works on.
    pub object: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}
