//! JPEG 2000: the code stream alone, without comments and markers that nobody knows.

use super::super::j2k::code_stream;
use super::super::marker::be16;
use super::PixelError;

const SOT: u8 = 0x90;
const SOD: u8 = 0x93;
const EOC: u8 = 0xD9;
const TLM: u8 = 0x55;
/// SOT with its length, tile and part numbers.
const SOT_SIZE: usize = 12;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "JPEG 2000", what }
}

/// The code stream with nothing but what decoding needs.
pub(super) fn strip(encoded: &[u8]) -> Result<Vec<u8>, PixelError> {
    let data = code_stream(encoded)?;
    let mut out = Vec::with_capacity(data.len());
    out.extend(&data[..2]);
    let mut at = header(data, 2, &mut out)?;
    // Lengths of tile-parts may change; the table of them is optional.
    loop {
        match data.get(at..at + 2) {
            Some([0xFF, SOT]) => at = tile_part(data, at, &mut out)?,
            Some([0xFF, EOC]) => {
                out.extend([0xFF, EOC]);
                return Ok(out);
            }
            // Cut, or nothing that belongs there: what came so far is the picture.
            _ => return Ok(out),
        }
    }
}

/// Copies the needed marker segments from `at` up to SOT or SOD; where that stands.
fn header(data: &[u8], mut at: usize, out: &mut Vec<u8>) -> Result<usize, PixelError> {
    loop {
        let marker = data.get(at..at + 2).ok_or_else(|| damaged("the header has no end"))?;
        let [0xFF, code] = *marker else { return Err(damaged("no marker where one should stand")) };
        match code {
            SOT | SOD | EOC => return Ok(at),
            // Reserved without a segment.
            0x30..=0x3F => at += 2,
            _ => {
                let length =
                    usize::from(be16(data, at + 2).ok_or_else(|| damaged("a marker without length"))?);
                let end = at + 2 + length.max(2);
                let segment = data.get(at..end).ok_or_else(|| damaged("a segment longer than the stream"))?;
                if is_needed(code) {
                    out.extend(segment);
                }
                at = end;
            }
        }
    }
}

/// Segments of parts 1, 2 and 15 that decoding needs, or may need.
fn is_needed(code: u8) -> bool {
    code != TLM && matches!(code, 0x50..=0x53 | 0x56..=0x59 | 0x5C..=0x61 | 0x63 | 0x70..=0x79)
}

/// Copies a tile-part; where the next begins.
fn tile_part(data: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, PixelError> {
    let start = out.len();
    let head = data.get(at..at + SOT_SIZE).ok_or_else(|| damaged("a tile-part cut in its head"))?;
    let told = u32::from_be_bytes([head[6], head[7], head[8], head[9]]) as usize;
    out.extend(head);
    let body = header(data, at + SOT_SIZE, out)?;
    if data.get(body + 1) != Some(&SOD) {
        return Err(damaged("a tile-part without data"));
    }
    let end = match told {
        // Up to the end of the code stream: no packet holds a code above 0xFF8F.
        0 => (body..data.len().saturating_sub(1))
            .find(|&i| data[i] == 0xFF && data[i + 1] == EOC)
            .unwrap_or(data.len()),
        told => at.saturating_add(told).min(data.len()),
    };
    let content = data.get(body..end).ok_or_else(|| damaged("a tile-part shorter than its head"))?;
    out.extend(content);
    // A part that is cut keeps the length that it should have had.
    if told != 0 {
        let dropped = (body - at) - (out.len() - start - content.len());
        let length = (told.saturating_sub(dropped) as u32).to_be_bytes();
        out[start + 6..start + 10].copy_from_slice(&length);
    }
    Ok(end)
}
