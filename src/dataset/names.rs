//! Names of files from a pattern such as `{subject}_{series}_{description}`; none of its fields is a UID.

use std::collections::HashMap;

use crate::model::{Tag, tags};

/// What a pattern may hold, and the attribute that fills it.
const FIELDS: [(&str, Tag); 9] = [
    ("subject", tags::PATIENT_ID),
    ("study_date", tags::STUDY_DATE),
    ("study", tags::STUDY_DESCRIPTION),
    ("series", tags::SERIES_NUMBER),
    ("description", tags::SERIES_DESCRIPTION),
    ("protocol", tags::PROTOCOL_NAME),
    ("modality", tags::MODALITY),
    ("body_part", tags::BODY_PART_EXAMINED),
    ("echo", tags::ECHO_NUMBERS),
];
/// Characters that one field adds at most, and a name holds.
const LONGEST_FIELD: usize = 64;
const LONGEST_NAME: usize = 180;

/// A pattern for names of files: text with fields in braces. No field is a UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Tag),
    Number,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A field that does not exist, a brace that is not closed, or text that no name may hold; in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            let (field, left) =
                after[1..].split_once('}').ok_or("a brace of the pattern is not closed".to_string())?;
            push_text(&mut parts, before)?;
            parts.push(match FIELDS.iter().find(|(name, _)| *name == field) {
                Some((_, tag)) => Part::Field(*tag),
                None if field == "number" => Part::Number,
                None => {
                    let known: Vec<&str> = FIELDS.iter().map(|f| f.0).chain(["number"]).collect();
                    return Err(format!("no field is called {field:?}; there are {}", known.join(", ")));
                }
            });
            rest = left;
        }
        push_text(&mut parts, rest)?;
        if !parts.iter().any(|p| matches!(p, Part::Field(_) | Part::Number)) {
            return Err("the pattern names every volume alike; give it a field such as {series}".into());
        }
        Ok(Self(parts))
    }

    /// The name that it gives, from what the header says. Nothing in it leaves the folder or looks like a UID.
    pub fn filled(&self, number: usize, text: impl Fn(Tag) -> Option<String>) -> String {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Number => name.push_str(&format!("{number:03}")),
                Part::Field(tag) => name.push_str(&safe(&text(*tag).unwrap_or_default())),
            }
        }
        let name: String = name.chars().take(LONGEST_NAME).collect();
        // A field that the header leaves empty leaves no separator at the end.
        let name = name.trim_start_matches('.').trim_end_matches(['.', '_', '-', ' ']);
        if name.is_empty() { format!("{number:03}") } else { name.to_string() }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_alphanumeric() || "-_.+= ".contains(c);
    if text.chars().all(allowed) && !text.starts_with('.') {
        if !text.is_empty() {
            parts.push(Part::Text(text.to_string()));
        }
        return Ok(());
    }
    Err("a name holds letters, digits, blanks and - _ . + = only, and does not begin with a dot".into())
}

/// A value as part of a name: what is no letter, digit, plus, equals sign or hyphen becomes one underscore; what has the
/// form of a UID goes.
fn safe(value: &str) -> String {
    let is_uid =
        |word: &str| word.matches('.').count() >= 3 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let words = value.split(char::is_whitespace).filter(|w| !is_uid(w));
    let mut out = String::new();
    for c in words.collect::<Vec<_>>().join(" ").chars().take(LONGEST_FIELD) {
        if c.is_alphanumeric() || "-+=".contains(c) {
            out.push(c);
        } else if !out.ends_with('_') && !out.is_empty() {
            out.push('_');
        }
    }
    out.trim_end_matches('_').to_string()
}

/// Names that were given: the second of a name gets a number.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, usize>);

impl Names {
    /// The name, or the name with the first number that makes it new; names that differ in case alone are the same.
    pub fn unique(&mut self, name: String) -> String {
        let mut candidate = name.clone();
        loop {
            let known = self.0.entry(candidate.to_lowercase()).or_insert(0);
            *known += 1;
            if *known == 1 {
                return candidate;
            }
            let next = self.0.entry(name.to_lowercase()).or_insert(0);
            candidate = format!("{name}-{next}");
            *next += 1;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_no_path_and_no_uid() {
        let pattern = Pattern::parse("{subject}_{series}_{description}").unwrap();
        let text = |tag| match tag {
            tags::PATIENT_ID => Some("../a/b".to_string()),
            tags::SERIES_NUMBER => Some("3".to_string()),
            _ => Some("T1 1.2.840.113619.2 axial".to_string()),
        };
        assert_eq!(pattern.filled(1, text), "a_b_3_T1_axial");
        assert_eq!(pattern.filled(1, |_| None), "001");
        let two = |tag| (tag != tags::SERIES_DESCRIPTION).then(|| "7".to_string());
        assert_eq!(pattern.filled(1, two), "7_7");
        for bad in ["{uid}", "{series", "a/b{series}", "plain", "../{series}"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_second_of_a_name_gets_a_number() {
        let mut names = Names::default();
        let given: Vec<String> = ["a", "A", "a", "b"].iter().map(|n| names.unique((*n).into())).collect();
        assert_eq!(
            given.len(),
            given.iter().map(|n| n.to_lowercase()).collect::<std::collections::HashSet<_>>().len()
        );
        assert_eq!((&*given[0], &*given[3]), ("a", "b"));
    }
}
