//! From a file that was read to a reader of its frames.

use std::borrow::Cow;

use super::codec::{self, FrameReader, PixelError, PixelSource};
use super::{DataSet, Element, File, Syntax, Value, is_pixel_data};
use crate::model::pixels::{Photometric, PixelLayout, SampleKind};
use crate::model::{Tag, Vr, tags};

/// How the pixel data of a data set is laid out; `None` where it has no pixel data or no size.
pub fn layout(set: &DataSet<'_>) -> Option<PixelLayout> {
    let element = pixel_element(set)?;
    let size = |tag| set.integer(tag).and_then(|n| u32::try_from(n).ok());
    let small = |tag| set.integer(tag).and_then(|n| u16::try_from(n).ok());
    let bits_allocated = small(tags::BITS_ALLOCATED).unwrap_or(0);
    let bits_stored = small(tags::BITS_STORED).unwrap_or(bits_allocated);
    Some(PixelLayout {
        rows: size(tags::ROWS)?,
        columns: size(tags::COLUMNS)?,
        samples_per_pixel: small(tags::SAMPLES_PER_PIXEL).unwrap_or(1),
        bits_allocated,
        bits_stored,
        high_bit: small(tags::HIGH_BIT).unwrap_or(bits_stored.saturating_sub(1)),
        signed: set.integer(tags::PIXEL_REPRESENTATION) == Some(1),
        planar: set.integer(tags::PLANAR_CONFIGURATION) == Some(1),
        photometric: Photometric::from_term(set.ascii(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or("")),
        frames: size(tags::NUMBER_OF_FRAMES).filter(|n| *n > 0).unwrap_or(1),
        kind: match element.tag {
            tags::FLOAT_PIXEL_DATA => SampleKind::Float32,
            tags::DOUBLE_FLOAT_PIXEL_DATA => SampleKind::Float64,
            _ => SampleKind::Integer,
        },
    })
}

/// The pixel data element.
pub fn pixel_element<'s, 'a>(set: &'s DataSet<'a>) -> Option<&'s Element<'a>> {
    set.elements().iter().find(|e| is_pixel_data(e.tag))
}

/// Opens the pixel data of a file and hands its reader on; `None` where there is none.
///
/// # Errors
/// A transfer syntax without decoder, a layout that no image can have.
pub fn with_frames<T>(
    file: &File<'_>,
    use_it: impl FnOnce(&FrameReader<'_>) -> Result<T, PixelError>,
) -> Result<Option<T>, PixelError> {
    let set = &file.dataset;
    let Some(element) = pixel_element(set) else { return Ok(None) };
    let Some(layout) = layout(set) else { return Err(PixelError::Layout("no rows or no columns")) };
    let words = |tag: Tag| -> Option<Vec<u64>> {
        Some(set.bytes(tag)?.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b)).collect())
    };
    let extended = words(tags::EXTENDED_OFFSET_TABLE).zip(words(tags::EXTENDED_OFFSET_TABLE_LENGTHS));
    let native;
    let source = match &element.value {
        Value::Fragments(fragments) => PixelSource::Encapsulated {
            offsets: &fragments.offsets,
            extended: extended.as_ref().map(|(o, l)| (&o[..], &l[..])),
            fragments: fragments.fragments.iter().map(|f| &**f).collect(),
        },
        Value::Bytes(bytes) => {
            native = as_words(bytes, element.vr, &file.syntax);
            PixelSource::Native(&native)
        }
        _ => return Ok(None),
    };
    let reader = codec::frames(&layout, &file.syntax.uid, source)?;
    use_it(&reader).map(Some)
}

/// The codec takes big-endian pixel data as swapped words, which bytes (OB) are not.
fn as_words<'a>(bytes: &'a [u8], vr: Vr, syntax: &Syntax) -> Cow<'a, [u8]> {
    if syntax.uid != Syntax::EXPLICIT_BE || vr != Vr::OB {
        return Cow::Borrowed(bytes);
    }
    let mut words = bytes.to_vec();
    words.as_chunks_mut::<2>().0.iter_mut().for_each(|w| w.reverse());
    Cow::Owned(words)
}
