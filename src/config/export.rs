//! Programs of the site that write what a series becomes in a dataset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Seconds that a program may ask for at most: a day.
const MOST_SECONDS: u64 = 24 * 3_600;

/// Programs of the site that write datasets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Export {
    /// By name: `--format command:NAME`.
    #[serde(rename = "command")]
    pub commands: BTreeMap<String, ExportCommand>,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportCommand {
    /// The program, by its whole path, and its arguments; `{input}` and `{output}` stand for folders.
    pub run: Vec<String>,
    /// How long it may take for one stack.
    #[serde(default = "ten_minutes")]
    pub timeout_seconds: u64,
}

const fn ten_minutes() -> u64 {
    600
}

impl Export {
    /// Keys that are wrong, and why.
    pub(super) fn invalid_values(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (name, command) in &self.commands {
            let mut say =
                |key: &str, why: &str| wrong.push((format!("export.command.{name}{key}"), why.into()));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
                say("", "a name has letters, digits, - and _");
            }
            if !command.run.first().is_some_and(|program| program.starts_with('/')) {
                say(".run", "the program is named by its whole path");
            }
            if command.timeout_seconds == 0 || command.timeout_seconds > MOST_SECONDS {
                say(".timeout_seconds", "between 1 second and a day");
            }
        }
        wrong
    }
}
