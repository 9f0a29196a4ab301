//! Verification: what is stored against the names, rows, hashes and trail entries that vouch for it.
//!
//! Nothing is changed here: who repairs asks for the sources again.

mod blobs;
mod checkpoints;
mod landing;
mod mend;
pub mod register;
pub mod snapshots;
mod trail;

pub use crate::audit::Checkpoint;
pub use checkpoints::{Signed, read_kept, signed};
pub use mend::mend_row;

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::{Progress, Shared, StageError};

/// What kind of damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// SQLite's own check of the catalog found something.
    Database,
    /// A row names a blob that is not in the store.
    MissingBlob,
    /// The bytes of a blob do not match its name.
    DamagedBlob,
    /// The bytes of a blob cannot be read from their medium.
    UnreadableBlob,
    /// The row of an instance says something else than its stored header.
    ChangedInstance,
    /// A ledger line is not the one that was written, or is gone.
    ChangedLedger,
    /// Stored instances, their ledger lines or reads are not those that a trail entry covers.
    BrokenRoot,
    /// The chain of the trail is broken.
    BrokenTrail,
    /// The trail is not the one that a signed checkpoint vouches for: its end was cut off, it was written anew, or a
    /// signature is wrong.
    CutTrail,
    /// A decision, or the outcome of a task, is not the one in the trail.
    ChangedDecision,
    /// Findings are not those in the trail.
    ChangedFinding,
    /// The intake map says that a file is stored, and the catalog does not know it.
    LostFile,
    /// The copy of a quarantined file is missing or damaged.
    DamagedCopy,
    /// A snapshot is not the one that was made.
    ChangedSnapshot,
    /// What is noted of an export or a withdrawal is not what the trail tells.
    ChangedRegister,
}

impl DamageKind {
    /// In a person's words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Database => "the catalog is damaged",
            Self::MissingBlob => "a stored instance or label is missing",
            Self::DamagedBlob => "a stored instance or label is damaged",
            Self::UnreadableBlob => "a stored instance or label cannot be read",
            Self::ChangedInstance => "a row and its stored instance differ",
            Self::ChangedLedger => "a ledger line was changed",
            Self::BrokenRoot => "stored instances or reads differ from the trail",
            Self::BrokenTrail => "the trail is broken",
            Self::CutTrail => "the trail is not the one that was signed",
            Self::ChangedDecision => "a decision differs from the trail",
            Self::ChangedFinding => "findings differ from the trail",
            Self::LostFile => "a file is noted as stored and is not",
            Self::DamagedCopy => "the copy of a quarantined file is missing or damaged",
            Self::ChangedSnapshot => "a snapshot is not the one that was made",
            Self::ChangedRegister => "what is noted of an export or a withdrawal differs from the trail",
        }
    }
}

/// One thing that is damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// Of which kind.
    pub kind: DamageKind,
    /// What it is about: a blob, a remapped UID, a task, a trail entry, a row of the intake map. No PHI.
    pub object: String,
    /// What exactly, in a person's words.
    pub detail: String,
    /// The series that it concerns, where there is one.
    pub series_uid: Option<String>,
}

/// How much of everything is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Every byte.
    #[default]
    Whole,
    /// Names and sizes of blobs, rows, and the trail; no blob is read.
    Quick,
}

/// What was verified, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Stored instances.
    pub instances: u64,
    /// Blobs of them that were read.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries of the trail.
    pub trail_entries: u64,
    /// The hash of the last of them, as hexadecimal digits.
    pub last_hash: String,
    /// Signed checkpoints of the trail.
    #[serde(default)]
    pub checkpoints: u64,
    /// Entries that the last of them covers.
    #[serde(default)]
    pub signed_entries: u64,
    /// Merkle roots of the trail that were made again.
    pub roots: u64,
    /// Instances that no root covers, for they were stored by a version that kept none.
    pub uncovered: u64,
    /// Reads.
    #[serde(default)]
    pub reads: u64,
    /// Reads that no root covers, for they were stored by a version that kept none.
    #[serde(default)]
    pub uncovered_reads: u64,
    /// Decisions held against the trail.
    pub decisions: u64,
    /// Series whose findings were held against the trail.
    pub findings: u64,
    /// Rows of the intake map.
    pub files: u64,
    /// Blobs that no row names.
    pub unnamed: u64,
    /// What is damaged or missing, the first of each kind at most [`MOST_OF_A_KIND`] times.
    pub damage: Vec<Damage>,
    /// How much damage there is in all.
    pub damaged: u64,
}

/// Damages of one kind that are told one by one.
pub const MOST_OF_A_KIND: usize = 1_000;

impl Verified {
    fn add(&mut self, damage: Damage) {
        self.damaged += 1;
        if self.damage.iter().filter(|d| d.kind == damage.kind).count() < MOST_OF_A_KIND {
            self.damage.push(damage);
        }
    }

    fn found(&mut self, kind: DamageKind, object: impl Into<String>, detail: impl Into<String>) {
        self.add(Damage { kind, object: object.into(), detail: detail.into(), series_uid: None });
    }
}

/// Verifies the workspace: database, blobs, rows, trail, landing side.
///
/// # Errors
/// The catalog or the store cannot be read at all.
pub fn verify(
    shared: &Shared,
    depth: Depth,
    checkpoint: Option<&Checkpoint>,
) -> Result<Verified, StageError> {
    // Nothing is replaced meanwhile, and every row is read as of one moment.
    let _still = shared.store_retention_lock.write().unwrap_or_else(PoisonError::into_inner);
    let names = shared.store.names()?;
    let reader = shared.catalog.read();
    reader.hold()?;
    let mut verified = Verified::default();
    for line in reader.integrity_check(depth == Depth::Quick)? {
        verified.found(DamageKind::Database, "catalog.sqlite", line);
    }
    blobs::verify(shared, &reader, names, depth, &mut verified)?;
    trail::verify(&reader, checkpoint, &mut verified)?;
    snapshots::verify(&reader, &mut verified)?;
    for (object, what) in register::differences(&reader, None)? {
        verified.found(DamageKind::ChangedRegister, object, what);
    }
    let signed = signed(&reader, verified.trail_entries, read_kept(&shared.root).as_ref())?;
    (verified.checkpoints, verified.signed_entries) = (signed.checkpoints, signed.entries);
    if let Some((object, why)) = signed.wrong {
        verified.found(DamageKind::CutTrail, object, why);
    }
    (verified.reads, verified.uncovered_reads) = reader.covered_reads()?;
    drop(reader);
    landing::verify(shared, depth, &mut verified)?;
    Ok(verified)
}
