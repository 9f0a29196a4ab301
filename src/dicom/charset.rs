//! Specific Character Set (0008,0005): text of every repertoire of PS3.3 C.12.1.1.2, with and without ISO 2022 code
//! extensions (PS3.5 section 6.1.2 and annexes H, I, J, K).

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5, ISO_8859_6,
    ISO_8859_7, ISO_8859_8, ISO_8859_15, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1252, WINDOWS_1254,
};

use crate::model::Vr;

/// How the text of a data set is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Charset {
    /// The first value: what holds before any escape sequence.
    initial: &'static Encoding,
    /// More than one value, or an ISO 2022 term: escape sequences switch.
    extended: bool,
    /// Every value was a defined term.
    known: bool,
}

impl Default for Charset {
    /// The default repertoire (ISO IR 6). Bytes beyond it, which should not be there, are read as UTF-8 where they
    /// are valid UTF-8, else as Latin-1.
    fn default() -> Self {
        Self { initial: WINDOWS_1252, extended: false, known: true }
    }
}

impl Charset {
    /// From the value of Specific Character Set.
    pub fn from_value(value: &[u8]) -> Self {
        let text = String::from_utf8_lossy(value);
        let terms: Vec<&str> = text.split('\\').map(|t| t.trim_matches([' ', '\0'])).collect();
        let encodings: Vec<Option<&'static Encoding>> = terms.iter().map(|t| encoding_of(t)).collect();
        Self {
            initial: encodings.first().copied().flatten().unwrap_or(WINDOWS_1252),
            extended: terms.len() > 1 || terms.iter().any(|t| t.starts_with("ISO 2022")),
            known: encodings.iter().all(Option::is_some),
        }
    }

    /// Whether every value of Specific Character Set was a defined term.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// The text of a value. Never fails: what cannot be decoded becomes U+FFFD.
    pub fn decode(&self, bytes: &[u8], vr: Vr) -> String {
        if bytes.is_ascii() && !(self.extended && bytes.contains(&ESC)) {
            return std::str::from_utf8(bytes).unwrap_or_default().to_string();
        }
        if self.extended && vr.uses_character_set() && bytes.contains(&ESC) {
            return self.decode_extended(bytes, vr);
        }
        self.decode_plain(bytes)
    }

    fn decode_plain(&self, bytes: &[u8]) -> String {
        if self.initial == WINDOWS_1252 {
            return match std::str::from_utf8(bytes) {
                Ok(text) => text.to_string(),
                Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
            };
        }
        self.initial.decode_without_bom_handling(bytes).0.into_owned()
    }

    fn decode_extended(&self, bytes: &[u8], vr: Vr) -> String {
        let initial = ShiftState { g0: G0::Ascii, g1: self.initial };
        let (mut out, mut state, mut run) = (String::new(), initial, Vec::new());
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if byte == ESC {
                state.flush(&mut run, &mut out);
                let used = state.escape(&rest[1..]);
                rest = &rest[1 + used..];
                continue;
            }
            let resets = match byte {
                b'\r' | b'\n' | b'\t' | 0x0C => true,
                b'\\' => !vr.is_single_text() && state.g0 == G0::Ascii,
                b'^' | b'=' => vr == Vr::PN && state.g0 == G0::Ascii,
                _ => false,
            };
            run.push(byte);
            rest = &rest[1..];
            if resets {
                state.flush(&mut run, &mut out);
                state = ShiftState { g0: G0::Ascii, g1: self.initial };
            }
        }
        state.flush(&mut run, &mut out);
        out
    }
}

const ESC: u8 = 0x1B;

/// What bytes below 0x80 mean.
#[derive(Debug, Clone, Copy, PartialEq)]
enum G0 {
    Ascii,
    Jis0208,
    Jis0212,
}

#[derive(Debug, Clone, Copy)]
struct ShiftState {
    g0: G0,
    g1: &'static Encoding,
}

impl ShiftState {
    /// Obeys the escape sequence after ESC; how many bytes it took. An unknown one is skipped.
    fn escape(&mut self, after: &[u8]) -> usize {
        match after {
            [b'$', b'B' | b'@', ..] => self.select_g0(G0::Jis0208, 2),
            [b'$', b'(', b'D', ..] => self.select_g0(G0::Jis0212, 3),
            [b'(', b'B' | b'J', ..] => self.select_g0(G0::Ascii, 2),
            [b'$', b')', b'C', ..] => self.select_g1(EUC_KR, 3),
            [b'$', b')', b'A', ..] => self.select_g1(GBK, 3),
            [b')', b'I', ..] => self.select_g1(SHIFT_JIS, 2),
            [b'-', set, ..] => match latin(*set) {
                Some(encoding) => self.select_g1(encoding, 2),
                None => 2,
            },
            _ => 0,
        }
    }

