//! Uncompressed pixel data (PS3.5 8.1): little-endian words, packed bits, planes, repeated chroma.

use std::io;

use crate::bytes::ByteSource;
use crate::model::pixels::{Photometric, PixelLayout, SampleKind, Samples};

use super::canonical::fit;
use super::{PixelError, colour};

/// Byte order of what the reader hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Little-endian samples.
    Little,
    /// Big-endian samples in a little-endian data set (GE's private syntax).
    Big,
}

/// Whether a frame's chroma is sampled at every other column.
pub(super) fn is_subsampled(layout: &PixelLayout) -> bool {
    layout.photometric == Photometric::YbrFull422
        && layout.samples_per_pixel == 3
        && layout.bits_allocated == 8
}

/// Bits of one frame as it stands in native data.
pub(super) fn frame_bits(layout: &PixelLayout) -> u64 {
    let pixels = u64::from(layout.rows) * u64::from(layout.columns);
    match layout.kind {
        SampleKind::Float32 => layout.samples_per_frame().saturating_mul(32),
        SampleKind::Float64 => layout.samples_per_frame().saturating_mul(64),
        SampleKind::Integer if is_subsampled(layout) => pixels.div_ceil(2).saturating_mul(32),
        SampleKind::Integer => layout.samples_per_frame().saturating_mul(u64::from(layout.bits_allocated)),
    }
}

/// Decodes one frame; `first_bit` (0 … 7) is where it begins in the first byte of `data`.
pub(super) fn decode(
    data: ByteSource<'_>,
    first_bit: usize,
    layout: &PixelLayout,
    order: Order,
) -> Result<Samples, PixelError> {
    let count =
        usize::try_from(layout.samples_per_frame()).map_err(|_| PixelError::Layout("too many samples"))?;
    let (pixels, samples) =
        (layout.rows as usize * layout.columns as usize, layout.samples_per_pixel as usize);
    let found = data.len();
    let short = || PixelError::Truncated { found, expected: layout.bytes_per_frame(), unit: "bytes" };
    let swap = order == Order::Big;
    let samples = match (layout.kind, layout.bits_allocated) {
        (SampleKind::Float32, _) => {
            Samples::F32(planes(words(&data, count, swap, f32::from_le_bytes)?, layout, pixels, samples))
        }
        (SampleKind::Float64, _) => {
            Samples::F64(planes(words(&data, count, swap, f64::from_le_bytes)?, layout, pixels, samples))
        }
        (SampleKind::Integer, 1) => {
            let data = data.all()?;
            let bits = (first_bit..first_bit + count)
                .map_while(|bit| data.get(bit / 8).map(|byte| byte >> (bit % 8) & 1))
                .collect();
            Samples::U8(planes(bits, layout, pixels, samples))
        }
        (SampleKind::Integer, 8) if is_subsampled(layout) => {
            let mut all = colour::repeat_422(&data.all()?, pixels);
            if all.len() == count {
                colour::ybr_full_to_rgb(&mut all);
            }
            Samples::U8(all)
        }
        (SampleKind::Integer, 8) => {
            let mut bytes = data.cut(count as u64).into_bytes()?;
            if bytes.len() < count {
                return Err(short());
            }
            bytes = planes(bytes, layout, pixels, samples);
            if layout.photometric == Photometric::YbrFull && samples == 3 && !layout.signed {
                colour::ybr_full_to_rgb(&mut bytes);
            }
            fit(bytes, layout, layout.significant_bits())?
        }
        (SampleKind::Integer, 16) => {
            let all = planes(words(&data, count, swap, u16::from_le_bytes)?, layout, pixels, samples);
            fit(all, layout, layout.significant_bits())?
        }
        (SampleKind::Integer, 32) => {
            let all = planes(words(&data, count, swap, u32::from_le_bytes)?, layout, pixels, samples);
            fit(all, layout, layout.significant_bits())?
        }
        _ => return Err(PixelError::Layout("Bits Allocated is none of 1, 8, 16, 32")),
    };
    if samples.len() == count { Ok(samples) } else { Err(short()) }
}

/// Up to `count` words of `N` bytes, read piece by piece: never all bytes beside all words.
fn words<T, const N: usize>(
    data: &ByteSource<'_>,
    count: usize,
    swap: bool,
    word: impl Fn([u8; N]) -> T,
) -> io::Result<Vec<T>> {
    let mut words = Vec::with_capacity(count.min(data.len() as usize / N));
    data.each(|piece| {
        let whole = piece.as_chunks::<N>().0.iter().take(count - words.len());
        if swap {
            words.extend(whole.map(|&(mut bytes)| {
                bytes.reverse();
                word(bytes)
            }));
        } else {
            words.extend(whole.map(|&bytes| word(bytes)));
        }
        Ok::<(), io::Error>(())
    })?;
    Ok(words)
}

/// Samples of a pixel together, whatever the planar configuration.
fn planes<T: Copy + Default>(v: Vec<T>, layout: &PixelLayout, pixels: usize, samples: usize) -> Vec<T> {
    if layout.planar && samples > 1 && v.len() == pixels * samples {
        colour::interleave(&v, pixels, samples)
    } else {
        v
    }
}

/// Canonical samples as native little-endian bytes (Planar Configuration 0); 1-bit frames are packed, starting at
/// bit 0.
pub(super) fn encode(samples: &Samples, bits_allocated: u16) -> Vec<u8> {
    match samples {
        Samples::U8(bits) if bits_allocated == 1 => {
            bits.chunks(8).map(|c| c.iter().enumerate().fold(0, |b, (i, v)| b | (v & 1) << i)).collect()
        }
        other => other.little_endian().into_owned(),
    }
}
