//! `gantry qc`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use serde_json::json;

use super::{Exit, Failure, Global, Output, progress};
use crate::config::{self, Config};
use crate::engine::tools::{gather, qc, qc_labels};
use crate::model::words::io_words;

/// Run the automated checks on the series below paths
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gantry qc /data/incoming
  gantry --json qc /data/a --off instance_order,date_order
  gantry qc /data/a --labels masks/ --names 1=left_lung,2=right_lung
  gantry qc /data/a --protocol lung.toml --config strict.toml
  gantry qc --list

--config FILE takes [qc] from a configuration: off, protocols, and of each check enabled, severity and threshold.

Exit codes: 0 no finding, 1 findings, 2 wrong usage, 3 configuration, 4 a path cannot be read.")]
pub struct QcArgs {
    /// Files and folders; links below them are not followed
    #[arg(required_unless_present = "list", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Labels (NIfTI labelmaps, DICOM segmentations), and folders of them, to check against the series whose grid they have
    #[arg(long, value_name = "PATH", num_args = 1..)]
    labels: Vec<PathBuf>,
    /// What the numbers of the labels mean: 1=left_lung,2=right_lung
    #[arg(long, value_name = "N=NAME", value_delimiter = ',', requires = "labels")]
    names: Vec<String>,
    /// Leave pixels alone: only the checks that headers suffice for
    #[arg(long)]
    headers_only: bool,
    /// Checks not to run, separated by commas
    #[arg(long, value_name = "CHECKS", value_delimiter = ',')]
    off: Vec<String>,
    /// Protocols that series are compared with
    #[arg(long, value_name = "FILE")]
    protocol: Vec<PathBuf>,
    /// Every check with its version and threshold
    #[arg(long)]
    list: bool,
}

/// Runs the command.
pub fn run(args: &QcArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    if args.list {
        qc::list().for_each(|check| out.result(&check, listed));
        return Ok(Exit::Done);
    }
    let settings = settings(args, global)?;
    let names = names(&args.names)?;
    let unreadable = |e: std::io::Error| {
        Failure::input(format!("a path cannot be read: {}", io_words(e.kind()))).hint("check the paths")
    };
    let labels = qc_labels::files(&args.labels).map_err(unreadable)?;
    let start = Instant::now();
    let counter = AtomicU64::new(0);
    let gathered =
        progress::shown(out, "files", &counter, || gather::gather(&args.paths, !args.headers_only, &counter))
            .map_err(unreadable)?;
    let mut page = out.page();
    let done = AtomicU64::new(0);
    let options = qc::Options { pixels: !args.headers_only, settings: &settings };
    let mut summary = progress::shown(out, "files checked", &done, || {
        let mut summary = qc::run(&gathered, options, &done, |line| page.result(&line, text));
        let how = (options.pixels, &settings);
        qc_labels::run(&gathered, &labels, &names, how, &mut summary, |line| page.result(&line, text));
        summary
    });
    summary.elapsed_ms = start.elapsed().as_millis() as u64;
    page.result(&json!({"summary": summary}), |_| summary_text(&summary));
    page.end();
    Ok(if summary.findings > 0 { Exit::Findings } else { Exit::Done })
}

/// The checks as the command line and a configuration set them.
fn settings(args: &QcArgs, global: &Global) -> Result<qc::Set, Failure> {
    if let Some(unknown) = args.off.iter().find(|o| qc::list().all(|c| c.check != **o)) {
        let known: Vec<&str> = qc::list().map(|c| c.check).collect();
        return Err(Failure::usage(format!("no check is called {unknown}")).hint(known.join(", ")));
    }
    let (mut config, beside) = match &global.config {
        Some(file) => (Config::load(file)?.qc, file.parent().unwrap_or(Path::new(".")).to_path_buf()),
        None => (config::Qc::default(), PathBuf::from(".")),
    };
    config.off.extend(args.off.iter().cloned());
    qc::settings(&config, &beside, &args.protocol)
        .map_err(|why| Failure::new(Exit::Workspace, "configuration", format!("[qc] {why}")))
}

/// `1=left_lung`.
fn names(texts: &[String]) -> Result<BTreeMap<u32, String>, Failure> {
    let name = |text: &String| {
        let (number, name) = text.split_once('=')?;
        Some((number.trim().parse().ok()?, name.trim().to_string()))
    };
    texts
        .iter()
        .map(|text| name(text).ok_or_else(|| Failure::usage(format!("{text:?} is not NUMBER=NAME"))))
        .collect()
}

fn listed(check: &qc::Listed) -> String {
    let threshold = check
        .threshold
        .zip(check.threshold_is)
        .map(|(t, about)| format!("  threshold {t}: {about}"))
        .unwrap_or_default();
    format!("{:<26} v{} {:<6}{threshold}", check.check, check.version, check.of)
}

fn text(line: &qc::Line) -> String {
    let severity = format!("{:?}", line.severity).to_lowercase();
    let label = line.label.as_deref().map(|l| format!("  {l}")).unwrap_or_default();
    format!(
        "{severity:7}  {}{label}  {}: {}",
        line.series_uid.as_deref().unwrap_or("–"),
        line.check,
        line.message
    )
}

fn summary_text(s: &qc::Summary) -> String {
    let labels = if s.labels > 0 { format!(", {} labels", s.labels) } else { String::new() };
    format!(
        "{} series of {} studies{labels}, {} checks: {} errors, {} warnings, {} notes; {:.1} s",
        s.series,
        s.studies,
        s.checks,
        s.errors,
        s.warnings,
        s.infos,
        s.elapsed_ms as f64 / 1000.0
    )
}
