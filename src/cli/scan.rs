//! `gantry scan`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::json;

use super::{Exit, Failure, Output, progress};
use crate::engine::tools::{gather, scan};
use crate::model::text::visible;
use crate::model::words::io_words;
use crate::series::Series;
use crate::source::unread_words;

/// Series whose lines are made at once.
const AT_ONCE: usize = 256;

/// Find the series below paths, sort and measure them from their headers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry scan /data/incoming
  gantry --json scan /data/a /data/b --pixels > scan.jsonl

Exit codes: 0 every file is accounted for, 1 with --strict when there are findings, 2 wrong usage, 4 a path cannot
be read.")]
pub struct ScanArgs {
    /// Files, folders and archives (.zip, .tar, .tar.gz); links below them are not followed
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Decode pixels as well and print a fingerprint per file
    #[arg(long)]
    pixels: bool,
    /// Exit with 1 when there are findings
    #[arg(long)]
    strict: bool,
}

/// Runs the command.
pub fn run(args: &ScanArgs, out: &Output) -> Result<Exit, Failure> {
    let start = Instant::now();
    let counter = AtomicU64::new(0);
    let gathered =
        progress::shown(out, "files", &counter, || gather::gather(&args.paths, args.pixels, &counter))
            .map_err(|e| {
                Failure::input(format!("a path cannot be read: {}", io_words(e.kind())))
                    .hint("check the paths")
            })?;
    for folder in &gathered.tree.unreadable_folders {
        out.note(&format!("cannot be read: {}", folder.display()));
    }
    let mut findings = 0;
    let mut page = out.page();
    for some in gathered.series.chunks(AT_ONCE) {
        let lines: Vec<Vec<(String, usize)>> = some.par_iter().map(|series| lines(series, out)).collect();
        for (line, found) in lines.iter().flatten() {
            findings += *found as u64;
            page.put(line);
        }
    }
    if args.pixels {
        let done = AtomicU64::new(0);
        progress::shown(out, "files decoded", &done, || {
            scan::instances(&gathered, &done, |line| {
                page.result(&json!({"instance": line}), |_| pixels_text(&line));
            });
        });
    }
    for directory in &gathered.tree.directories {
        page.result(&json!({"dicomdir": directory}), |_| directory_text(directory));
    }
    let summary = scan::summary(&gathered, findings, start.elapsed().as_millis() as u64);
    page.result(&json!({"summary": summary}), |_| summary_text(&summary));
    page.end();
    // The process ends now: nobody needs the memory of a hundred thousand headers back.
    std::mem::forget(gathered);
    Ok(if args.strict && findings > 0 { Exit::Findings } else { Exit::Done })
}

/// The lines of a series as they are written, each with how many findings it tells of.
fn lines(series: &Series, out: &Output) -> Vec<(String, usize)> {
    scan::lines(series).iter().map(|line| (out.line(line, text), line.findings.len())).collect()
}

fn text(line: &scan::StackLine<'_>) -> String {
    let or = |value: Option<&str>| value.map_or("–".into(), visible);
    let size = line.columns.zip(line.rows).map_or(String::new(), |(c, r)| format!(" {c}×{r}"));
    let slices = line.slice_order.map_or(String::new(), |order| {
        let volumes = line.volumes.unwrap_or(1).max(1);
        let times = if volumes > 1 { format!(" × {volumes}") } else { String::new() };
        format!("×{}{times}", order.len() / volumes as usize)
    });
    let spacing = line.spacing_mm.map_or(String::new(), |s| {
        let parts: Vec<String> = s.iter().map(|v| v.map_or("–".into(), |v| format!("{v:.3}"))).collect();
        format!("  {} mm", parts.join(" × "))
    });
    let mut text = format!(
        "{}  {}{size}{slices}{spacing}  {} instances  {}  {}",
        or(line.series_uid),
        or(line.modality),
        line.instances,
        or(line.manufacturer),
        or(line.description),
    );
    for finding in &line.findings {
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let _ = write!(text, "\n    {severity} {}: {}", finding.check, visible(&finding.message));
    }
    text
}

fn pixels_text(line: &scan::InstanceLine) -> String {
    match (&line.pixels_sha256, &line.error) {
        (Some(digest), _) => format!("{digest}  {}", visible(&line.path)),
        (None, error) => {
            format!("{:64}  {}: {}", "–", visible(&line.path), error.as_deref().unwrap_or("no pixels"))
        }
    }
}

fn directory_text(directory: &scan::Directory) -> String {
    let d = directory;
    let mut text = format!("{} lists {} files", visible(&d.path), d.listed);
    let counts = [
        (d.missing, "missing"),
        (d.unreadable, "unreadable"),
        (d.other_instance, "with another instance"),
        (d.improper, "references that are no File ID"),
        (d.unlisted, "instances not listed"),
    ];
    for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, ", {count} {what}");
    }
    for (what, names) in [("missing", &d.missing_files), ("not listed", &d.unlisted_files)] {
        for name in names {
            let _ = write!(text, "\n    {what}: {}", visible(name));
        }
    }
    text
}

fn summary_text(s: &scan::Summary) -> String {
    let mut text = format!(
        "{} files: {} DICOM in {} series, {} not DICOM, {} rejected; {} findings; {:.1} s",
        s.files,
        s.dicom,
        s.series,
        s.not_dicom,
        s.rejected,
        s.findings,
        s.elapsed_ms as f64 / 1000.0
    );
    for (reason, n) in s.reasons.iter().filter(|(reason, _)| **reason != "not_dicom") {
        let _ = write!(text, "\n    {n} {}", reason.replace('_', " "));
    }
    if !s.unread.is_empty() {
        let _ = write!(text, "\n    not read: {}", unread_words(&s.unread));
    }
    text
}
