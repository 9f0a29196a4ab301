//! Errors of the configuration that name file, line, column and key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1, where known.
    pub at: Option<(usize, usize)>,
    /// The key, such as `inbox[0].site`, where known.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        match &self.key {
            Some(key) => write!(f, ": {key}: {}", self.message),
            None => write!(f, ": {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self { path: path.into(), at: None, key: None, message: format!("cannot be read: {}", error.kind()) }
    }

    /// What the TOML reader says.
    pub(super) fn syntax(error: &toml::de::Error, text: &str, path: &Path) -> Self {
        let start = error.span().map(|s| s.start);
        let message = error.message().lines().collect::<Vec<_>>().join(" ");
        let key = start.and_then(|at| key_at(text, at));
        Self { path: path.into(), at: start.map(|at| position(text, at)), key, message }
    }

    /// A value that has the right type and is wrong all the same.
    pub(super) fn value(key: &str, message: String, text: &str, path: &Path) -> Self {
        let at = find_key(text, key).map(|at| position(text, at));
        Self { path: path.into(), at, key: Some(key.into()), message }
    }
}

/// Line and column, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    (line, before.len() - before.rfind('\n').map_or(0, |i| i + 1) + 1)
}

/// The key of the line at `at`, with the table that it stands in.
fn key_at(text: &str, at: usize) -> Option<String> {
    let start = text[..text.floor_char_boundary(at)].rfind('\n').map_or(0, |i| i + 1);
    let line = text[start..].lines().next()?;
    let table = text[..start].lines().rev().map(str::trim).find(|l| l.starts_with('['));
    let table = table.map(|t| t.trim_matches(['[', ']']).trim());
    let key = line.split('=').next()?.trim();
    let is_key = !key.is_empty() && !key.starts_with(['#', '[']);
    match (table, is_key) {
        (Some(table), true) => Some(format!("{table}.{key}")),
        (None, true) => Some(key.into()),
        (_, false) => None,
    }
}

/// Where `table.key` or `table[i].key` stands; where the key is left to its default, where its table stands.
fn find_key(text: &str, path: &str) -> Option<usize> {
    let (table, key) = path.rsplit_once('.')?;
    let (table, index) = match table.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse().ok()?),
        None => (table, 0usize),
    };
    let mut offset = 0;
    let (mut seen, mut found) = (None, None);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            let here = trimmed.trim_matches(['[', ']']).trim() == table;
            match (here, seen) {
                (true, None) => (seen, found) = (Some(0), (index == 0).then_some(offset)),
                (true, Some(n)) => {
                    seen = Some(n + 1);
                    found = found.or((n + 1 == index).then_some(offset));
                }
                (false, _) => {}
            }
        } else if seen == Some(index) && trimmed.split('=').next().is_some_and(|k| k.trim() == key) {
            return Some(offset + line.len() - line.trim_start().len());
        }
        offset += line.len();
    }
    found
}
