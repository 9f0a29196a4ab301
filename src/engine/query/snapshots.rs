//! *Which versions of the dataset are there, what do they hold, what differs, are they whole?*

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Page;
use crate::engine::command::SplitWords;

pub use crate::pipeline::verify::snapshots::{SnapshotDamage, SnapshotVerified};
pub use crate::snapshot::{Diff, DiffEntry};

/// Every snapshot, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshots {}

/// One snapshot, by its name or identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotDetail {
    /// The name, or the identifier.
    pub name: String,
}

/// The series of a snapshot, by UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMembers {
    /// The name, or the identifier.
    pub name: String,
    /// Which part.
    pub page: Page,
}

/// That a series is in a snapshot: what leads from its line to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProveMember {
    /// The name, or the identifier.
    pub name: String,
    /// The series.
    pub series_uid: String,
}

/// What differs from one snapshot to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffSnapshots {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
}

/// Every byte of a snapshot against its hash, its lines against the root, the root against the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySnapshot {
    /// The name, or the identifier.
    pub name: String,
}

/// What a snapshot would hold if it were made now; nothing is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewSnapshot {
    /// Which series, in the query language; all that have accepted labels without one.
    pub query: Option<String>,
    /// Splits.
    pub split: Option<SplitWords>,
}

/// Datasets that were written, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exports {
    /// Only those of this snapshot, by its name.
    pub snapshot: Option<String>,
}

/// Subjects that have withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawals {}

/// Where something came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenanceOf {
    /// A snapshot by name or identifier, a series or study by UID, a read by number.
    pub object: String,
}

/// Where something came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProvenanceView {
    /// W3C PROV-JSON.
    pub document: serde_json::Value,
    /// The same as a tree, for people.
    pub tree: String,
}

/// How many are in a split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitCount {
    /// Series.
    pub series: u64,
    /// Subjects.
    pub subjects: u64,
}

/// A series that was asked for and is not in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotInSnapshot {
    /// The series.
    pub series_uid: String,
    /// Why, in words.
    pub reason: String,
}

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotView {
    /// Its name.
    pub name: String,
    /// The identifier of its content.
    pub id: String,
    /// The Merkle root over its series.
    pub root: String,
    /// Series.
    pub series: u64,
    /// Subjects.
    pub subjects: u64,
    /// Stored instances.
    pub instances: u64,
    /// Accepted labels, *none* included.
    pub labels: u64,
    /// Bytes of the stored instances.
    pub bytes: u64,
    /// Splits by name.
    pub splits: BTreeMap<String, SplitCount>,
    /// Which series were asked for.
    pub query: Option<String>,
    /// How it was split.
    pub options: serde_json::Value,
    /// What a person says of it.
    pub note: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// By whom.
    pub by: String,
    /// By which version of Gantry.
    pub version: String,
    /// Whether it is signed.
    pub signed: bool,
    /// Series that were asked for and are not in it.
    pub left_out: Vec<NotInSnapshot>,
}

/// What a snapshot would hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotPreview {
    /// The identifier that its content would have.
    pub id: String,
    /// The snapshot that holds just this already.
    pub same_as: Option<String>,
    /// Series.
    pub series: u64,
    /// Subjects.
    pub subjects: u64,
    /// Stored instances.
    pub instances: u64,
    /// Accepted labels, *none* included.
    pub labels: u64,
    /// Bytes of the stored instances.
    pub bytes: u64,
    /// Splits by name.
    pub splits: BTreeMap<String, SplitCount>,
    /// Image series that match and would not be in it, by why; the largest group first.
    pub left_out: Vec<LeftOutGroup>,
}

/// Image series that would not be in a snapshot, for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutGroup {
    /// Why, in words.
    pub reason: String,
    /// How many.
    pub series: u64,
    /// The first of them, by UID.
    pub first: String,
}

/// A series of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The series.
    pub series_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// The split.
    pub split: Option<String>,
}

/// That a series is in a snapshot, without the other series. Hashes are SHA-256 as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotProof {
    /// The snapshot's name.
    pub snapshot: String,
    /// The identifier of its content.
    pub id: String,
    /// Its Merkle root.
    pub root: String,
    /// The series.
    pub series_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// The split.
    pub split: Option<String>,
    /// The salted digest of what is held of it.
    pub digest: String,
    /// The leaf: SHA-256 of a zero byte and the SHA-256 of series, subject, site, split (empty where there is none) and the
    /// bytes of the digest, each preceded by its length in eight bytes, big-endian.
    pub leaf: String,
    /// Its place among the leaves, from 0.
    pub index: u64,
    /// How many leaves there are.
    pub series: u64,
    /// What it is hashed with to the root, from the bottom up (RFC 9162, section 2.1.3).
    pub path: Vec<String>,
}

/// A dataset that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRunView {
    /// The snapshot, where it was one.
    pub snapshot: Option<String>,
    /// The folder.
    pub to: String,
    /// The formats, by commas.
    pub formats: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// By whom.
    pub by: String,
}

/// A dataset that was written, and who is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportView {
    /// The dataset.
    #[serde(flatten)]
    pub run: ExportRunView,
    /// Series in it.
    pub series: u64,
    /// Subjects in it.
    pub subjects: u64,
    /// Subjects in it that have withdrawn since: whoever has it must be told.
    pub withdrawn: Vec<String>,
}

/// A subject that has withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalView {
    /// The subject's pseudonym.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who noted it.
    pub by: String,
    /// When its bytes were erased.
    pub erased_ms: Option<i64>,
    /// Snapshots that hold it.
    pub snapshots: Vec<String>,
}
