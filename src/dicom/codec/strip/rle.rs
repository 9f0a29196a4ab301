//! RLE: segments one behind the other, each ending with its last pixel.

use super::PixelError;
use crate::model::pixels::PixelLayout;

const HEADER: usize = 64;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "RLE", what }
}

/// The frame with nothing but its runs. Segments that are as they should be stay byte for byte.
pub(super) fn strip(encoded: &[u8], layout: &PixelLayout) -> Result<Vec<u8>, PixelError> {
    let pixels = layout.rows as usize * layout.columns as usize;
    let per_segment = if layout.bits_allocated == 1 { pixels.div_ceil(8) } else { pixels };
    let width = usize::from(layout.bits_allocated.div_ceil(8));
    let expected = usize::from(layout.samples_per_pixel) * width;
    let header = encoded.get(..HEADER).ok_or_else(|| damaged("no header"))?;
    let word = |i: usize| {
        header.get(4 * i..4 * i + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
            as usize
    };
    if word(0) != expected || expected > 15 {
        return Err(damaged("number of segments is not samples × bytes"));
    }
    let mut out = Vec::with_capacity(encoded.len() + 15);
    out.resize(HEADER, 0);
    out[0] = expected as u8;
    for segment in 0..expected {
        let start = word(segment + 1);
        let end = if segment + 1 < expected { word(segment + 2) } else { encoded.len() };
        let packed = encoded.get(start..end.min(encoded.len())).filter(|_| start >= HEADER);
        let packed = packed.ok_or_else(|| damaged("segment offset outside the frame"))?;
        let length = runs(packed, per_segment)?;
        let offset = (out.len() as u32).to_le_bytes();
        out[4 + 4 * segment..8 + 4 * segment].copy_from_slice(&offset);
        out.extend(&packed[..length]);
        // A segment ends on an even byte (PS3.5 section G.3.1), by its own padding or a zero.
        if out.len() % 2 == 1 {
            let own = packed.get(length).filter(|pad| matches!(pad, 0 | 0x80) && packed.len() == length + 1);
            out.push(own.copied().unwrap_or(0));
        }
    }
    Ok(out)
}

/// Bytes of the runs that give `pixels` bytes.
fn runs(packed: &[u8], pixels: usize) -> Result<usize, PixelError> {
    let (mut at, mut done) = (0, 0);
    while done < pixels {
        let short = PixelError::Truncated { found: done as u64, expected: pixels as u64, unit: "pixels" };
        let Some(&control) = packed.get(at) else { return Err(short) };
        let (count, length) = match control {
            0..128 => (usize::from(control) + 1, usize::from(control) + 2),
            128 => (0, 1),
            _ => (257 - usize::from(control), 2),
        };
        at += length;
        if at > packed.len() {
            return Err(short);
        }
        done += count;
        if control < 128 && done > pixels {
            return Err(damaged("a run beyond the last pixel"));
        }
    }
    Ok(at)
}
