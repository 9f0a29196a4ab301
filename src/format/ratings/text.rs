//! Texts of a table: what is a name, a category, a time, and what could be somebody's.

/// What says "looked, and found nothing".
const NOTHING: [&str; 8] =
    ["none", "nothing", "nothing there", "absent", "no finding", "no_finding", "not found", "not_found"];
/// What says in a column `state` that something was found.
const FOUND: [&str; 5] = ["found", "present", "done", "labelled", "labeled"];
/// Parts of the names of columns that are no ratings but tell who somebody is.
const IDENTIFYING: [&str; 20] = [
    "patient",
    "mrn",
    "accession",
    "birth",
    "dob",
    "ssn",
    "phone",
    "zip",
    "postal",
    "address",
    "surname",
    "email",
    "insurance",
    "uid",
    "subject",
    "identifier",
    "medical_record",
    "hospital",
    "fullname",
    "name",
];
/// The same, as whole words.
const IDENTIFYING_WORDS: [&str; 9] = ["id", "number", "no", "nr", "age", "sex", "date", "key", "index"];
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 40;

/// A name in lower case, with one `_` between words.
pub fn plain(name: &str) -> String {
    let words = name.trim().to_lowercase();
    words.split([' ', '-', '_', '.']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("_")
}

/// Whether the name of a column says that it identifies somebody.
pub fn identifies(name: &str) -> bool {
    let name = plain(name);
    IDENTIFYING.iter().any(|part| name.contains(part))
        || name.split('_').any(|word| IDENTIFYING_WORDS.contains(&word))
}

/// Whether a text can be a UID: digits and dots, at most 64 characters (PS3.5, 9.1).
pub fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.contains('.')
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

pub(super) fn is_found(text: &str) -> bool {
    FOUND.contains(&&*text.trim().to_lowercase())
}

pub(super) fn is_nothing(text: &str) -> bool {
    NOTHING.contains(&&*text.trim().to_lowercase())
}

/// A short name of a reader, structure, guideline or rating.
pub(super) fn named(text: &str) -> Result<String, String> {
    let text = text.trim();
    let odd = |c: char| crate::model::text::is_control(c) || matches!(c, '^' | '@' | '"' | '<' | '>' | '\\');
    if text.chars().count() > LONGEST_NAME {
        Err(format!("longer than {LONGEST_NAME} characters"))
    } else if text.contains(odd) {
        Err("a character that no such name has".into())
    } else if longest_digits(text) >= 6 {
        Err("a number of six digits or more in a name".into())
    } else {
        Ok(text.to_owned())
    }
}

/// A category of a rating: a few words.
pub(super) fn category(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_TEXT || text.split_whitespace().count() > 5 {
        return Err("free text: a rating is a number or a few words".into());
    }
    if longest_digits(text) >= 5 {
        return Err("a number of five digits or more within text".into());
    }
    named(text)
}

fn longest_digits(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}
