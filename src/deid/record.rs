//! What the ledger says of one instance: classes of actions, never a value, never a source path.

use serde::{Deserialize, Serialize};

use crate::model::Tag;

/// What became of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Left as it was.
    Kept,
    /// Looked through; what identified is gone.
    Cleaned,
    /// Moved in time.
    Shifted,
    /// Replaced by a keyed UID.
    UidReplaced,
    /// Replaced by a keyed pseudonym.
    Pseudonymised,
    /// Replaced by a dummy.
    Dummy,
    /// Left without a value.
    Emptied,
    /// Taken out.
    Removed,
    /// Written by the de-identification itself.
    Added,
}

/// An attribute (at any depth) and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActionEntry {
    /// The tag.
    pub tag: Tag,
    /// The class of action.
    pub action: Action,
}

/// A region of a frame that was blanked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mask {
    /// The frame, from 1.
    pub frame: u32,
    /// Left edge in pixels.
    pub x: u32,
    /// Upper edge in pixels.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Rule, region, detector or header value that asked for it.
    pub why: String,
}

/// The ledger line of one instance, without `output`, `status` and `reason`, which the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Name of the profile.
    pub profile: String,
    /// Options that were on.
    pub options: Vec<&'static str>,
    /// What tells the profile from every other, see [`super::Profile::fingerprint`].
    pub fingerprint: String,
    /// Version of Gantry.
    pub version: &'static str,
    /// What each attribute got, in order of tag; an attribute that got several classes at several depths has several.
    pub actions: Vec<ActionEntry>,
    /// Regions that were blanked.
    pub masks: Vec<Mask>,
    /// What else should be known: a face that may be recognised, another encoding of masked
    /// pixels, names that were taken out later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The output was read back by an independent reader and nothing that identifies was found in it.
    pub verified: bool,
}

/// Why an instance was not written. Codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not a DICOM file.
    NotDicom,
    /// A DICOMDIR: it guides reading and is never passed on.
    Dicomdir,
    /// The file could not be read from its medium.
    Unreadable,
    /// A member of an archive that points elsewhere, is a link or a device, is encrypted, hides behind another.
    UnsafeArchiveMember,
    /// An archive or a member of it that cannot be unpacked.
    ArchiveUnreadable,
    /// Larger than what is read.
    TooLarge,
    /// The file ends before it is complete.
    Truncated,
    /// An element's length reaches beyond what holds it.
    LyingLength,
    /// No element can begin where one should.
    Malformed,
    /// Sequences nested deeper than any real object.
    NestedTooDeep,
    /// More elements than any real object.
    TooManyElements,
    /// The deflated data set is broken.
    DeflateBroken,
    /// The header, or what the data set inflates to, is beyond all measure.
    ExpandsTooFar,
    /// The transfer syntax is not known, so that pixels cannot be looked at.
    UnknownSyntax,
    /// SOP class, SOP instance, study or series UID is missing.
    MissingUid,
    /// Pixels may carry burned-in text and nothing could look at them.
    PixelsUnchecked,
    /// Pixels were searched for burned-in text, and a person must say whether there is any.
    PixelsDoubtful,
    /// The output still held something that identifies, or was not what it should be.
    CannotBeMadeSafe,
}

impl Reason {
    /// Whether what has this reason can never be processed, so that no copy is kept.
    pub const fn rejects(self) -> bool {
        matches!(
            self,
            Self::NotDicom
                | Self::Dicomdir
                | Self::Unreadable
                | Self::UnsafeArchiveMember
                | Self::ArchiveUnreadable
                | Self::TooLarge
        )
    }

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotDicom => "not_dicom",
            Self::Dicomdir => "dicomdir",
            Self::Unreadable => "unreadable",
            Self::UnsafeArchiveMember => "unsafe_archive_member",
            Self::ArchiveUnreadable => "archive_unreadable",
            Self::TooLarge => "too_large",
            Self::Truncated => "truncated",
            Self::LyingLength => "lying_length",
            Self::Malformed => "malformed",
            Self::NestedTooDeep => "nested_too_deep",
            Self::TooManyElements => "too_many_elements",
            Self::DeflateBroken => "deflate_broken",
            Self::ExpandsTooFar => "expands_too_far",
            Self::UnknownSyntax => "unknown_syntax",
            Self::MissingUid => "missing_uid",
            Self::PixelsUnchecked => "pixels_unchecked",
            Self::PixelsDoubtful => "pixels_doubtful",
            Self::CannotBeMadeSafe => "cannot_be_made_safe",
        }
    }
}
