//! Text from outside made safe for terminals and for strict JSON.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Whether a terminal, an editor or a log viewer would obey `c` instead of showing it: C0, DEL, C1, bidirectional
/// controls, line and paragraph separators, zero-width characters.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// `text` on one line with every control character replaced by a visible escape such as `\x1b` or `\u{202e}`.
pub fn visible(text: &str) -> String {
    escape(text, |_| false)
}

/// As [`visible`], but line ends and tabs stay: for text that is laid out on purpose.
pub fn visible_lines(text: &str) -> String {
    escape(text, |c| c == '\n' || c == '\t')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_control(c) || keep(c) {
            out.push(c);
        } else if (c as u32) < 0x100 {
            let _ = write!(out, "\\x{:02x}", c as u32);
        } else {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
    }
    out
}

/// `value` as strict JSON on one line: control characters of every kind are escaped, NaN and infinity are `null`.
/// A value that cannot be serialised (a map with keys that are no strings) becomes `null`.
pub fn json(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Strict);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_else(|_| "null".into()),
        Err(_) => "null".into(),
    }
}

/// Compact JSON that also escapes DEL, C1, bidirectional and separator characters.
struct Strict;

impl Formatter for Strict {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|b| (0x20..0x7F).contains(&b)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_control(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_never_sees_a_control_character() {
        assert_eq!(visible("a\x1b[2Jb\u{202e}c\nd"), "a\\x1b[2Jb\\u{202e}c\\x0ad");
        assert_eq!(visible_lines("a\nb\x07"), "a\nb\\x07");
    }

    #[test]
    fn json_escapes_what_a_terminal_obeys_and_reads_back() {
        let hostile = "q\"\\\x00\x1b\x7f\u{9b}\u{2028}\u{202e}\u{e0001}é";
        let line = json(&hostile);
        assert!(line.chars().all(|c| !is_control(c)), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).ok().as_deref(), Some(hostile));
        assert_eq!(json(&[f64::NAN, 1.5]), "[null,1.5]");
    }
}
