//! `gantry qc`.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use serde_json::json;

use super::{Exit, Failure, Output, progress};
use crate::engine::tools::{gather, qc};

/// Run the automated checks on the series below paths
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry qc /data/incoming
  gantry --json qc /data/a --off instance_order,date_order

Exit status: 0 no finding, 1 findings, 2 wrong usage, 4 a path cannot be read.")]
pub struct Args {
    /// Files and folders; links below them are not followed
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Leave pixels alone: only the checks that headers suffice for
    #[arg(long)]
    headers_only: bool,
    /// Checks not to run, separated by commas
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    off: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, out: &Output) -> Result<Exit, Failure> {
    if let Some(unknown) = args.off.iter().find(|o| qc::checks().all(|c| c != **o)) {
        let known: Vec<&str> = qc::checks().collect();
        return Err(Failure::usage(format!("no check is called {unknown}")).hint(known.join(", ")));
    }
    let start = Instant::now();
    let counter = AtomicU64::new(0);
    let gathered =
        progress::shown(out, "files", &counter, || gather::gather(&args.paths, !args.headers_only, &counter))
            .map_err(|e| {
                Failure::input(format!("a path cannot be read: {}", e.kind())).hint("check the paths")
            })?;
    let mut page = out.page();
    let enabled = |check: &str| !args.off.iter().any(|o| o == check);
    let done = AtomicU64::new(0);
    let mut summary = progress::shown(out, "files checked", &done, || {
        qc::run(&gathered, !args.headers_only, &enabled, &done, |line| page.result(&line, text))
    });
    summary.elapsed_ms = start.elapsed().as_millis() as u64;
    page.result(&json!({"summary": summary}), |_| summary_text(&summary));
    page.end();
    Ok(if summary.findings > 0 { Exit::Findings } else { Exit::Done })
}

fn text(line: &qc::Line) -> String {
    let severity = format!("{:?}", line.severity).to_lowercase();
    format!("{severity:7}  {}  {}: {}", line.series_uid.as_deref().unwrap_or("–"), line.check, line.message)
}

fn summary_text(s: &qc::Summary) -> String {
    format!(
        "{} series, {} checks: {} errors, {} warnings, {} notes; {:.1} s",
        s.series,
        s.checks,
        s.errors,
        s.warnings,
        s.infos,
        s.elapsed_ms as f64 / 1000.0
    )
}
