//! Cleaning of free text: what identifies goes, what describes stays.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::identity::{Identity, Kind};
use super::patterns::{
    drop_ages, drop_contacts, drop_dates, drop_phones, drop_titled, is_address, is_measure, is_ray,
};
use super::words;

/// What stands where something was cut: without it `NOT TESTED OR APPROVED` would become another sentence.
pub(super) const MARK: &str = "***";

/// How much may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Free text: only terms of the trade, small numbers, units and codes stay.
    Terms,
    /// Technical text (names of sequences, kernels, versions, codes): everything stays that does not identify.
    Technical,
}

/// Cleans texts of one instance.
#[derive(Debug, Clone, Copy)]
pub struct Cleaner<'a> {
    /// What identifies in this instance.
    pub identity: &'a Identity,
    /// Words that the project allows beside the built-in ones.
    pub allowed: &'a BTreeSet<String>,
}

/// A run of letters and digits.
pub(super) struct Token<'t> {
    /// Where it stands in the text.
    pub range: Range<usize>,
    /// As it is written.
    pub text: &'t str,
    /// In lower case and without diacritics.
    pub folded: Cow<'t, str>,
    /// It goes.
    pub dropped: bool,
    /// It is part of an identifier or a date, and of nothing else.
    pub taken: bool,
}

impl Token<'_> {
    /// Marks it as part of an identifier.
    pub fn take(&mut self) {
        (self.dropped, self.taken) = (true, true);
    }
}

