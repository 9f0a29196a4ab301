//! Every mistake of a configuration at once: what the reader refuses is noted and taken out of the text, until it reads
//! the rest.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::{Config, ConfigError, place, words};
use crate::workflow::Plan;

/// Mistakes that are looked for at most.
const MOST: usize = 100;

/// Text with what was taken out and put in, so that places are still those of the file.
struct Patched {
    text: String,
    /// Where something was put in, in the patched text, and how long it is.
    inserted: Vec<(usize, usize)>,
}

impl Patched {
    /// Where a place of the patched text stands in the file.
    fn in_file(&self, at: usize) -> usize {
        let mut place = at;
        for &(from, length) in self.inserted.iter().rev() {
            if place >= from {
                place = place.saturating_sub(length).max(from.min(place));
            }
        }
        place
    }

    /// Puts blanks where `range` is; lines stay.
    fn blank(&mut self, range: std::ops::Range<usize>) {
        let blanks: String =
            self.text[range.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
        self.text.replace_range(range, &blanks);
    }

    fn insert(&mut self, at: usize, line: &str) {
        self.text.insert_str(at, line);
        self.inserted.push((at, line.len()));
    }
}

/// What is read from a file of ours, and knows which of its values are wrong though they are of the right type.
pub(super) trait FromFile: DeserializeOwned {
    /// Keys, and why.
    fn wrong_values(&self) -> Vec<(String, String)>;
}

impl FromFile for Config {
    fn wrong_values(&self) -> Vec<(String, String)> {
        self.invalid_values()
    }
}

impl FromFile for Plan {
    fn wrong_values(&self) -> Vec<(String, String)> {
        self.mistakes().into_iter().map(|mistake| (mistake.key, mistake.why)).collect()
    }
}

/// Reads a file as far as it can be read, and says everything that is wrong with it, in the order of the file.
pub(super) fn read<T: FromFile>(text: &str, path: &Path) -> (Option<T>, Vec<ConfigError>) {
    let mut patched = Patched { text: text.into(), inserted: Vec::new() };
    let mut mistakes = Vec::new();
    let config = loop {
        match toml::from_str::<T>(&patched.text) {
            Ok(config) => break Some(config),
            Err(error) => {
                let (mistake, mended) = one(&error, &mut patched, text, path);
                mistakes.push(mistake);
                if !mended || mistakes.len() >= MOST {
                    break None;
                }
            }
        }
    };
    // A table in which a key is missing was given an empty one: that is said already.
    let missing: Vec<String> = mistakes.iter().filter_map(|m| m.key.clone()).collect();
    for (key, why) in config.iter().flat_map(T::wrong_values) {
        if !missing.contains(&key) {
            mistakes.push(ConfigError::value(&key, why, text, path));
        }
    }
    mistakes.sort_by_key(|mistake| mistake.at);
    (config, mistakes)
}

/// One mistake that the reader has found; whether it could be taken out of the text.
fn one(error: &toml::de::Error, patched: &mut Patched, text: &str, path: &Path) -> (ConfigError, bool) {
    let start = error.span().map(|span| span.start);
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let entry = start.and_then(|at| place::around(&patched.text, at));
    let at = start.map(|at| ConfigError::position(text, patched.in_file(at)));
    let said =
        |key: Option<String>| ConfigError { path: path.into(), at, key, message: words::of_file(&message) };
    let Some(entry) = entry else { return (said(None), false) };
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) => {
            let key = format!("{}.{field}", entry.path);
            let line = format!("\n{field} = \"\"");
            if entry.is_table {
                patched.insert(entry.range.end, &line);
            } else {
                patched.blank(entry.range);
            }
            (said(Some(key)), true)
        }
        None if entry.is_table => {
            let end = table_end(&patched.text, entry.range.end);
            patched.blank(entry.range.start..end);
            (said(Some(entry.path)), true)
        }
        None => {
            patched.blank(entry.range);
            (said(Some(entry.path)), true)
        }
    }
}

/// Where the keys below a header end: at the next header, or at the end.
fn table_end(text: &str, from: usize) -> usize {
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        if at > from && line.trim_start().starts_with('[') {
            return at;
        }
        at += line.len();
    }
    at
}
