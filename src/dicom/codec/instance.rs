//! From a data set that was read to its frames.

use super::{FrameReader, PixelError, PixelSource, frames};
use crate::bytes::ByteSource;
use crate::dicom::{DataSet, Element, File, Syntax, Value};
use crate::model::pixels::{Photometric, PixelLayout, SampleKind};
use crate::model::{Tag, tags};

/// The layout that a data set declares for its pixel data.
///
/// # Errors
/// [`PixelError::NoPixels`] without pixel data, [`PixelError::Layout`] where an attribute that must be there is not,
/// or is no number.
pub fn layout(set: &DataSet<'_>) -> Result<PixelLayout, PixelError> {
    let (_, kind) = pixel_element(set)?;
    let whole = |tag: Tag| set.number(tag).filter(|v| v.fract() == 0.0 && (0.0..=65535.0).contains(v));
    let needed = |tag: Tag, what: &'static str| whole(tag).map(|v| v as u16).ok_or(PixelError::Layout(what));
    let (rows, columns) = (needed(tags::ROWS, "no Rows")?, needed(tags::COLUMNS, "no Columns")?);
    let bits_allocated = match kind {
        SampleKind::Integer => needed(tags::BITS_ALLOCATED, "no Bits Allocated")?,
        SampleKind::Float32 => 32,
        SampleKind::Float64 => 64,
    };
    let bits_stored = whole(tags::BITS_STORED).map_or(bits_allocated, |v| v as u16);
    let frames = match set.number(tags::NUMBER_OF_FRAMES) {
        // Some writers put a zero where they mean "not multi-frame".
        Some(0.0) => 1,
        Some(n) if n.fract() == 0.0 && (1.0..=2e9).contains(&n) => n as u32,
        None if set.bytes(tags::NUMBER_OF_FRAMES).is_none_or(|b| b.iter().all(|&c| c == b' ' || c == 0)) => 1,
        _ => return Err(PixelError::Layout("Number of Frames is no count")),
    };
    Ok(PixelLayout {
        rows: rows.into(),
        columns: columns.into(),
        samples_per_pixel: whole(tags::SAMPLES_PER_PIXEL).map_or(1, |v| v as u16),
        bits_allocated,
        bits_stored,
        high_bit: whole(tags::HIGH_BIT).map_or(bits_stored.saturating_sub(1), |v| v as u16),
        signed: whole(tags::PIXEL_REPRESENTATION) == Some(1.0),
        planar: whole(tags::PLANAR_CONFIGURATION) == Some(1.0),
        photometric: Photometric::from_term(set.ascii(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default()),
        frames,
        kind,
    })
}

/// Opens the pixel data of a file that was read whole.
///
/// # Errors
/// As [`layout`] and [`frames`]; pixel data that was skipped in reading counts as absent.
pub fn open<'a>(file: &'a File<'_>) -> Result<FrameReader<'a>, PixelError> {
    let set = &file.dataset;
    let layout = layout(set)?;
    let (element, _) = pixel_element(set)?;
    let extended = extended_offsets(set);
    // The reader has turned every word.
    let turned = file.syntax.uid == Syntax::EXPLICIT_BE;
    let syntax = if turned { Syntax::EXPLICIT_LE } else { &file.syntax.uid };
    frames(&layout, syntax, source_of(&element.value, extended)?)
}

/// The Extended Offset Table and its lengths.
pub fn extended_offsets(set: &DataSet<'_>) -> Option<(Vec<u64>, Vec<u64>)> {
    words(set, tags::EXTENDED_OFFSET_TABLE).zip(words(set, tags::EXTENDED_OFFSET_TABLE_LENGTHS))
}

/// The value of pixel data as what frames are taken from.
///
/// # Errors
/// [`PixelError::NoPixels`]: it is none, or was skipped in reading.
pub fn source_of<'a>(
    value: &'a Value<'_>,
    extended: Option<(Vec<u64>, Vec<u64>)>,
) -> Result<PixelSource<'a>, PixelError> {
    match value {
        Value::Bytes(bytes) => Ok(PixelSource::Native(ByteSource::from(&**bytes))),
        Value::Stored(extent) => Ok(PixelSource::Native(ByteSource::Stored(extent.clone()))),
        Value::Fragments(f) => Ok(PixelSource::Encapsulated {
            offsets: &f.offsets,
            extended,
            fragments: f.fragments.iter().map(ByteSource::borrowed).collect(),
        }),
        Value::Items(_) | Value::Unread(_) => Err(PixelError::NoPixels),
    }
}

fn pixel_element<'s, 'a>(set: &'s DataSet<'a>) -> Result<(&'s Element<'a>, SampleKind), PixelError> {
    [
        (tags::PIXEL_DATA, SampleKind::Integer),
        (tags::FLOAT_PIXEL_DATA, SampleKind::Float32),
        (tags::DOUBLE_FLOAT_PIXEL_DATA, SampleKind::Float64),
    ]
    .into_iter()
    .find_map(|(tag, kind)| set.get(tag).map(|element| (element, kind)))
    .ok_or(PixelError::NoPixels)
}

/// A value of 64-bit words.
fn words(set: &DataSet<'_>, tag: Tag) -> Option<Vec<u64>> {
    Some(set.bytes(tag)?.as_chunks::<8>().0.iter().map(|&bytes| u64::from_le_bytes(bytes)).collect())
}
