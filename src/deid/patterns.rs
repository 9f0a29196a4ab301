//! Patterns of text that identify whoever they belong to: addresses, dates, telephone numbers, titles, ages; and numbers
//! that do not.

use super::text::Token;

/// Units of measurement that may follow a number.
const UNITS: [&str; 16] = [
    "hz", "khz", "mhz", "mm", "mm2", "mm3", "um", "cm2", "cm3", "ml", "bq", "kbq", "mbq", "ppm", "mgy",
    "mgycm",
];
/// Units that are written to the number, and are words of their own elsewhere.
const JOINED_UNITS: [&str; 4] = ["ms", "us", "msec", "usec"];

/// E-mail addresses and URLs: the whole run between spaces goes.
pub(super) fn drop_contacts(text: &str, tokens: &mut [Token<'_>]) {
    if !text.contains('@') && !text.contains("://") && !text.to_ascii_lowercase().contains("www.") {
        return;
    }
    let mut at = 0;
    for chunk in text.split_inclusive(char::is_whitespace) {
        let range = at..at + chunk.len();
        at = range.end;
        let lower = chunk.to_ascii_lowercase();
        if lower.contains('@') && lower.trim().len() > 2 || lower.contains("://") || lower.contains("www.") {
            tokens
                .iter_mut()
                .filter(|t| t.range.start >= range.start && t.range.end <= range.end)
                .for_each(|t| t.dropped = true);
        }
    }
}

/// Whether a token is a measured number that its digits alone would not be taken for: the fraction of a decimal number
/// (`3.05106`), or a number before its unit (`12500 Hz`).
pub(super) fn is_measure(text: &str, tokens: &[Token<'_>], at: usize) -> bool {
    is_fraction(text, tokens, at) || has_unit(text, tokens, at)
}

fn is_fraction(text: &str, tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|b| &tokens[b]) else { return false };
    let gap = |k: usize| &text[tokens[k].range.end..tokens[k + 1].range.start];
    let digits = tokens[at].text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = tokens[at].folded.get(digits..).unwrap_or_default();
    let whole = is_number(before.text) && before.text.len() <= 4;
    // A number with a zero before it is written so by telephones and registers, not by instruments.
    let plain = before.text == "0" || !before.text.starts_with('0');
    let alone = (at < 2 || gap(at - 2) != ".") && tokens.get(at + 1).is_none_or(|_| gap(at) != ".");
    whole
        && plain
        && alone
        && gap(at - 1) == "."
        && (1..=8).contains(&digits)
        && (unit.is_empty() || unit == "e" || UNITS.contains(&unit) || JOINED_UNITS.contains(&unit))
}

fn has_unit(text: &str, tokens: &[Token<'_>], at: usize) -> bool {
    let folded = &*tokens[at].folded;
    let digits = folded.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=7).contains(&digits) || folded.starts_with('0') {
        return false;
    }
    let joined = &folded[digits..];
    if !joined.is_empty() {
        return UNITS.contains(&joined) || JOINED_UNITS.contains(&joined);
    }
    let Some(next) = tokens.get(at + 1) else { return false };
    &text[tokens[at].range.end..next.range.start] == " " && UNITS.contains(&&*next.folded)
}

/// `x-ray`: a given name elsewhere.
pub(super) fn is_ray(text: &str, tokens: &[Token<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|b| &tokens[b]) else { return false };
    let gap = &text[before.range.end..tokens[at].range.start];
    matches!(&*tokens[at].folded, "ray" | "rays") && before.folded == "x" && matches!(gap, "-" | " ")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

const MONTHS: &[&str] = &[
    "jan",
    "january",
    "januar",
    "janvier",
    "feb",
    "february",
    "februar",
    "fevrier",
    "mar",
    "march",
    "marz",
    "mars",
    "apr",
    "april",
    "avril",
    "may",
    "mai",
    "jun",
    "june",
    "juni",
    "juin",
    "jul",
    "july",
    "juli",
    "juillet",
    "aug",
    "august",
    "aout",
    "sep",
    "sept",
    "september",
    "septembre",
    "oct",
    "october",
    "okt",
    "oktober",
    "octobre",
    "nov",
    "november",
    "novembre",
    "dec",
    "december",
    "dez",
    "dezember",
    "decembre",
];

/// `2024-01-15`, `15/01/24`, `15 Jan 2024`, `20240115`.
pub(super) fn drop_dates(text: &str, tokens: &mut [Token<'_>]) {
    for i in 0..tokens.len() {
        let digits = tokens[i].text;
        if digits.len() == 8
            && (super::date::parse_da(digits).is_some_and(|(y, ..)| (1880..2100).contains(&y)))
        {
            tokens[i].take();
        }
        if MONTHS.contains(&&*tokens[i].folded) {
            let near = |t: &Token<'_>| {
                is_number(t.text) || t.text.len() <= 4 && t.text.as_bytes()[0].is_ascii_digit()
            };
            let (before, after) =
                (i > 0 && near(&tokens[i - 1]), i + 1 < tokens.len() && near(&tokens[i + 1]));
            if before || after {
                tokens[i].take();
            }
            if before {
                tokens[i - 1].take();
            }
            if after {
                tokens[i + 1].take();
                if let Some(year) = tokens.get_mut(i + 2).filter(|t| is_number(t.text) && t.text.len() == 4) {
                    year.take();
                }
            }
        }
        if i + 2 < tokens.len() {
            let [a, b, c] = [0, 1, 2].map(|k| tokens[i + k].text);
            let gap = |k: usize| &text[tokens[i + k].range.end..tokens[i + k + 1].range.start];
            let separated = gap(0) == gap(1) && matches!(gap(0), "-" | "/" | "." | ". ");
            let lengths = (a.len(), b.len(), c.len());
            let shape = matches!(lengths, (4, 1..=2, 1..=2) | (1..=2, 1..=2, 4) | (2, 2, 2));
            if separated && shape && [a, b, c].into_iter().all(is_number) {
                tokens[i..i + 3].iter_mut().for_each(Token::take);
            }
        }
    }
}

/// Groups of two to six digits, seven to fifteen in all, as telephone numbers are written; and long numbers. What is a
/// date or an identifier is no part of one.
pub(super) fn drop_phones(text: &str, tokens: &mut [Token<'_>]) {
    let mut start = 0;
    while start < tokens.len() {
        let mut end = start;
        let mut digits = 0;
        while tokens.get(end).is_some_and(is_phone_group) {
            if end > start && !continues_a_number(text, &tokens[start..=end]) {
                break;
            }
            digits += tokens[end].text.len();
            end += 1;
        }
        if end - start >= 2 && (7..=15).contains(&digits) && !is_series_of_values(text, &tokens[start..end]) {
            tokens[start..end].iter_mut().for_each(|t| t.dropped = true);
        }
        start = end.max(start + 1);
    }
}

/// `600 1600`, `1000 2000 3000`: values beside each other, where nothing but spaces and no trunk prefix says otherwise.
fn is_series_of_values(text: &str, groups: &[Token<'_>]) -> bool {
    let spaced = groups.windows(2).all(|w| &text[w[0].range.end..w[1].range.start] == " ");
    let plain = !text[..groups[0].range.start].ends_with(['+', '(']);
    let prefixed = groups.iter().any(|g| g.text.starts_with('0'));
    let round = groups.iter().all(|g| g.text.ends_with('0'));
    spaced && plain && !prefixed && (groups.len() == 2 && groups.iter().all(|g| g.text.len() <= 4) || round)
}

fn is_phone_group(token: &Token<'_>) -> bool {
    !token.taken && is_number(token.text) && (2..=6).contains(&token.text.len())
}

/// Whether the last of these groups belongs to the number that the others begin. A sign, a parenthesis or a trunk
/// prefix after one small number begins a number of its own: `10 (0761) 270`, `10 +49 761`.
fn continues_a_number(text: &str, groups: &[Token<'_>]) -> bool {
    let [.., before, last] = groups else { return true };
    let gap = &text[before.range.end..last.range.start];
    let begins = gap.starts_with(' ') && (gap.contains(['(', '+']) || last.text.starts_with('0'));
    let alone = groups.len() == 2 && before.text.len() <= 3 && !before.text.starts_with('0');
    let signed = text[..before.range.start].ends_with(['+', '(']);
    gap.chars().all(|c| matches!(c, ' ' | '-' | '/' | '(' | ')' | '+')) && !(begins && alone && !signed)
}

/// A number and the word of a street: `12 Long Road`, `Langestraße 12`.
pub(super) fn is_address(tokens: &[Token<'_>]) -> bool {
    const STREETS: [&str; 14] = [
        "street",
        "road",
        "avenue",
        "crescent",
        "lane",
        "boulevard",
        "terrace",
        "rue",
        "calle",
        "piazza",
        "platz",
        "gasse",
        "allee",
        "ulica",
    ];
    let is_street = |t: &Token<'_>| {
        STREETS.contains(&&*t.folded)
            || ["strasse", "straat", "gatan", "gasse", "allee", "platz"].iter().any(|s| t.folded.ends_with(s))
    };
    tokens.iter().any(|t| is_number(t.text)) && tokens.iter().any(is_street)
}

/// A title and the name after it: `Dr. Hand`.
pub(super) fn drop_titled(text: &str, tokens: &mut [Token<'_>]) {
    for i in 1..tokens.len() {
        let title = &tokens[i - 1];
        let dot = text[title.range.end..].starts_with('.');
        let is_title = match &*title.folded {
            "dr" => dot || title.text == "Dr",
            "mr" | "ms" => dot,
            "prof" | "professor" | "mrs" | "doctor" | "herr" | "frau" | "madame" | "monsieur" => true,
            _ => false,
        };
        if is_title {
            tokens[i - 1..=i].iter_mut().for_each(|t| t.dropped = true);
        }
    }
}

/// Ages over 89 (45 CFR 164.514).
pub(super) fn drop_ages(tokens: &mut [Token<'_>]) {
    for i in 0..tokens.len() {
        let text = &*tokens[i].folded;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let Ok(number) = text[..digits].parse::<u32>() else { continue };
        let unit =
            if digits == text.len() { tokens.get(i + 1).map_or("", |t| &*t.folded) } else { &text[digits..] };
        let years = matches!(unit, "y" | "yo" | "yr" | "yrs" | "year" | "years" | "jahre" | "ans" | "anos");
        if (90..=130).contains(&number) && years {
            tokens[i].dropped = true;
        }
    }
}
