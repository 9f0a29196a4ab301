//! `gantry scan`.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use serde_json::json;

use super::{Exit, Failure, Output, progress};
use crate::engine::tools::{gather, scan};

/// Find the series below paths, sort and measure them from their headers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry scan /data/incoming
  gantry --json scan /data/a /data/b --pixels > scan.jsonl

Exit status: 0 every file is accounted for, 1 with --strict when there are findings, 2 wrong usage, 4 a path cannot
be read.")]
pub struct Args {
    /// Files and folders; links below them are not followed
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
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    let start = Instant::now();
    let counter = AtomicU64::new(0);
    let gathered =
        progress::shown(out, "files", &counter, || gather::gather(&args.paths, args.pixels, &counter))
            .map_err(|e| {
                Failure::input(format!("a path cannot be read: {}", e.kind())).hint("check the paths")
            })?;
    for folder in &gathered.tree.unreadable_folders {
        out.note(&format!("cannot be read: {}", folder.display()));
    }
    let mut findings = 0;
    let mut page = out.page();
    for series in &gathered.series {
        for line in scan::lines(series) {
            findings += line.findings.len() as u64;
            page.result(&line, text);
        }
    }
    if args.pixels {
        let done = AtomicU64::new(0);
        progress::shown(out, "files decoded", &done, || {
            scan::instances(&gathered, &done, |line| {
                page.result(&json!({"instance": line}), |_| pixels_text(&line))
            });
        });
    }
    let summary = scan::summary(&gathered, findings, start.elapsed().as_millis() as u64);
    page.result(&json!({"summary": summary}), |_| summary_text(&summary));
    page.end();
    Ok(if args.strict && findings > 0 { Exit::Findings } else { Exit::Done })
}

fn text(line: &scan::StackLine<'_>) -> String {
    let or = |value: Option<&str>| value.unwrap_or("–").to_string();
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
        text.push_str(&format!("\n    {severity} {}: {}", finding.check, finding.message));
    }
    text
}

fn pixels_text(line: &scan::InstanceLine) -> String {
    match (&line.pixels_sha256, &line.error) {
        (Some(digest), _) => format!("{digest}  {}", line.path),
        (None, error) => format!("{:64}  {}: {}", "–", line.path, error.as_deref().unwrap_or("no pixels")),
    }
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
        text.push_str(&format!("\n    {n} {}", reason.replace('_', " ")));
    }
    text
}
