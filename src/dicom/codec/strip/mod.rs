//! Pixel data without what is no pixel: comments and application segments of compressed streams, bytes behind the last
//! pixel, in gaps and in tables that nobody uses, frames that no header declares, offset tables that lie. Whatever is
//! hidden there is gone, and every declared frame decodes to the same samples.

mod j2k;
mod jpeg;
mod rle;

use std::borrow::Cow;
use std::io::Write as _;
use std::ops::Range;

use super::{Codec, FrameReader, PixelError, Store, encapsulated::FrameMap, native, open, sniffed};
use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::{File, Fragments, Value, is_pixel_data};
use crate::model::tags;

/// Takes out of the pixel data of `file` what is no pixel of a declared frame; whether there was anything. Pixel data
/// that no decoder of ours takes apart (video) is left as it is. What changes goes to `scratch` where it is large.
///
/// # Errors
/// The layout is none, a stream is damaged so that nobody can say what belongs to the picture, or the disk refuses.
pub fn strip(file: &mut File<'_>, scratch: SpillConfig<'_>) -> Result<bool, PixelError> {
    let stripped = match open(file) {
        Err(PixelError::NoPixels | PixelError::UnsupportedSyntax(_)) => return Ok(false),
        Err(error) => return Err(error),
        Ok(reader) => stripped(&reader, file, scratch)?,
    };
    let element = file.dataset.elements_mut().find(|e| is_pixel_data(e.tag));
    match (stripped, element) {
        (Some(Stripped::Length(length)), Some(element)) => {
            let value = std::mem::replace(&mut element.value, Value::Bytes(Cow::Borrowed(&[])));
            element.value = match value {
                Value::Bytes(bytes) => ByteSource::Memory(bytes).cut(length).into(),
                Value::Stored(extent) => ByteSource::Stored(extent).cut(length).into(),
                other => other,
            };
        }
        (Some(Stripped::Frames(fragments)), Some(element)) => {
            element.value = fragments.into();
            // They told of the old fragments.
            file.dataset.remove(tags::EXTENDED_OFFSET_TABLE);
            file.dataset.remove(tags::EXTENDED_OFFSET_TABLE_LENGTHS);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What pixel data becomes.
enum Stripped {
    /// Native data of so many bytes.
    Length(u64),
    /// A fragment a frame.
    Frames(Fragments<'static>),
}

fn stripped(
    reader: &FrameReader<'_>,
    file: &File<'_>,
    scratch: SpillConfig<'_>,
) -> Result<Option<Stripped>, PixelError> {
    match &reader.store {
        Store::Native(data) => {
            let bits = native::frame_bits(reader.layout());
            let exact = bits.saturating_mul(u64::from(reader.declared())).div_ceil(8);
            Ok((exact < data.len()).then_some(Stripped::Length(exact)))
        }
        Store::Frames(map) => {
            let exact = map.is_exact(reader.declared() as usize) && !offsets_lie(reader, file);
            if exact && !is_any_frame_dirty(reader, map)? {
                return Ok(None);
            }
            Ok(Some(Stripped::Frames(fragments_of(bare_frames(reader, map, scratch)?))))
        }
    }
}

/// The frames that are there and declared.
fn frames_of(reader: &FrameReader<'_>, map: &FrameMap<'_>) -> Range<usize> {
    0..map.frames().min(reader.declared() as usize)
}

fn is_any_frame_dirty(reader: &FrameReader<'_>, map: &FrameMap<'_>) -> Result<bool, PixelError> {
    for encoded in frames_of(reader, map).filter_map(|index| map.frame(index)) {
        if matches!(frame(&encoded?, reader)?, Cow::Owned(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Every frame as one fragment of even length. What stays as it is in a file stays there.
fn bare_frames(
    reader: &FrameReader<'_>,
    map: &FrameMap<'_>,
    scratch: SpillConfig<'_>,
) -> Result<Vec<ByteSource<'static>>, PixelError> {
    let mut draft = scratch.draft();
    // Fragments of the draft are known by where they stand until it is finished.
    let mut frames: Vec<Result<ByteSource<'static>, Range<u64>>> = Vec::new();
    for index in frames_of(reader, map) {
        let Some(encoded) = map.frame(index) else { break };
        let encoded = encoded?;
        let bare = frame(&encoded, reader)?;
        let stays = map.stored(index).filter(|f| {
            matches!(bare, Cow::Borrowed(_)) && f.len().is_multiple_of(2) && f.len() == bare.len() as u64
        });
        if let Some(stays) = stays {
            frames.push(Ok(stays));
            continue;
        }
        let start = draft.len();
        draft.write_all(&bare)?;
        if bare.len() % 2 == 1 {
            draft.write_all(&[0])?;
        }
        frames.push(Err(start..draft.len()));
    }
    let draft = draft.finish()?;
    Ok(frames.into_iter().map(|f| f.unwrap_or_else(|range| draft.part(range))).collect())
}

/// Whether an offset table is there that the fragments contradict: then it says something else.
fn offsets_lie(reader: &FrameReader<'_>, file: &File<'_>) -> bool {
    let basic = file.dataset.get(tags::PIXEL_DATA).and_then(|e| match &e.value {
        Value::Fragments(f) => Some(f.offsets.len()),
        _ => None,
    });
    let odd = basic.is_some_and(|length| length != 0 && length != 4 * reader.declared() as usize);
    let extended = [tags::EXTENDED_OFFSET_TABLE, tags::EXTENDED_OFFSET_TABLE_LENGTHS];
    let wrong = |tag| file.dataset.bytes(tag).is_some_and(|b| b.len() != 8 * reader.declared() as usize);
    odd || reader.notes().contains(&super::Note::OffsetTableIgnored) || extended.into_iter().any(wrong)
}

/// One fragment a frame, and the table of where each begins as far as 32 bits reach.
fn fragments_of(frames: Vec<ByteSource<'static>>) -> Fragments<'static> {
    let mut offsets = Vec::with_capacity(4 * frames.len());
    let mut at = 0_u64;
    for frame in &frames {
        match u32::try_from(at) {
            Ok(at) => offsets.extend_from_slice(&at.to_le_bytes()),
            Err(_) => {
                offsets.clear();
                break;
            }
        }
        at += 8 + frame.len();
    }
    Fragments { offsets: offsets.into(), fragments: frames }
}

/// The encoded bytes of a frame without what is no pixel; borrowed where there was nothing.
fn frame<'e>(encoded: &'e [u8], reader: &FrameReader<'_>) -> Result<Cow<'e, [u8]>, PixelError> {
    let layout = reader.layout();
    let bare = match sniffed(encoded, reader.syntax().codec) {
        Codec::Native => {
            let exact = native::frame_bits(layout).div_ceil(8) as usize;
            encoded.get(..exact).map_or(encoded.to_vec(), <[u8]>::to_vec)
        }
        Codec::DeflatedFrame => deflated(encoded, native::frame_bits(layout).div_ceil(8))?.to_vec(),
        Codec::Rle => rle::strip(encoded, layout)?,
        Codec::Jpeg | Codec::JpegLs => jpeg::strip(encoded)?,
        Codec::Jpeg2000 => j2k::strip(encoded)?,
        Codec::None => return Ok(Cow::Borrowed(encoded)),
    };
    // A zero that makes the length even is no secret.
    let same = encoded.strip_prefix(&bare[..]).is_some_and(|rest| matches!(rest, [] | [0]));
    Ok(if same { Cow::Borrowed(encoded) } else { Cow::Owned(bare) })
}

/// The deflated stream of a frame without what follows it.
fn deflated(encoded: &[u8], frame_bytes: u64) -> Result<&[u8], PixelError> {
    let damaged = |what| PixelError::Damaged { codec: "deflate", what };
    let mut inflate = flate2::Decompress::new(false);
    let mut out = vec![0; 1 << 16];
    loop {
        let (read, written) = (inflate.total_in(), inflate.total_out());
        let rest = encoded.get(read as usize..).unwrap_or_default();
        let status = inflate.decompress(rest, &mut out, flate2::FlushDecompress::None);
        if inflate.total_out() > frame_bytes + 1 {
            return Err(damaged("more than a frame"));
        }
        match status {
            Ok(flate2::Status::StreamEnd) => {
                return Ok(encoded.get(..inflate.total_in() as usize).unwrap_or(encoded));
            }
            Ok(_) if (inflate.total_in(), inflate.total_out()) != (read, written) => {}
            _ => return Err(damaged("not deflated data")),
        }
    }
}
