//! JPEG and JPEG-LS: only the segments that decoding needs, each as long as it should be.

use std::collections::BTreeSet;

use super::super::marker;
use super::PixelError;

fn damaged(what: &'static str) -> PixelError {
    PixelError::Damaged { codec: "JPEG", what }
}

/// A marker segment, or the end.
struct Segment<'d> {
    code: u8,
    content: &'d [u8],
    /// Entropy-coded data that follows.
    data: &'d [u8],
}

/// The stream with nothing but what decoding needs.
pub(super) fn strip(encoded: &[u8]) -> Result<Vec<u8>, PixelError> {
    let segments = segments(encoded)?;
    let used = Used::of(&segments);
    let mut out = Vec::with_capacity(encoded.len());
    out.extend([0xFF, 0xD8]);
    for segment in &segments {
        match segment.code {
            0xD9 => out.extend([0xFF, 0xD9]),
            code => {
                if let Some(content) = needed(code, segment.content, &used) {
                    let length =
                        u16::try_from(content.len() + 2).map_err(|_| damaged("a segment too long"))?;
                    out.extend([0xFF, code]);
                    out.extend(length.to_be_bytes());
                    out.extend(content);
                    out.extend(segment.data);
                }
            }
        }
    }
    Ok(out)
}

/// Segments up to the end of the image.
fn segments(encoded: &[u8]) -> Result<Vec<Segment<'_>>, PixelError> {
    let mut at = marker::start_of_image(encoded).ok_or_else(|| damaged("no start of image"))?;
    let mut segments = Vec::new();
    let is_ls = |segments: &[Segment<'_>]| segments.iter().any(|s| s.code == 0xF7);
    while let Some((code, content, next)) = marker::next(encoded, at)? {
        at = next;
        let mut data: &[u8] = &[];
        if code == 0xDA {
            let end = scan_ends(encoded, at, is_ls(&segments));
            data = &encoded[at..end];
            at = end;
        }
        segments.push(Segment { code, content, data });
        if code == 0xD9 {
            break;
        }
    }
    Ok(segments)
}

/// Where the entropy-coded data from `at` ends: before a marker that is no restart. In JPEG a zero is stuffed after
/// 0xFF, in JPEG-LS a zero bit.
fn scan_ends(encoded: &[u8], mut at: usize, is_ls: bool) -> usize {
    while let Some(found) = encoded.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xFF)) {
        let marker = at + found;
        match encoded.get(marker + 1) {
            None => break,
            Some(0xD0..=0xD7) => at = marker + 2,
            Some(&code) if code == 0 || is_ls && code < 0x80 => at = marker + 2,
            Some(0xFF) => at = marker + 1,
            Some(_) => return marker,
        }
    }
    encoded.len()
}

/// Tables that a frame or scan header names.
#[derive(Default)]
struct Used {
    quantisation: BTreeSet<u8>,
    /// Class in the upper, number in the lower half.
    huffman: BTreeSet<u8>,
}

impl Used {
    fn of(segments: &[Segment<'_>]) -> Self {
        let mut used = Self::default();
        for segment in segments {
            let content = segment.content;
            match segment.code {
                0xC0..=0xC3 => {
                    used.quantisation
                        .extend(content.get(6..).unwrap_or_default().chunks_exact(3).map(|c| c[2]));
                }
                0xDA => {
                    let count = usize::from(content.first().copied().unwrap_or(0));
                    for component in content.get(1..).unwrap_or_default().chunks_exact(2).take(count) {
                        used.huffman.extend([component[1] >> 4, 0x10 | component[1] & 15]);
                    }
                }
                _ => {}
            }
        }
        used
    }
}

/// What of a segment decoding needs; `None` where it needs none of it.
fn needed(code: u8, content: &[u8], used: &Used) -> Option<Vec<u8>> {
    let first = |length: usize| content.get(..length).unwrap_or(content).to_vec();
    let count = |at: usize| usize::from(content.get(at).copied().unwrap_or(0));
    match code {
        0xC4 => Some(huffman(content, used)).filter(|t| !t.is_empty()),
        0xDB => Some(quantisation(content, used)).filter(|t| !t.is_empty()),
        0xC0..=0xC3 | 0xC5..=0xCB | 0xCD..=0xCF | 0xF7 => Some(first(6 + 3 * count(5))),
        0xDA => Some(first(4 + 2 * count(0))),
        0xDC => Some(first(2)),
        0xDD => Some(first(4)),
        0xF8 if content.first() == Some(&1) => Some(first(11)),
        0xCC | 0xF8 => Some(content.to_vec()),
        0xE0 if content.starts_with(b"JFIF\0") => {
            let mut jfif = first(12);
            jfif.resize(12, 0);
            // No thumbnail.
            jfif.extend([0, 0]);
            Some(jfif)
        }
        0xEE if content.starts_with(b"Adobe") && content.len() >= 12 => {
            let mut adobe = b"Adobe\0\x64\0\0\0\0".to_vec();
            adobe.push(content[11]);
            Some(adobe)
        }
        // A colour transform of HP's: to drop it would change the colours.
        0xE8 if content.starts_with(b"mrfx") => Some(first(5)),
        _ => None,
    }
}

/// Tables that scans use; one whose length lies ends them.
fn huffman(mut content: &[u8], used: &Used) -> Vec<u8> {
    let mut kept = Vec::new();
    while let Some(counts) = content.get(1..17) {
        let length = 17 + counts.iter().map(|&c| usize::from(c)).sum::<usize>();
        let Some(table) = content.get(..length) else { break };
        if used.huffman.contains(&table[0]) {
            kept.extend(table);
        }
        content = &content[length..];
    }
    kept
}

fn quantisation(mut content: &[u8], used: &Used) -> Vec<u8> {
    let mut kept = Vec::new();
    while let Some(&head) = content.first() {
        let length = if head >> 4 == 0 { 65 } else { 129 };
        let Some(table) = content.get(..length) else { break };
        if used.quantisation.contains(&(head & 15)) {
            kept.extend(table);
        }
        content = &content[length..];
    }
    kept
}
