//! Binary values: which may hold what, and text where numbers should be.

use std::io;

use crate::bytes::{ByteSource, FileRange};
use crate::model::Tag;

/// Bytes that are all printable and mostly letters: a message in a place for numbers.
pub fn looks_like_text(bytes: &[u8]) -> bool {
    let end = bytes.iter().rposition(|&b| b != 0 && b != b' ').map_or(0, |i| i + 1);
    let text = &bytes[..end];
    let letters = text.iter().filter(|b| b.is_ascii_alphabetic()).count();
    // Repeated letters are a number that happens to be printable.
    let distinct = text.first().is_some_and(|first| text.iter().any(|b| b != first));
    text.len() >= 6
        && distinct
        && letters * 2 > text.len()
        && text.iter().all(|&b| b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// The same of a value that stays in a file: every piece of it is text. What cannot be read might be.
pub fn is_text_throughout(extent: &FileRange) -> bool {
    let look = |piece: &[u8]| if looks_like_text(piece) { Ok(()) } else { Err(io::Error::other("a number")) };
    match ByteSource::Stored(extent.clone()).each(look) {
        Ok(()) => true,
        Err(error) => error.kind() != io::ErrorKind::Other,
    }
}

/// Attributes of VR OB that the table does not name and that hold samples or tables, never text.
pub fn is_known_bulk(tag: Tag) -> bool {
    matches!(
        tag.0,
        0x0028_2000
            | 0x5400_0110
            | 0x5400_0112
            | 0x5400_100A
            | 0x5400_1010
            | 0x7FE0_0001
            | 0x7FE0_0002
            | 0x7FE0_0010
    ) || tag.group() == 0x0066
        || tag.group() == 0x0028 && (0x1200..0x1400).contains(&tag.element())
}
