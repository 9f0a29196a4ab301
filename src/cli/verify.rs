//! `gantry verify`: is everything as it was stored?

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::engine::Client;
use crate::engine::command::{Repair, Repaired};
use crate::engine::query::{Checkpoint, Depth, Status, TakeCheckpoint, Verified, Verify};
use crate::model::words::{io_words, plural};

/// Arguments of `gantry verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry verify\n  gantry verify --quick\n  gantry verify --checkpoint /media/safe/lung.checkpoint\n  gantry verify --repair\n\nEvery blob is read and held against its hash, every row against its blob, ledger lines, findings and decisions against the trail, the trail against itself and a checkpoint, the intake map against the catalog. --repair stores damaged instances again from sources that are still where they were, has rows say again what their stored instances say where the trail vouches for these, and has findings made again. What the trail says was changed by somebody is never repaired, only told.\n\nExit codes: 0 everything is whole; 1 something is damaged or missing; 3 workspace; 4 the checkpoint cannot be read; 6 storage"
)]
pub struct VerifyArgs {
    /// Names, sizes, rows and the trail; no blob is read
    #[arg(long)]
    quick: bool,
    /// Take what is damaged again from sources that are still there
    #[arg(long, conflicts_with = "quick")]
    repair: bool,
    /// Hold the trail against this checkpoint (`gantry audit checkpoint --to FILE`)
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Report {
    whole: bool,
    #[serde(flatten)]
    verified: Verified,
    repaired: Option<Repaired>,
    /// Series that are stored and not yet assembled and checked.
    series_waiting: u64,
}

/// Verifies, and repairs where that is asked for.
///
/// # Errors
/// The workspace or the checkpoint cannot be read.
pub fn run(args: &VerifyArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let checkpoint = args.checkpoint.as_deref().map(read_checkpoint).transpose()?;
    let connection = connect(global)?;
    let client = &connection.client;
    let depth = if args.quick { Depth::Quick } else { Depth::Whole };
    let query = Verify { depth, checkpoint };
    out.note("verifying");
    let mut verified = client.ask(query.clone())?;
    let mut repaired = None;
    if args.repair && verified.damaged > 0 {
        out.note(&format!("{}; repairing", plural(verified.damaged, "damage")));
        repaired = Some(client.act(Repair { damage: verified.damage })?);
        verified = client.ask(query)?;
    }
    let report = Report {
        whole: verified.damaged == 0,
        verified,
        repaired,
        series_waiting: client.ask(Status {})?.series_waiting,
    };
    out.result(&report, text);
    Ok(if report.whole { Exit::Done } else { Exit::Findings })
}

fn text(report: &Report) -> String {
    let v = &report.verified;
    let mut lines = format!(
        "{} instances, {} blobs read ({} MiB), {} trail entries, {} roots, {} decisions, findings of {} series, {} files of \
         the intake map\n",
        v.instances,
        v.blobs,
        v.bytes >> 20,
        v.trail_entries,
        v.roots,
        v.decisions,
        v.findings,
        v.files
    );
    if v.uncovered > 0 {
        lines +=
            &format!("{} instances were stored by a version that bound none to the trail\n", v.uncovered);
    }
    if v.unnamed > 0 {
        lines += &format!("{} blobs are named by no row\n", v.unnamed);
    }
    if let Some(done) = &report.repaired {
        lines += &format!(
            "repaired: {} instances stored again, {} rows mended, {} series checked again, {} copies made again, {} files taken anew; {} \
             sources are gone or changed\n",
            done.stored_again,
            done.rows_mended,
            done.checked_again,
            done.copied_again,
            done.forgotten,
            done.without_source
        );
    }
    for damage in &v.damage {
        lines += &format!("DAMAGED  {}: {} ({})\n", damage.kind.words(), damage.detail, damage.object);
    }
    if report.series_waiting > 0 {
        lines += &waiting_words(report.series_waiting);
        lines.push('\n');
    }
    lines
        + &if report.whole {
            "everything is whole\n".to_string()
        } else {
            format!("{}\n", plural(v.damaged, "damage"))
        }
}

/// What is told of series that are stored and not yet assembled and checked.
pub(super) fn waiting_words(series: u64) -> String {
    let wait = if series == 1 { "waits" } else { "wait" };
    format!(
        "{series} series {wait} to be assembled and checked: `gantry run --once` goes on, as does the next ingest"
    )
}

/// Reads a checkpoint.
///
/// # Errors
/// The file cannot be read, or is none.
pub(super) fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::input(format!("{} cannot be read: {}", path.display(), io_words(e.kind()))))?;
    serde_json::from_str(&text).map_err(|_| {
        Failure::input(format!("{} is no checkpoint", path.display()))
            .hint("`gantry audit checkpoint --to FILE` writes one")
    })
}

/// Writes the end of the trail as it is to a new file.
///
/// # Errors
/// The file exists or cannot be written.
pub(super) fn write_checkpoint(client: &dyn Client, path: &Path) -> Result<Checkpoint, Failure> {
    use std::io::Write as _;
    let checkpoint = client.ask(TakeCheckpoint {})?;
    let refused = |e: std::io::Error| {
        Failure::new(
            Exit::Storage,
            "storage",
            format!("{} cannot be written: {}", path.display(), io_words(e.kind())),
        )
    };
    let mut file = std::fs::File::create_new(path).map_err(refused)?;
    let line = serde_json::to_string(&checkpoint).unwrap_or_default() + "\n";
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(refused)?;
    Ok(checkpoint)
}
