//! Errors of the configuration that name file, line, column and key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::place;
use crate::model::words::io_words;

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
    /// A file that cannot be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self {
            path: path.into(),
            at: None,
            key: None,
            message: format!("cannot be read: {}", io_words(error.kind())),
        }
    }

    /// A value that has the right type and is wrong all the same.
    pub fn value(key: &str, message: String, text: &str, path: &Path) -> Self {
        let at = place::of_key(text, key).map(|at| Self::position(text, at));
        Self { path: path.into(), at, key: Some(key.into()), message }
    }

    /// Line and column, from 1.
    pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
        let before = &text[..text.floor_char_boundary(at.min(text.len()))];
        let line = before.matches('\n').count() + 1;
        (line, before.len() - before.rfind('\n').map_or(0, |i| i + 1) + 1)
    }
}
