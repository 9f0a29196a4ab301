//! `gantry pull` and `gantry send`.

use clap::{Args, ValueEnum};

use super::connect::connect;
use super::ingest::fates;
use super::{Exit, Failure, Global, Output, progress};
use crate::engine::command::{ArchiveLevel, PullOutcome, PullRemote, ReasonCount, SendOutcome, SendRemote};
use crate::engine::query::ActivityKind;
use crate::model::text::visible;
use crate::model::words::plural;

/// Arguments of `gantry pull`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry pull archive PatientID=A12 --dry-run\n  gantry pull archive Modality=CT StudyDate=20240101-20240131\n  gantry pull cloud ModalitiesInStudy=MR --since 2024-03-01 --limit 50\n\nKeys are keywords of DICOM; * and ? stand for anything, dates may be ranges. What is here already is not fetched again, so a pull that was interrupted goes on when it is called again, and a study that has grown is completed.\n\nExit codes: 0 done; 2 a key cannot be understood; 3 workspace; 4 no such remote; 5 not permitted; 6 the remote does not answer, or something did not come"
)]
pub struct PullArgs {
    /// The name of the archive
    remote: String,
    /// What it has to be, KEYWORD=VALUE
    #[arg(required = true, value_name = "KEY=VALUE")]
    keys: Vec<String>,
    /// What --limit counts
    #[arg(long, value_enum, default_value = "study")]
    level: PullLevel,
    /// Studies of this day and later alone, YYYY-MM-DD
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Studies, or series, at most
    #[arg(long)]
    limit: Option<u64>,
    /// Only say what would be pulled
    #[arg(long)]
    dry_run: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PullLevel {
    Study,
    Series,
}

/// Arguments of `gantry send`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry send archive \"state:accepted modality:CT\" --dry-run\n  gantry send cloud \"subject:S-3f2a\"\n\nWhat was sent is registered: when a subject withdraws, the archives that hold the subject are named.\n\nExit codes: 0 all was sent; 1 nothing matches; 2 the query cannot be understood; 3 workspace; 4 no such remote; 5 not permitted; 6 the remote does not answer, or did not take something"
)]
pub struct SendArgs {
    /// The name of the archive
    remote: String,
    /// Which series, as `gantry search` takes it
    query: String,
    /// Only say what would be sent
    #[arg(long)]
    dry_run: bool,
}

/// Runs `gantry pull`.
///
/// # Errors
/// The archive does not answer, or nothing can be taken.
pub fn pull(args: &PullArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    let command = PullRemote {
        remote: args.remote.clone(),
        keys: args.keys.clone(),
        level: match args.level {
            PullLevel::Study => ArchiveLevel::Study,
            PullLevel::Series => ArchiveLevel::Series,
        },
        since: args.since.clone(),
        limit: args.limit,
        dry_run: args.dry_run,
        for_seconds: None,
    };
    let act = || client.act(command);
    let outcome = progress::followed(out, &**client, ActivityKind::Pull, "instances", act)?;
    out.result(&outcome, |o| pulled(o, args.dry_run));
    Ok(if outcome.failed.is_empty() { Exit::Done } else { Exit::Storage })
}

/// Runs `gantry send`.
///
/// # Errors
/// The archive does not answer.
pub fn send(args: &SendArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let client = &connection.client;
    let command =
        SendRemote { remote: args.remote.clone(), filter: args.query.clone(), dry_run: args.dry_run };
    let act = || client.act(command);
    let outcome = progress::followed(out, &**client, ActivityKind::Send, "series", act)?;
    out.result(&outcome, |o| sent(o, args.dry_run));
    Ok(match (outcome.series, outcome.failed.is_empty()) {
        (0, _) => Exit::Findings,
        (_, true) => Exit::Done,
        (_, false) => Exit::Storage,
    })
}

fn reasons(all: &[ReasonCount]) -> String {
    all.iter().map(|one| format!("\n  {}: {}", one.count, visible(&one.reason))).collect()
}

fn pulled(o: &PullOutcome, is_dry: bool) -> String {
    if is_dry {
        let missing = o.found - o.here;
        let mut text = format!(
            "{} found, {} here already; {missing} would be pulled",
            plural(o.found, "instance"),
            o.here
        );
        text += &unlisted(o);
        return text;
    }
    let mut text = format!(
        "{} found, {} here already, {} pulled\n{}, {:.1} s",
        plural(o.found, "instance"),
        o.here,
        o.pulled,
        fates(&o.intake),
        o.intake.elapsed_ms as f64 / 1000.0
    );
    if o.left > 0 {
        text += &format!("\n{} left for the next time: the time was up", o.left);
    }
    if !o.failed.is_empty() {
        text += &format!("\ndid not come; the same command asks again:{}", reasons(&o.failed));
    }
    text + &unlisted(o)
}

fn unlisted(o: &PullOutcome) -> String {
    match o.unlisted {
        0 => String::new(),
        more => format!("\nwarning: the archive counts {} more than it lists", plural(more, "instance")),
    }
}

fn sent(o: &SendOutcome, is_dry: bool) -> String {
    let mut text = if is_dry {
        format!("{} series would be sent", o.series)
    } else {
        format!("{} of {} series sent", plural(o.sent, "instance"), o.series)
    };
    if !o.failed.is_empty() {
        text += &format!("\nnot taken:{}", reasons(&o.failed));
    }
    if !o.left_out.is_empty() {
        text += &format!("\nseries that stay here:{}", reasons(&o.left_out));
    }
    text
}