impl Cleaner<'_> {
    /// The cleaned text, with a mark where something was cut; borrowed where nothing had to go, empty where all had to.
    pub fn clean<'t>(&self, text: &'t str, how: Strictness) -> Cow<'t, str> {
        let mut tokens = tokens(text);
        // An address is prose, wherever it stands.
        let how = if is_address(&tokens) { Strictness::Terms } else { how };
        for at in 0..tokens.len() {
            let taken = self.identifies(&tokens[at], how);
            let stays = how == Strictness::Technical
                || self.is_term(&tokens[at])
                || is_measure(text, &tokens, at)
                || is_ray(text, &tokens, at);
            (tokens[at].taken, tokens[at].dropped) = (taken, taken || !stays);
        }
        self.drop_phrases(&mut tokens);
        drop_contacts(text, &mut tokens);
        drop_dates(text, &mut tokens);
        drop_phones(text, &mut tokens);
        drop_titled(text, &mut tokens);
        drop_ages(&mut tokens);
        if tokens.iter().all(|t| !t.dropped) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(rebuild(text, &tokens))
    }

    /// Whether a text holds something that identifies, as a coded value may not.
    pub fn is_clean(&self, text: &str) -> bool {
        let mut tokens = tokens(text);
        self.drop_phrases(&mut tokens);
        !tokens.iter().any(|t| t.dropped || self.identifies(t, Strictness::Technical))
    }

    fn identifies(&self, token: &Token<'_>, how: Strictness) -> bool {
        let folded = &*token.folded;
        let common = words::is_common(folded);
        if let Some(kind) = self.identity.words.get(folded) {
            // In technical text a maker's name stays also where a person or a station bears it.
            return how == Strictness::Terms || !common && (*kind != Kind::Date || folded.len() > 4);
        }
        if common || folded.len() < 5 {
            return !folded.is_ascii() && !common && self.contains_a_word(folded);
        }
        how == Strictness::Technical && self.contains_a_word(folded)
    }

    /// A longer token around an identifier, such as `johnsmith1970`.
    fn contains_a_word(&self, folded: &str) -> bool {
        self.identity.words.iter().any(|(word, kind)| {
            let least = if word.is_ascii() { 4 } else { 2 };
            let numeric = word.bytes().all(|b| b.is_ascii_digit());
            word.len() >= if numeric { 6 } else { least }
                && *kind != Kind::Device
                && folded.contains(&**word)
                && !words::is_common(word)
        })
    }

    fn is_term(&self, token: &Token<'_>) -> bool {
        let folded = &*token.folded;
        if words::is_common(folded) || self.allowed.contains(folded) {
            return true;
        }
        if !folded.is_ascii() {
            return false;
        }
        match folded.len() {
            1 => true,
            2..=24 => self.is_code(token.text) || self.is_compound(token.text),
            _ => false,
        }
    }

    /// `B31f`, `120kV`, `T2w`, `512x512`, `C5`: terms or single letters, and few digits.
    fn is_code(&self, text: &str) -> bool {
        let parts = runs(text, |c| c.is_ascii_digit());
        let digits: usize = parts.iter().filter(|p| p.as_bytes()[0].is_ascii_digit()).map(|p| p.len()).sum();
        let is_matrix = parts.iter().all(|p| p.as_bytes()[0].is_ascii_digit() || p.eq_ignore_ascii_case("x"));
        let letters_ok = |p: &str| {
            let folded = p.to_ascii_lowercase();
            p.len() == 1 || words::is_common(&folded) || self.allowed.contains(&folded)
        };
        digits > 0
            && (digits <= 4 || is_matrix && digits <= 9 && parts.len() > 1)
            && parts.len() <= 5
            && parts.iter().all(|p| p.as_bytes()[0].is_ascii_digit() || letters_ok(p))
    }

    /// `ChestAbdomen`, `AxialT2`: terms written together with capitals.
    fn is_compound(&self, text: &str) -> bool {
        let mut start = 0;
        let mut parts = Vec::new();
        let bytes = text.as_bytes();
        for i in 1..bytes.len() {
            if bytes[i].is_ascii_uppercase() && !bytes[i - 1].is_ascii_uppercase() {
                parts.push(&text[start..i]);
                start = i;
            }
        }
        parts.push(&text[start..]);
        parts.len() > 1
            && parts.iter().all(|p| {
                let folded = p.to_ascii_lowercase();
                let known = words::is_common(&folded) || self.allowed.contains(&folded);
                !self.identity.words.contains_key(&*folded) && (known && p.len() > 1 || self.is_code(p))
            })
    }

    /// Identifiers of several words: `Long Road 12`, `AB 12-34`.
    fn drop_phrases(&self, tokens: &mut [Token<'_>]) {
        if tokens.len() < 2 || self.identity.phrases.is_empty() {
            return;
        }
        let mut squeezed = String::new();
        let mut starts = Vec::with_capacity(tokens.len());
        for token in tokens.iter() {
            starts.push(squeezed.len());
            squeezed.push_str(&token.folded);
        }
        let joined = self.identity.phrases.iter().map(String::as_str);
        let singles =
            self.identity.words.iter().filter(|(w, k)| w.len() >= 6 && **k != Kind::Place).map(|(w, _)| &**w);
        for phrase in joined.chain(singles) {
            let mut from = 0;
            while let Some(at) = squeezed[from..].find(phrase).map(|at| at + from) {
                let first = starts.partition_point(|s| *s <= at) - 1;
                let last = starts.partition_point(|s| *s < at + phrase.len());
                // A short phrase must begin where a word begins.
                if phrase.len() >= 8 || starts[first] == at {
                    tokens[first..last].iter_mut().for_each(Token::take);
                }
                from = at + phrase.chars().next().map_or(1, char::len_utf8);
            }
        }
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside =
            at < text.len() && (c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36F}' | '\u{FFFD}'));
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let word = &text[from..at];
                tokens.push(Token {
                    range: from..at,
                    text: word,
                    folded: words::fold(word),
                    dropped: false,
                    taken: false,
                });
                start = None;
            }
            _ => {}
        }
    }
    tokens
}

