//! `gantry init` and `gantry doctor`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::connect::workspace;
use super::{Exit, Failure, Global, Output, network};
use crate::config::Workspace;
use crate::engine::query::{
    CheckClock, Depth, IntakeGroups, ParkedJobs, ProfileState, Sources, Status, Verify,
};
use crate::engine::{Client, Unwritable};
use crate::model::words::plural;
use crate::pipeline::examine_bucket;

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
             gantry --workspace {root}  # the console\n\nKeep a copy of {root}/secret: every pseudonym is made from it.",
            workspace.config_file().display()
        )
    });
    Ok(Exit::Done)
}

/// One thing that the doctor looked at.
#[derive(Debug, Serialize)]
pub(super) struct Examined {
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
    let mut exit = Exit::Findings;
    match workspace(global) {
        Ok(workspace) => all.extend(of_workspace(&workspace)),
        Err(failure) => {
            exit = failure.exit;
            all.push(examined("workspace", false, failure.message, failure.hint));
        }
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
    Ok(if healthy { Exit::Done } else { exit })
}

pub(super) fn examined(
    what: &'static str,
    ok: bool,
    found: impl Into<String>,
    advice: Option<String>,
) -> Examined {
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
    let mistakes = super::config::mistakes(&workspace.config_file());
    let mut all = vec![match workspace.config() {
        Ok(config) if mistakes.is_empty() => {
            examined("config", true, format!("valid, inboxes: {}", config.inboxes.len()), None)
        }
        _ => {
            let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
            let found = format!("{}, the first: {first}", plural(mistakes.len() as u64, "mistake"));
            examined("config", false, found, Some("`gantry config check` names all of them".into()))
        }
    }];
    all.push(match workspace.secret() {
        Ok(_) => examined("secret", true, "there, readable by its owner alone", None),
        Err(error) => examined("secret", false, error.to_string(), None),
    });
    let free = rustix::fs::statvfs(workspace.root()).map_or(0, |s| s.f_bavail * s.f_frsize);
    let advice = (free < 5 << 30).then(|| "free some space: intake stops when the disk is full".to_string());
    all.push(examined("disk", advice.is_none(), format!("{} MiB free", free >> 20), advice));
    all.push(privacy(workspace));
    for inbox in workspace.config().map(|c| c.inboxes).unwrap_or_default() {
        let path = inbox.place(workspace.root());
        let why = if inbox.bucket().is_some() {
            examine_bucket(&inbox).err().map(|error| error.to_string())
        } else {
            std::fs::read_dir(&path).is_err().then(|| "the folder is not there or cannot be read".into())
        };
        let found = format!("{} at {}", inbox.name, path.display());
        all.push(examined("inbox", why.is_none(), found, why));
    }
    all.extend(database(workspace));
    all.extend(network::examine(workspace));
    all
}

/// Who may read what only the owner should.
fn privacy(workspace: &Workspace) -> Examined {
    let open = workspace.open_to_others();
    if open.is_empty() {
        return examined("privacy", true, "store, logs, catalog and landing are closed to others", None);
    }
    let names: Vec<_> =
        open.iter().map(|(path, _)| path.file_name().unwrap_or_default().to_string_lossy()).collect();
    let advice: Vec<String> =
        open.iter().map(|(path, mode)| format!("chmod {mode:o} {}", path.display())).collect();
    let found = format!("others can read {}", names.join(", "));
    examined("privacy", false, found, Some(advice.join("; ")))
}

/// The database is read as the owner of the workspace would, unless somebody else owns it just now; then what it tells of
/// inboxes, files and jobs.
fn database(workspace: &Workspace) -> Vec<Examined> {
    let connection = match super::connect::connect_to(workspace.clone()) {
        Ok(connection) => connection,
        Err(failure) => return vec![examined("database", false, failure.message, failure.hint)],
    };
    let owner = match &connection.engine {
        Some(engine) if engine.is_full() => "there is no room on the disk, so it is open for reading only",
        Some(engine) if engine.unwritable() == Some(Unwritable::Unsigned) => {
            let found = "trail.key is none or others can read it: open for reading only";
            let hint = "chmod 600 it, or restore it from a backup";
            return vec![examined("database", false, found, Some(hint.to_owned()))];
        }
        Some(engine) if engine.is_read_only() => "open for reading only",
        Some(_) => "nobody runs it",
        None => "another process runs it",
    };
    let client = &*connection.client;
    let status = match client.ask(Status {}) {
        Ok(status) => status,
        Err(error) => return vec![examined("database", false, error.to_string(), None)],
    };
    let mut all = vec![examined("database", true, format!("answers; {owner}"), None)];
    all.extend(waiting(status.series_waiting, connection.engine.is_none()));
    if connection.engine.is_none() {
        let sources = client.ask(Sources {}).unwrap_or_default();
        let troubled = sources.into_iter().filter_map(|s| Some((s.problem?, s.name, s.events)));
        // Without events the rescan finds files all the same.
        all.extend(
            troubled.map(|(problem, name, _)| examined("inbox", false, format!("{name}: {problem}"), None)),
        );
    }
    all.extend(unreadable(client));
    all.extend(jobs(client));
    all.extend(integrity(client));
    all.extend(profile(client));
    all.extend(clock(client));
    all
}

/// Files that could not be read where they lie.
fn unreadable(client: &dyn Client) -> Option<Examined> {
    let filter = "status:rejected reason:unreadable,archive_unreadable".to_string();
    let groups = client.ask(IntakeGroups { filter }).ok()?;
    let count: u64 = groups.iter().map(|group| group.count).sum();
    let advice =
        "`gantry intake list --files reason:unreadable` lists them; `gantry intake retry` looks again";
    (count > 0).then(|| {
        examined("files", false, format!("{} could not be read", plural(count, "file")), Some(advice.into()))
    })
}

/// Series that are stored and not yet assembled and checked: work in hand where somebody runs the workspace.
fn waiting(series: u64, somebody_runs_it: bool) -> Option<Examined> {
    if series == 0 {
        return None;
    }
    if somebody_runs_it {
        return Some(examined("series", true, format!("{series} are being assembled and checked"), None));
    }
    let wait = if series == 1 { "1 waits".into() } else { format!("{series} wait") };
    let advice = "`gantry run --once` goes on, as does the next `gantry ingest`".to_string();
    Some(examined("series", false, format!("{wait} to be assembled and checked"), Some(advice)))
}

fn jobs(client: &dyn Client) -> Option<Examined> {
    let parked = client.ask(ParkedJobs {}).ok()?;
    let last = parked.first()?;
    let jobs = plural(parked.len() as u64, "job");
    let found = format!("{jobs} failed three times, the last: {}: {}", last.stage, last.reason);
    Some(examined(
        "jobs",
        false,
        found,
        Some("look at the reason; `gantry run --once --retry` tries them again".into()),
    ))
}

/// Whether what is stored stands under the profile in force.
fn profile(client: &dyn Client) -> Option<Examined> {
    let state = client.ask(ProfileState::default()).ok()?;
    let advice =
        "`gantry deid reprocess` brings them under it, from their sources where these are still there";
    Some(match state.under_another {
        0 => examined("profile", true, format!("everything stands under {}", state.profile), None),
        n => {
            let stand = if n == 1 { "stands" } else { "stand" };
            let found =
                format!("{} {stand} under another profile than {}", plural(n, "instance"), state.profile);
            examined("profile", false, found, Some(advice.into()))
        }
    })
}

/// Whether time has run backwards since the workspace was made.
fn clock(client: &dyn Client) -> Option<Examined> {
    let seen = client.ask(CheckClock {}).ok()?;
    if seen.behind_ms > CLOCK_MS {
        let found = format!("behind: the last act in the trail is {} in the future", span(seen.behind_ms));
        let advice = "set the clock (NTP); until then deadlines, claims and durations are wrong".to_string();
        return Some(examined("clock", false, found, Some(advice)));
    }
    if seen.steps_back > 0 {
        let found =
            format!("was set back {} times, by up to {}", seen.steps_back, span(seen.largest_step_ms));
        // It cannot be undone: it is said, and nobody is sent to mend it.
        let found = format!("{found}; durations that would be negative are left out of every figure");
        return Some(examined("clock", true, found, None));
    }
    Some(examined("clock", true, "agrees with the trail", None))
}

fn span(ms: i64) -> String {
    match ms / 1000 {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

/// Names, sizes, rows and the trail, without reading a blob.
fn integrity(client: &dyn Client) -> Option<Examined> {
    let verified = client.ask(Verify { depth: Depth::Quick, checkpoint: None }).ok()?;
    let found = match verified.damage.first() {
        None => {
            format!("{} instances, {} trail entries are whole", verified.instances, verified.trail_entries)
        }
        Some(first) => {
            let damages = plural(verified.damaged, "damage");
            format!("{damages}, the first: {}: {}", first.kind.words(), first.detail)
        }
    };
    let advice = "`gantry verify` lists them, `gantry verify --repair` mends what it can".to_string();
    Some(examined("integrity", verified.damaged == 0, found, (verified.damaged > 0).then_some(advice)))
}
