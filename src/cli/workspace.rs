//! `gantry init`, `gantry config`, `gantry doctor`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use super::connect::workspace;
use super::{Exit, Failure, Global, Output};
use crate::config::{Config, Edit, Workspace, effective};
use crate::engine::tools::rules;

/// The clock may be behind the trail by so much, as clocks are that a network corrects.
const CLOCK_MS: i64 = 60_000;

/// Arguments of `gantry init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry init lung-2026\n\nExit codes: 0 made; 3 it is a workspace already, or cannot be written"
)]
pub struct Init {
    /// The folder; made where it does not exist
    dir: PathBuf,
}

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

/// Makes a workspace.
///
/// # Errors
/// It is one already, or the folder cannot be written.
pub fn init(args: &Init, out: &Output) -> Result<Exit, Failure> {
    let workspace = Workspace::init(&args.dir)?;
    let root = workspace.root().to_string_lossy().into_owned();
    out.result(&json!({ "workspace": root, "config": workspace.config_file().to_string_lossy() }), |_| {
        format!(
            "made the workspace {root}\n\nNext:\n  add a watched folder to {}\n  gantry --workspace {root} ingest FOLDER\n  \
             gantry --workspace {root}          (the console)\n\nKeep a copy of {root}/secret: every pseudonym is made from it.",
            workspace.config_file().display()
        )
    });
    Ok(Exit::Done)
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
        }
        ConfigCommand::Check => {
            let config = Config::load(&path)?;
            rules::check_config(path.parent().unwrap_or(Path::new(".")), &config)
                .map_err(|e| Failure::new(Exit::Workspace, "configuration", e.to_string()))?;
            out.result(&json!({ "valid": true }), |_| format!("{} is valid", path.display()));
        }
        ConfigCommand::Set { key, value } => {
            let mut edit = Edit::open(&path)?;
            edit.set(key, value);
            edit.save()?;
            out.result(&json!({ "key": key, "value": value }), |_| format!("{key} = {value}"));
        }
    }
    Ok(Exit::Done)
}

/// One thing that the doctor looked at.
#[derive(Debug, Serialize)]
struct Examined {
    what: &'static str,
    ok: bool,
    found: String,
    advice: Option<String>,
}

/// Examines terminal, disk, watch limits, database and peers.
///
/// # Errors
/// None: what is wrong is a finding.
pub fn doctor(global: &Global, out: &Output) -> Result<Exit, Failure> {
    let mut all = vec![terminal(), watches()];
    match workspace(global) {
        Ok(workspace) => all.extend(of_workspace(&workspace)),
        Err(failure) => all.push(examined("workspace", false, failure.message, failure.hint)),
    }
    let healthy = all.iter().all(|e| e.ok);
    out.result(&json!({ "healthy": healthy, "examined": all }), |_| {
        all.iter()
            .map(|e| {
                let mark = if e.ok { "ok  " } else { "▲   " };
                let advice = e.advice.as_ref().map(|a| format!("\n      {a}")).unwrap_or_default();
                format!("{mark}{:<11} {}{advice}\n", e.what, e.found)
            })
            .collect()
    });
    Ok(if healthy { Exit::Done } else { Exit::Findings })
}

fn examined(what: &'static str, ok: bool, found: impl Into<String>, advice: Option<String>) -> Examined {
    Examined { what, ok, found: found.into(), advice }
}

fn terminal() -> Examined {
    let term = std::env::var("TERM").unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        return examined("terminal", true, "output is not a terminal", None);
    }
    let colours = std::env::var("COLORTERM").is_ok_and(|c| c.contains("truecolor") || c.contains("24bit"));
    let colours = if colours { "true colour" } else { "palette colours" };
    let inside =
        if std::env::var_os("TMUX").is_some() { ", inside tmux (pictures as half-blocks)" } else { "" };
    let ok = !term.is_empty() && term != "dumb";
    examined(
        "terminal",
        ok,
        format!("{term}, {colours}{inside}"),
        (!ok).then(|| "set TERM to what the terminal is".into()),
    )
}

