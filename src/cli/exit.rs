//! Exit statuses, in one place.

use std::process::ExitCode;

/// How a command ended, as the process's exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Done, and there is something to look at: findings, a threshold, a difference.
    Findings = 1,
    /// The command line was wrong.
    Usage = 2,
    /// The workspace or its configuration.
    Workspace = 3,
    /// Input that cannot be read or is refused.
    Input = 4,
    /// Not permitted.
    Permission = 5,
    /// Storage or network.
    Storage = 6,
    /// A defect of Gantry.
    Defect = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed: one line for people, a stable code for scripts. Never holds PHI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit status.
    pub exit: Exit,
    /// Stable identifier for scripts, in snake_case.
    pub code: &'static str,
    /// What happened, and to which file or object.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// More for scripts: fields of the error object.
    pub details: serde_json::Map<String, serde_json::Value>,
}

impl Failure {
    /// A failure with no hint.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: None, details: serde_json::Map::new() }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a field for scripts.
    #[must_use]
    pub fn detail(mut self, name: &str, value: serde_json::Value) -> Self {
        self.details.insert(name.to_owned(), value);
        self
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Input that cannot be read or is refused.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Exit::Input, "input", message)
    }
}
