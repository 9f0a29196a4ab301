//! Proof: what was written is read back by a second, independent reader, compared with what it came from, and
//! searched byte by byte for everything that identifies.

mod readback;
mod search;

use std::borrow::Cow;

use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::identity::{Identity, Kind};
use crate::bytes::ByteSource;
use crate::dicom::{self, DataSet, Value};
use crate::model::words::io_words;
use crate::model::{Tag, Vr, tags};

/// What must be the same before and after.
const GEOMETRY: [Tag; 16] = [
    tags::IMAGE_TYPE,
    tags::IMAGE_POSITION_PATIENT,
    tags::IMAGE_ORIENTATION_PATIENT,
    tags::SLICE_THICKNESS,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::PIXEL_SPACING,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::RESCALE_INTERCEPT,
    tags::RESCALE_SLOPE,
];

/// Why an output is not safe. Names attributes, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The independent reader refuses it.
    #[error("an independent reader cannot read what was written")]
    Unreadable,
    /// It is on a disk that refuses.
    #[error("what was written cannot be read back: {}", io_words(*.0))]
    Disk(std::io::ErrorKind),
    /// Something that describes the image changed.
    #[error("{0} is not what it was")]
    Changed(Tag),
    /// A sequence has another number of items than it should have, or an element is missing.
    #[error("what was read back is not what was written, at {0}")]
    Structure(Tag),
    /// Something that identifies is still there.
    #[error("an identifier ({kind}) is still there{place}")]
    Identifier {
        /// What kind of identifier.
        kind: &'static str,
        /// Where, in words.
        place: String,
    },
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.kind())
    }
}

/// Whether the independent reader knows a transfer syntax.
pub fn knows_syntax(uid: &str) -> bool {
    TransferSyntaxRegistry.get(uid).is_some()
}

/// An attribute that the image cannot be read without and that holds text where a number belongs: such text cannot
/// stay, and without it the image is another one.
pub fn not_a_number(set: &DataSet<'_>) -> Option<Tag> {
    let is_text = |e: &&dicom::Element<'_>| {
        matches!(e.vr, Vr::DS | Vr::IS) && e.bytes().is_some_and(|b| !super::private::is_numeric_text(b))
    };
    set.elements().iter().filter(|e| GEOMETRY.contains(&e.tag)).find(is_text).map(|e| e.tag)
}

/// Pixels and geometry, as they must be afterwards.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    values: Vec<(Tag, Cow<'a, [u8]>)>,
    pixels: Vec<(Tag, Value<'a>)>,
}

impl<'a> Image<'a> {
    /// Of a data set and its pixel data.
    pub fn of(set: &DataSet<'a>, pixels: &'a [(Tag, Value<'_>)]) -> Self {
        let values =
            set.elements().iter().filter(|e| GEOMETRY.contains(&e.tag)).filter_map(|e| match &e.value {
                Value::Bytes(bytes) => Some((e.tag, bytes.clone())),
                _ => None,
            });
        let pixels = pixels.iter().map(|(tag, value)| (*tag, value.borrowed()));
        Self { values: values.collect(), pixels: pixels.collect() }
    }

    /// Puts the value that an element was given on purpose in place of what it was; elements that need not stay the
    /// same do not count.
    pub fn put(&mut self, element: dicom::Element<'a>) {
        let tag = element.tag;
        if let Some((_, value)) = self.pixels.iter_mut().find(|(t, _)| *t == tag) {
            *value = element.value;
        } else if let (Some((_, old)), Value::Bytes(bytes)) =
            (self.values.iter_mut().find(|(t, _)| *t == tag), element.value)
        {
            *old = bytes;
        }
    }

    fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.values.iter().find(|(t, _)| *t == tag).map(|(_, value)| &**value)
    }

    fn pixel_data(&self, tag: Tag) -> Option<&Value<'a>> {
        self.pixels.iter().find(|(t, _)| *t == tag).map(|(_, value)| value)
    }

    /// Bytes of the pixel data as they are written.
    fn bulk_size(&self) -> u64 {
        let size = |value: &Value<'_>| match value {
            Value::Bytes(bytes) => bytes.len().next_multiple_of(2) as u64,
            Value::Stored(extent) => extent.len().next_multiple_of(2),
            Value::Fragments(f) => f.fragments.iter().map(|f| f.len().next_multiple_of(2) + 8).sum(),
            Value::Items(_) | Value::Unread(_) => 0,
        };
        self.pixels.iter().map(|(_, value)| size(value)).sum()
    }
}

/// Where the value of an element stands in what was written.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
    tag: Tag,
    vr: Vr,
}

/// Reads `output` back and searches it.
///
/// # Errors
/// The first [`Problem`] found.
pub fn check(
    output: &ByteSource<'_>,
    intended: &DataSet<'_>,
    identity: &Identity,
    before: &Image<'_>,
) -> Result<(), Problem> {
    let spans = readback::check(output, intended, identity, before)?;
    search::check(output, output.len().saturating_sub(before.bulk_size()), identity, &spans)
}

fn identifier(kind: Kind, place: String) -> Problem {
    let kind = match kind {
        Kind::Name => "part of a name",
        Kind::Id => "number or code",
        Kind::Place => "place or institution",
        Kind::Device => "device",
        Kind::Date => "date",
        Kind::Uid => "UID",
    };
    Problem::Identifier { kind, place }
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |i| i + 1);
    &bytes[..end]
}
