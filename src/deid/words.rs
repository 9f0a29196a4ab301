//! Words that may stand in cleaned text, and how words are compared.

use foldhash::HashSet;
use std::borrow::Cow;
use std::sync::OnceLock;

/// Terms of the standard, of anatomy and of radiology, without what is first of all a person's name.
const WORDS: &str = include_str!("words.txt");

/// Whether a folded word is a term of the trade.
pub fn is_common(folded: &str) -> bool {
    static SET: OnceLock<HashSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| WORDS.lines().collect()).contains(folded)
}

/// A text in lower case and without diacritics, full-width forms made plain: how words are compared.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        fold_char(c, &mut out);
    }
    Cow::Owned(out)
}

fn fold_char(c: char, out: &mut String) {
    match c {
        '\u{0300}'..='\u{036F}' => {}
        '\u{FF01}'..='\u{FF5E}' => {
            if let Some(plain) = char::from_u32(c as u32 - 0xFEE0) {
                out.push(plain.to_ascii_lowercase());
            }
        }
        'ß' => out.push_str("ss"),
        'Æ' | 'æ' => out.push_str("ae"),
        'Œ' | 'œ' => out.push_str("oe"),
        'Þ' | 'þ' => out.push_str("th"),
        '²' => out.push('2'),
        '³' => out.push('3'),
        // The micro sign; the Greek letter is part of names.
        '\u{B5}' => out.push('u'),
        _ if c.is_ascii() => out.push(c.to_ascii_lowercase()),
        _ => {
            for lower in c.to_lowercase() {
                // `İ` decomposes into `i` and a dot above.
                if !matches!(lower, '\u{0300}'..='\u{036F}') {
                    out.push(plain(lower));
                }
            }
        }
    }
}

/// The letter below a diacritic of the Latin blocks.
fn plain(c: char) -> char {
    const GROUPS: [(char, &str); 24] = [
        ('a', "àáâãäåāăąǎạảấầẩẫậắằẳẵặ"),
        ('c', "çćĉċč"),
        ('d', "ďđð"),
        ('e', "èéêëēĕėęěẹẻẽếềểễệ"),
        ('g', "ĝğġģ"),
        ('h', "ĥħ"),
        ('i', "ìíîïĩīĭįıǐịỉ"),
        ('j', "ĵ"),
        ('k', "ķ"),
        ('l', "ĺļľŀł"),
        ('n', "ñńņňŋ"),
        ('o', "òóôõöøōŏőǒơọỏốồổỗộớờởỡợ"),
        ('r', "ŕŗř"),
        ('s', "śŝşšș"),
        ('t', "ţťŧț"),
        ('u', "ùúûüũūŭůűųǔưụủứừửữự"),
        ('w', "ŵẁẃẅ"),
        ('y', "ýÿŷỳỵỷỹ"),
        ('z', "źżž"),
        ('е', "ё"),
        ('и', "й"),
        ('α', "ά"),
        ('ε', "έ"),
        ('ι', "ίϊΐ"),
    ];
    if (c as u32) < 0xDF {
        return c;
    }
    GROUPS.iter().find(|(_, marked)| marked.contains(c)).map_or(c, |(letter, _)| *letter)
}

/// Spellings of a folded word that people use for each other: `mueller` for `müller`, and the other way round.
pub fn spellings(word: &str) -> Vec<String> {
    let mut all = vec![fold(word).into_owned()];
    let mut push = |word: String| {
        if !all.contains(&word) {
            all.push(word);
        }
    };
    if !word.is_ascii() {
        let mut spelled = String::new();
        for c in word.to_lowercase().chars() {
            match c {
                'ä' => spelled.push_str("ae"),
                'ö' | 'ø' => spelled.push_str("oe"),
                'ü' => spelled.push_str("ue"),
                'å' => spelled.push_str("aa"),
                _ => fold_char(c, &mut spelled),
            }
        }
        push(spelled);
    } else if word.len() >= 4 {
        let folded = word.to_ascii_lowercase();
        if ["ae", "oe", "ue"].iter().any(|d| folded.contains(d)) {
            push(folded.replace("ae", "a").replace("oe", "o").replace("ue", "u"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_and_spells() {
        assert_eq!(fold("MÜLLER Ågren Łukasz İlker ＪＯＨＮ"), "muller agren lukasz ilker john");
        assert_eq!(spellings("Müller"), ["muller", "mueller"]);
        assert_eq!(spellings("Mueller"), ["mueller", "muller"]);
        assert_eq!(fold("山田"), "山田");
    }

    #[test]
    fn names_are_no_terms() {
        for name in ["smith", "muller", "nguyen", "kim", "john", "maria", "garcia", "tanaka", "doe"] {
            assert!(!is_common(name), "{name}");
        }
        for term in ["chest", "liver", "siemens", "axial", "mprage", "contrast"] {
            assert!(is_common(term), "{term}");
        }
    }
}
