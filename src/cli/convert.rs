//! `gantry convert`.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::{Exit, Failure, Output, progress};
use crate::engine::tools::convert::{self, Format, Outcome};
use crate::engine::tools::gather::{Gathered, gather};
use crate::series::Series;

/// Write series as volumes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry convert ct-folder scan.nii.gz
  gantry convert study-folder scan.nrrd --series 1.2.840.1
  gantry --json convert study-folder volumes/

OUT ends in .nii, .nii.gz or .nrrd for one series; a folder takes every volume of every series as NIfTI.
Values are rescaled; integers stay integers where that is exact. A stack that is no volume is named, never written.

Exit status: 0 done, 1 with --strict when something was skipped, 2 wrong usage, 4 refused or unreadable, 6 not
written.")]
pub struct Args {
    /// Folder or file with the series
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// File for one series, or folder for all
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The series, where there are several
    #[arg(long, value_name = "UID")]
    series: Option<String>,
    /// The stack of the series, where it has several (from 1)
    #[arg(long, value_name = "N")]
    stack: Option<usize>,
    /// Exit with 1 when something cannot be a volume
    #[arg(long)]
    strict: bool,
}

/// Runs the command.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let format = Format::of(&args.out).filter(|_| !names_folder(&args.out));
    if format.is_none() && !names_folder(&args.out) && args.out.extension().is_some() {
        return Err(Failure::usage("OUT must end in .nii, .nii.gz, .nrrd, or be a folder"));
    }
    let counter = AtomicU64::new(0);
    let paths = std::slice::from_ref(&args.folder);
    let gathered = progress::shown(out, "files", &counter, || gather(paths, false, &counter))
        .map_err(|e| Failure::input(format!("FOLDER cannot be read: {}", e.kind())).hint("check the path"))?;
    let outcome = match format {
        Some(format) => one(args, &gathered, format)?,
        None => convert::all(&gathered, args.series.as_deref(), &args.out)
            .map_err(|e| Failure::new(Exit::Storage, "storage", format!("OUT cannot be written: {e}")))?,
    };
    if convert::image_series(&gathered).next().is_none() {
        return Err(Failure::input("no series with images below FOLDER"));
    }
    for skipped in &outcome.skipped {
        let uid = skipped.series_uid.as_deref().unwrap_or("–");
        out.note(&format!(
            "skipped series {uid}, stack {}: {}: {}",
            skipped.stack, skipped.check, skipped.message
        ));
    }
    out.result(&outcome, text);
    Ok(if args.strict && !outcome.skipped.is_empty() { Exit::Findings } else { Exit::Done })
}

/// A trailing separator or an existing folder.
fn names_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) || path.is_dir()
}

/// The one series to one file.
fn one(args: &Args, gathered: &Gathered, format: Format) -> Result<Outcome, Failure> {
    let series = chosen(args, gathered)?;
    let stacks: Vec<usize> = (0..series.stacks.len()).filter(|&i| series.stacks[i].frames > 0).collect();
    let stack = match (args.stack, &stacks[..]) {
        (Some(n), _) if (1..=series.stacks.len()).contains(&n) => n - 1,
        (None, [only]) => *only,
        _ => {
            let message = format!("the series has {} stacks of images", stacks.len());
            return Err(Failure::input(message).hint("choose one with --stack N, or give a folder for all"));
        }
    };
    let (volume, warnings) = convert::load(gathered, series, stack)
        .map_err(|(check, message)| Failure::input(format!("the series is no volume: {check}: {message}")))?;
    convert::write(&volume, &args.out, format)
        .map_err(|e| Failure::new(Exit::Storage, "storage", format!("OUT cannot be written: {e}")))?;
    let written = convert::described(series, &series.stacks[stack], &volume, args.out.clone(), warnings);
    Ok(Outcome { volumes: vec![written], skipped: Vec::new() })
}

fn chosen<'a>(args: &Args, gathered: &'a Gathered) -> Result<&'a Series, Failure> {
    let wanted = |s: &&Series| args.series.as_deref().is_none_or(|uid| s.series_uid.as_deref() == Some(uid));
    let series: Vec<&Series> = convert::image_series(gathered).filter(wanted).collect();
    match series[..] {
        [only] => Ok(only),
        [] => Err(Failure::input("no such series with images below FOLDER")),
        _ => {
            let list: Vec<&str> = series.iter().map(|s| s.series_uid.as_deref().unwrap_or("–")).collect();
            let message = format!("{} series below FOLDER: {}", list.len(), list.join(", "));
            Err(Failure::input(message).hint("choose one with --series UID, or give a folder for all"))
        }
    }
}

fn text(outcome: &Outcome) -> String {
    let line = |w: &convert::Written| {
        let shape: Vec<String> = w.shape.iter().map(ToString::to_string).collect();
        let spacing: Vec<String> = w.spacing_mm.iter().map(|v| format!("{v:.3}")).collect();
        let warnings: String = w.warnings.iter().map(|w| format!("\n    {w}")).collect();
        format!("{}  {}  {} mm{warnings}", w.path, shape.join("×"), spacing.join(" × "))
    };
    outcome.volumes.iter().map(line).collect::<Vec<_>>().join("\n")
}