    fn select_g0(&mut self, g0: G0, used: usize) -> usize {
        self.g0 = g0;
        used
    }

    fn select_g1(&mut self, g1: &'static Encoding, used: usize) -> usize {
        self.g1 = g1;
        used
    }

    fn flush(self, run: &mut Vec<u8>, out: &mut String) {
        match self.g0 {
            G0::Ascii => out.push_str(&self.g1.decode_without_bom_handling(run).0),
            G0::Jis0208 => out.push_str(&EUC_JP.decode_without_bom_handling(&euc(run, &[])).0),
            G0::Jis0212 => out.push_str(&EUC_JP.decode_without_bom_handling(&euc(run, &[0x8F])).0),
        }
        run.clear();
    }
}

/// Seven-bit JIS pairs as EUC-JP. Control characters and spaces stay what they are.
fn euc(run: &[u8], prefix: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(run.len() * 3 / 2);
    let mut rest = run;
    while let [first, tail @ ..] = rest {
        match tail {
            [second, after @ ..] if *first > 0x20 => {
                out.extend_from_slice(prefix);
                out.extend_from_slice(&[first | 0x80, second | 0x80]);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

fn latin(designator: u8) -> Option<&'static Encoding> {
    Some(match designator {
        b'A' => WINDOWS_1252,
        b'B' => ISO_8859_2,
        b'C' => ISO_8859_3,
        b'D' => ISO_8859_4,
        b'L' => ISO_8859_5,
        b'G' => ISO_8859_6,
        b'F' => ISO_8859_7,
        b'H' => ISO_8859_8,
        b'M' => WINDOWS_1254,
        b'b' => ISO_8859_15,
        b'T' => WINDOWS_874,
        _ => return None,
    })
}

fn encoding_of(term: &str) -> Option<&'static Encoding> {
    let number = term.strip_prefix("ISO_IR ").or_else(|| term.strip_prefix("ISO 2022 IR "));
    Some(match number.unwrap_or(term) {
        // For the multi-byte sets this is what holds before their escape sequence: ASCII.
        "" | "6" | "100" | "58" | "87" | "149" | "159" => WINDOWS_1252,
        "101" => ISO_8859_2,
        "109" => ISO_8859_3,
        "110" => ISO_8859_4,
        "144" => ISO_8859_5,
        "127" => ISO_8859_6,
        "126" => ISO_8859_7,
        "138" => ISO_8859_8,
        "148" => WINDOWS_1254,
        "203" => ISO_8859_15,
        "166" => WINDOWS_874,
        "13" => SHIFT_JIS,
        "192" => UTF_8,
        "GB18030" => GB18030,
        "GBK" => GBK,
        "BIG5" => BIG5,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of PS3.5 annexes H, I, J and K.
    #[test]
    fn decodes_the_standards_examples() {
        let cases: [(&[u8], &[u8], &str); 6] = [
            (
                b"\\ISO 2022 IR 87",
                b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
                "Yamada^Tarou=山田^太郎=やまだ^たろう",
            ),
            (
                b"ISO 2022 IR 13\\ISO 2022 IR 87",
                b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
                "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
            ),
            (
                b"\\ISO 2022 IR 149",
                b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
                "Hong^Gildong=洪^吉洞=홍^길동",
            ),
            (b"ISO_IR 192", "Wang^XiaoDong=王^小东".as_bytes(), "Wang^XiaoDong=王^小东"),
            (b"GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
            (b"ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\x79\xe0\xd3", concat!("Люк", "ce", "мб", "y", "рг")),
        ];
        for (set, bytes, expected) in cases {
            assert_eq!(Charset::from_value(set).decode(bytes, Vr::PN), expected);
        }
    }

    #[test]
    fn unknown_terms_and_broken_bytes_still_give_text() {
        let charset = Charset::from_value(b"KLINGON");
        assert!(!charset.is_known());
        assert_eq!(charset.decode(b"M\xfcller", Vr::PN), "Müller");
        let utf8 = Charset::from_value(b"ISO_IR 192");
        assert_eq!(utf8.decode(b"a\xff", Vr::LO), "a\u{fffd}");
        assert!(Charset::from_value(b"\\ISO 2022 IR 87").decode(b"\x1b$B;", Vr::PN).len() < 8);
    }
}