fn watches() -> Examined {
    let limit: Option<u64> = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches")
        .ok()
        .and_then(|t| t.trim().parse().ok());
    match limit {
        Some(limit) if limit < 65_536 => examined(
            "watches",
            false,
            format!("{limit} folders may be watched"),
            Some(
                "raise fs.inotify.max_user_watches for deep inboxes; until then the rescan finds the files"
                    .into(),
            ),
        ),
        Some(limit) => examined("watches", true, format!("{limit} folders may be watched"), None),
        None => examined("watches", true, "no limit known", None),
    }
}

fn of_workspace(workspace: &Workspace) -> Vec<Examined> {
    let mut all = vec![match workspace.config() {
        Ok(config) => examined("config", true, format!("valid, {} inboxes", config.inboxes.len()), None),
        Err(error) => examined("config", false, error.to_string(), None),
    }];
    all.push(match workspace.secret() {
        Ok(_) => examined("secret", true, "there, readable by its owner alone", None),
        Err(error) => examined("secret", false, error.to_string(), None),
    });
    let free = rustix::fs::statvfs(workspace.root()).map_or(0, |s| s.f_bavail * s.f_frsize);
    let advice = (free < 5 << 30).then(|| "free some space: intake stops when the disk is full".to_string());
    all.push(examined("disk", advice.is_none(), format!("{} MiB free", free >> 20), advice));
    all.push(landing(workspace));
    for inbox in workspace.config().map(|c| c.inboxes).unwrap_or_default() {
        let path = workspace.resolve(&inbox.path);
        let ok = std::fs::read_dir(&path).is_ok();
        let found = format!("{} at {}", inbox.name, path.display());
        all.push(examined(
            "inbox",
            ok,
            found,
            (!ok).then(|| "the folder is not there or cannot be read".into()),
        ));
    }
    all.extend(database(workspace));
    all
}

fn landing(workspace: &Workspace) -> Examined {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(workspace.landing()).map_or(0, |m| m.permissions().mode() & 0o777);
    let advice = (mode != 0o700).then(|| "chmod 700 the landing folder: it may hold PHI".to_string());
    examined("landing", mode == 0o700, format!("mode {mode:03o}"), advice)
}

/// The database is read as the owner of the workspace would, unless somebody else owns it just now; and what it knows of
/// the clock.
fn database(workspace: &Workspace) -> Vec<Examined> {
    let connection = match super::connect::connect_to(workspace.clone()) {
        Ok(connection) => connection,
        Err(failure) => return vec![examined("database", false, failure.message, failure.hint)],
    };
    let owner = if connection.engine.is_some() { "nobody runs it" } else { "another process runs it" };
    let mut all = vec![match connection.client.ask(crate::engine::query::Status {}) {
        Ok(_) => examined("database", true, format!("answers; {owner}"), None),
        Err(error) => examined("database", false, error.to_string(), None),
    }];
    all.extend(connection.client.ask(crate::engine::query::CheckClock {}).map(|seen| clock(&seen)));
    all
}

/// Whether time has run backwards since the workspace was made.
fn clock(seen: &crate::engine::query::ClockView) -> Examined {
    if seen.behind_ms > CLOCK_MS {
        let found = format!("behind: the last act in the trail is {} in the future", span(seen.behind_ms));
        let advice = "set the clock (NTP); until then deadlines, claims and durations are wrong".to_string();
        return examined("clock", false, found, Some(advice));
    }
    if seen.steps_back > 0 {
        let found =
            format!("was set back {} times, by up to {}", seen.steps_back, span(seen.largest_step_ms));
        // It cannot be undone: it is said, and nobody is sent to mend it.
        let found = format!("{found}; durations that would be negative are left out of every figure");
        return examined("clock", true, found, None);
    }
    examined("clock", true, "agrees with the trail", None)
}

fn span(ms: i64) -> String {
    match ms / 1000 {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}