/// Runs of characters for which `class` says the same.
fn runs(text: &str, class: impl Fn(char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        let this = class(c);
        if last.is_some_and(|l| l != this) {
            parts.push(&text[start..at]);
            start = at;
        }
        last = Some(this);
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}

/// What stays, with its own separators, and one mark for whatever went between.
fn rebuild(text: &str, tokens: &[Token<'_>]) -> String {
    if tokens.iter().all(|t| t.dropped) {
        return String::new();
    }
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    let mut cut = false;
    for token in tokens {
        let gap = &text[end..token.range.start];
        match (cut, token.dropped) {
            // Between two that go there is nothing to keep.
            (true, true) => {}
            (_, dropped) => {
                out.push_str(separator(gap));
                out.push_str(if dropped { MARK } else { token.text });
            }
        }
        (end, cut) = (token.range.end, token.dropped);
    }
    out.push_str(separator(&text[end..]));
    out
}

/// What stands between a word and a mark; writing that this reader takes for no letter is not kept.
fn separator(gap: &str) -> &str {
    if gap.is_ascii() { gap } else { " " }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        let mut identity = Identity::default();
        identity.add("Müller^Hans Jörg", Kind::Name);
        identity.add("Hand^Li", Kind::Name);
        identity.add("MRN-0012/34", Kind::Id);
        identity.add("12 Long Road", Kind::Place);
        identity.add("19620315", Kind::Date);
        identity
    }

    fn clean(text: &str, how: Strictness) -> String {
        let (identity, allowed) = (identity(), BTreeSet::new());
        Cleaner { identity: &identity, allowed: &allowed }.clean(text, how).into_owned()
    }

    #[test]
    fn terms_stay_and_people_go() {
        for (text, expected) in [
            ("CT CHEST W/O CONTRAST 2.5mm B31f", "CT CHEST W/O CONTRAST 2.5mm B31f"),
            ("ep2d_diff_3scan_trace_p2_ADC", "ep2d_diff_3scan_trace_p2_ADC"),
            ("CHEST for Mueller, Hans-Joerg", "CHEST for ***"),
            ("MULLER HANS chest", "*** chest"),
            ("Left hand, Dr. Hand", "Left ***"),
            ("liver Li", "liver ***"),
            ("Seen by Smith at 555-123-4567", "Seen by *** at ***"),
            ("nr MRN 0012 34 done", "*** done"),
            ("born 15.03.1962 or Mar 15, 1962 or 1962-03-15", "*** or *** or ***"),
            ("mail a.b@x.org http://x.org/chest axial", "*** axial"),
            ("lives 12 Long Road", ""),
            ("512x512 T2w 3T 120kV", "512x512 T2w 3T 120kV"),
            ("94 year old male 45 year", "*** year old male 45 year"),
            ("MIP 10 1941/02/07 end", "MIP 10 *** end"),
            ("MIP 10 (0761) 270-123 and +49 761 270123", "MIP 10 (*** and +***"),
            ("lung 600 1600 b 1000 2000 3000", "lung 600 1600 b 1000 2000 3000"),
            ("shown 555 123 4567 axial", "shown *** axial"),
            ("ChestAbdomen JohnChest 123456", "ChestAbdomen ***"),
            ("山田 axial", "*** axial"),
        ] {
            assert_eq!(clean(text, Strictness::Terms), expected, "{text}");
        }
    }

    #[test]
    fn cleaning_does_not_change_what_is_said() {
        for text in [
            "PELVIS W/O CONT",
            "EPI PE=LR",
            "REST1 w SMS PF7-8",
            "THE OUTPUT IS FOR INVESTIGATIONAL USE ONLY - NOT TESTED OR APPROVED FOR CLINICAL APPLICATION",
            "Lossless RLE compression, compression ratio 3.05106",
            "quality factor 90, compression ratio 0.084906 [Scaled image]",
            "BW 12500 Hz, TE 0.00234, 1234567us",
            "test segmentation of x-ray image",
            "ADC (10^-6 mm²/s)",
            "CT, HEAD/BRAIN WO CONT",
        ] {
            assert_eq!(clean(text, Strictness::Terms), text);
        }
        for (text, expected) in [
            ("NOT Wetherquill BUT APPROVED", "NOT *** BUT APPROVED"),
            ("protocol=Wetherquill;T2", "protocol=***;T2"),
            ("MRN 123456 MS", "*** MS"),
            ("Ray image 0761.270123", "*** image 0761.***"),
            ("ratio 3.19620315", "ratio 3.***"),
        ] {
            let once = clean(text, Strictness::Terms);
            assert_eq!(once, expected, "{text}");
            assert_eq!(clean(&once, Strictness::Terms), once, "cleaned twice");
        }
    }

    #[test]
    fn technical_text_loses_only_what_identifies() {
        for (text, expected) in [
            ("syngo MR E11 N4_VE11C_LATEST_20160120", "syngo MR E11 N4_VE11C_LATEST_***"),
            ("*tfl3d1_16ns", "*tfl3d1_16ns"),
            ("HansMueller1970 kernel", "*** kernel"),
            ("SIEMENS", "SIEMENS"),
            ("17 Thistledown Crescent, Ormsgarth", "17 *** Crescent, ***"),
            ("Rüttistraße 12, 79100 Oberhagen", "*** 12, ***"),
        ] {
            assert_eq!(clean(text, Strictness::Technical), expected, "{text}");
        }
    }

    #[test]
    fn multi_byte_names_are_found() {
        let mut identity = Identity::default();
        identity.add("Yamada^Tarou=山田^太郎", Kind::Name);
        let allowed = BTreeSet::new();
        let cleaner = Cleaner { identity: &identity, allowed: &allowed };
        assert_eq!(cleaner.clean("山田太郎様 kernel", Strictness::Technical), "*** kernel");
        assert_eq!(cleaner.clean("胸部 kernel", Strictness::Technical), "胸部 kernel");
    }
}
