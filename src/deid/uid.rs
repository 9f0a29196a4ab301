//! Which UIDs stay what they are: those of the standard, and those that name a class rather than a thing.

use super::keys::Keys;
use crate::model::Tag;

/// The root of the standard's own UIDs. None of them is longer than this.
const STANDARD_ROOT: &str = "1.2.840.10008.";
const LONGEST_STANDARD: usize = 34;

/// Whether a UID is one of the standard's (classes, transfer syntaxes, well-known frames of reference and palettes).
pub fn is_standard(uid: &str) -> bool {
    uid.starts_with(STANDARD_ROOT) && uid.len() <= LONGEST_STANDARD && is_valid(uid)
}

/// Whether a text can be a UID: digits and dots, at most 64 characters.
pub fn is_valid(uid: &str) -> bool {
    !uid.is_empty() && uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// UIDs, each replaced by its keyed hash; those of the standard stay.
pub fn replaced(uids: &str, keys: &Keys) -> String {
    let mut out = String::with_capacity(48);
    for (i, value) in uids.split('\\').enumerate() {
        if i > 0 {
            out.push('\\');
        }
        let value = value.trim_matches([' ', '\0']);
        if is_standard(value) {
            out.push_str(value);
        } else if !value.is_empty() {
            out.push_str(&keys.uid(value));
        }
    }
    out
}

/// Whether an attribute names a class, a syntax, a coding scheme or a context group, also where a maker defined it.
pub fn is_class(tag: Tag) -> bool {
    matches!(
        tag.0,
        0x0002_0002
            | 0x0002_0010
            | 0x0004_1510
            | 0x0004_1512
            | 0x0008_0016
            | 0x0008_001A
            | 0x0008_001B
            | 0x0008_0062
            | 0x0008_010C
            | 0x0008_0117
            | 0x0008_0118
            | 0x0008_1150
            | 0x0008_115A
            | 0x0008_3002
            | 0x0018_9801
            | 0x0040_0440
            | 0x0040_B001
            | 0x0400_0010
            | 0x300A_0078
    )
}
