//! The text of a table's bytes: UTF-8, UTF-16, else Latin-1 as Windows writes it.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::TableError;

/// First bytes of files that people take for tables.
const OTHERS: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "an Excel workbook or another ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
];

/// The text, without its byte order mark.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, TableError> {
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(TableError::OtherFile(what));
    }
    if bytes.starts_with(b"\xff\xfe\0\0") || bytes.starts_with(b"\0\0\xfe\xff") {
        return Err(TableError::OtherFile("text in UTF-32"));
    }
    let text = if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        utf16(rest, UTF_16LE)?
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        utf16(rest, UTF_16BE)?
    } else if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        let whole = std::str::from_utf8(rest);
        whole
            .map_err(|_| TableError::Format("not the UTF-8 that its byte order mark says".into()))?
            .to_owned()
    } else if let Some(encoding) = unmarked_utf16(&bytes) {
        utf16(&bytes, encoding)?
    } else {
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => WINDOWS_1252.decode_without_bom_handling(error.as_bytes()).0.into_owned(),
        }
    };
    let start = text.trim_start();
    let begins = |with: &str| start.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with));
    if begins("<!doctype") || begins("<html") || begins("<?xml") {
        return Err(TableError::OtherFile("a page or XML"));
    }
    if text.contains('\0') {
        return Err(TableError::OtherFile("binary data"));
    }
    Ok(text)
}

fn utf16(bytes: &[u8], encoding: &'static Encoding) -> Result<String, TableError> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| TableError::Format("not valid UTF-16".into()))
}

/// UTF-16 without a mark: of text in Latin letters nearly every second byte is zero, and no other.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes[..bytes.len().min(1024)].as_chunks::<2>().0;
    let zeros = |k: usize| head.iter().filter(|pair| pair[k] == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let nearly_all = |n: usize| n * 10 >= head.len() * 8;
    match () {
        () if head.len() < 2 => None,
        () if first == 0 && nearly_all(second) => Some(UTF_16LE),
        () if second == 0 && nearly_all(first) => Some(UTF_16BE),
        () => None,
    }
}
