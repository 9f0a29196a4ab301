//! What a check says about a series or a label.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// A person should look.
    Warning,
    /// The series should not be used as it is.
    Error,
}

/// One finding. Never holds PHI: positions, counts and UIDs only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check that raised it, in snake_case.
    pub check: Cow<'static, str>,
    /// Version of that check.
    pub version: u32,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for people.
    pub message: String,
    /// What it rests on, for programs.
    pub evidence: Value,
    /// The stack it concerns, counted from 0; `None` for the whole series.
    pub stack: Option<u32>,
}

impl Finding {
    /// A finding about a whole series, of version 1 of a check.
    pub fn new(check: &'static str, severity: Severity, message: impl Into<String>, evidence: Value) -> Self {
        Self { check: check.into(), version: 1, severity, message: message.into(), evidence, stack: None }
    }

    /// The same about one stack.
    #[must_use]
    pub fn of_stack(mut self, stack: usize) -> Self {
        self.stack = Some(stack as u32);
        self
    }
}
