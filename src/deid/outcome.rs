//! What becomes of a source file, and why.

use super::record::{Reason, Record};
use crate::bytes::{ByteSource, NoRoom};
use crate::dicom::{DataSet, ReadError};
use crate::model::tags;

/// What later stages need to know of a written instance. Nothing in it identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// SOP class.
    pub sop_class: String,
    /// The new SOP instance UID.
    pub sop_uid: String,
    /// The new study instance UID.
    pub study_uid: String,
    /// The new series instance UID.
    pub series_uid: String,
    /// The pseudonym of the subject, as it stands in Patient ID.
    pub subject: String,
    /// A pseudonym of the scanner, from its maker, model and serial number; `None` where the file says no serial number.
    pub scanner: Option<String>,
    /// Modality.
    pub modality: String,
    /// The transfer syntax that was written.
    pub syntax: String,
}

/// What became of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Made safe and verified.
    Written {
        /// The new file; a large one is sealed and put aside.
        bytes: ByteSource<'static>,
        /// What it is.
        facts: Box<Facts>,
        /// What was done.
        record: Box<Record>,
    },
    /// DICOM that a person or a later version may pass.
    Quarantined {
        /// Why.
        reason: Reason,
        /// Why, in words that hold nothing from the file.
        detail: String,
        /// What was done so far.
        record: Box<Record>,
    },
    /// Never processable.
    Rejected {
        /// Why.
        reason: Reason,
        /// Why, in words that hold nothing from the file.
        detail: String,
        /// Empty but for profile and version.
        record: Box<Record>,
    },
}

/// A refusal on the way.
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) detail: String,
    pub(super) record: Record,
}

/// Why there is no output.
pub(super) enum ProcessError {
    Refusal(Refusal),
    NoRoom(NoRoom),
}

impl ProcessError {
    /// Reason and detail, for whoever only wants to see.
    pub(super) fn into_reason(self) -> (Reason, String) {
        match self {
            Self::Refusal(refusal) => (refusal.reason, refusal.detail),
            Self::NoRoom(no_room) => (Reason::Unreadable, no_room.to_string()),
        }
    }
}

impl From<Refusal> for ProcessError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<NoRoom> for ProcessError {
    fn from(no_room: NoRoom) -> Self {
        Self::NoRoom(no_room)
    }
}

pub(super) fn outcome_of(refusal: Refusal) -> Outcome {
    let Refusal { reason, detail, record } = refusal;
    let record = Box::new(record);
    if reason.rejects() {
        Outcome::Rejected { reason, detail, record }
    } else {
        Outcome::Quarantined { reason, detail, record }
    }
}

pub(super) fn facts(
    set: &DataSet<'_>,
    sop_class: String,
    subject: String,
    scanner: Option<String>,
    syntax: &str,
) -> Facts {
    let text = |tag| set.ascii(tag).unwrap_or_default().to_string();
    Facts {
        sop_class,
        sop_uid: text(tags::SOP_INSTANCE_UID),
        study_uid: text(tags::STUDY_INSTANCE_UID),
        series_uid: text(tags::SERIES_INSTANCE_UID),
        subject,
        scanner,
        modality: text(tags::MODALITY),
        syntax: syntax.to_string(),
    }
}

pub(super) fn reason_of(error: &ReadError) -> Reason {
    match error {
        ReadError::NotDicom => Reason::NotDicom,
        ReadError::Truncated { .. } => Reason::Truncated,
        ReadError::LyingLength { .. } => Reason::LyingLength,
        ReadError::Malformed { .. } => Reason::Malformed,
        ReadError::TooDeep => Reason::NestedTooDeep,
        ReadError::TooManyElements => Reason::TooManyElements,
        ReadError::Deflate => Reason::DeflateBroken,
        ReadError::TooLarge { .. } => Reason::ExpandsTooFar,
        ReadError::Io(_) | ReadError::NoRoom(_) | ReadError::Changed => Reason::Unreadable,
        ReadError::Defect => Reason::CannotBeMadeSafe,
    }
}
