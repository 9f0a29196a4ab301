//! Harmonisation rules and protocols as files, without a workspace.

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::harmonise::{RuleError, Rules, TARGETS};
use crate::model::words::io_words;
use crate::qc::protocol::Protocol;

/// Rules that were read and found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// How many there are.
    pub rules: usize,
    /// Their versions and digest.
    pub identity: String,
}

/// Why rules or a protocol cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file.
    #[error("a file cannot be read: {}", io_words(*.0))]
    Unreadable(io::ErrorKind),
    /// Its content.
    #[error("{0}")]
    Rules(String),
}

impl From<io::Error> for CheckError {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.kind())
    }
}

impl From<RuleError> for CheckError {
    fn from(error: RuleError) -> Self {
        Self::Rules(error.to_string())
    }
}

fn read(files: &[PathBuf]) -> io::Result<Vec<String>> {
    files.iter().map(std::fs::read_to_string).collect()
}

/// Reads rules.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(files: &[PathBuf]) -> Result<Checked, CheckError> {
    let texts = read(files)?;
    let rules = Rules::parse(texts.iter().map(String::as_str))?;
    Ok(Checked { rules: rules.len(), identity: rules.identity() })
}

/// Reads protocols.
///
/// # Errors
/// The first thing that is wrong.
pub fn protocols(files: &[PathBuf]) -> Result<Vec<Protocol>, CheckError> {
    let parsed = read(files)?.iter().map(|text| Protocol::parse(text)).collect::<Result<_, _>>();
    parsed.map_err(CheckError::Rules)
}

/// A harmonised attribute and what it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vocabulary {
    /// Its name.
    pub name: &'static str,
    /// It is a number.
    pub number: bool,
    /// Its words; empty where any will do.
    pub values: Vec<&'static str>,
    /// Attributes that it is derived from.
    pub sources: Vec<&'static str>,
}

/// Every harmonised attribute.
pub fn vocabulary() -> Vec<Vocabulary> {
    let of = |t: &crate::harmonise::Target| Vocabulary {
        name: t.name,
        number: t.is_number,
        values: t.words.to_vec(),
        sources: t.sources.to_vec(),
    };
    TARGETS.iter().map(of).collect()
}
