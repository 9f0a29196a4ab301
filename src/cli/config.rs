//! `gantry config`.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::workspace;
use super::{Exit, Failure, Global, Output};
use crate::config::{Config, ConfigError, Edit, effective};
use crate::console;
use crate::engine::tools::config as check;

/// Arguments of `gantry config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry config show\n  gantry config check\n  gantry config set review.sample findings\n\nExit codes: 0 valid; 3 invalid, with file, line and key"
)]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Every value in force and where it comes from
    Show,
    /// Whether the configuration is valid
    Check,
    /// Set one value; comments and order of the file stay
    Set {
        /// Such as review.share
        key: String,
        /// As TOML has it; a bare word is taken as text
        value: String,
    },
}

/// Shows, checks or changes the configuration.
///
/// # Errors
/// It is invalid.
pub fn config(args: &ConfigArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let path = match &global.config {
        Some(path) => path.clone(),
        None => workspace(global)?.config_file(),
    };
    match &args.what {
        ConfigCommand::Show => {
            let config = Config::load(&path)?;
            let values = effective(&config, &std::fs::read_to_string(&path).unwrap_or_default());
            let width = values.iter().map(|v| v.key.len()).max().unwrap_or(0);
            out.result(&values, |values| {
                values.iter().map(|v| format!("{:width$} = {}  ({})\n", v.key, v.value, v.from)).collect()
            });
            Ok(Exit::Done)
        }
        ConfigCommand::Check => Ok(examine(&path, out)),
        ConfigCommand::Set { key, value } => set(&path, key, value, out),
    }
}

/// Every mistake of a configuration file, what the console makes of it included.
pub fn mistakes(path: &Path) -> Vec<ConfigError> {
    check::check(path, console::invalid_values)
}

/// Says every mistake.
fn examine(path: &Path, out: &Output) -> Exit {
    let mistakes = mistakes(path);
    if mistakes.is_empty() {
        out.result(&json!({ "valid": true, "mistakes": [] }), |_| format!("{} is valid", path.display()));
        return Exit::Done;
    }
    let count = mistakes.len();
    let message = format!("{} has {count} mistake{}", path.display(), if count == 1 { "" } else { "s" });
    let listed: Vec<_> = mistakes.iter().map(as_json).collect();
    let error = json!({ "code": "configuration", "message": message, "hint": null });
    out.result(&json!({ "valid": false, "mistakes": listed, "error": error }), |_| {
        mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
    });
    out.say(&message);
    Exit::Workspace
}

fn as_json(mistake: &ConfigError) -> serde_json::Value {
    json!({
        "file": mistake.path.to_string_lossy(), "line": mistake.at.map(|at| at.0),
        "column": mistake.at.map(|at| at.1), "key": mistake.key, "message": mistake.message,
    })
}

/// Sets one value, where it is right and nothing else keeps the file from being read.
fn set(path: &Path, key: &str, value: &str, out: &Output) -> Result<Exit, Failure> {
    let mut edit = Edit::open(path)?;
    edit.set(key, value);
    let is_of_key = |mistake: &ConfigError| {
        mistake.key.as_deref().is_some_and(|found| found == key || found.starts_with(&format!("{key}[")))
    };
    let mistakes = check::check_text(&edit.text(), path, console::invalid_values);
    if let Some(mistake) = mistakes.into_iter().find(is_of_key) {
        return Err(mistake.into());
    }
    edit.save()?;
    out.result(&json!({ "key": key, "value": value }), |_| format!("{key} = {value}"));
    Ok(Exit::Done)
}
