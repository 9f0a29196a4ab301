//! `qc`: the automated checks on whatever lies below some paths.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::gather::Gathered;
use crate::model::{Finding, Severity};
use crate::qc::{self, Input, InstancePixels, SeriesPixels};
use crate::series::Series;

/// A line of `qc`.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Series Instance UID.
    pub series_uid: Option<String>,
    /// The label file, for findings about labels.
    pub label: Option<String>,
    /// The check.
    pub check: String,
    /// Its version.
    pub version: u32,
    /// How much it matters.
    pub severity: Severity,
    /// In words.
    pub message: String,
    /// What it rests on.
    pub evidence: Value,
}

/// The last line of `qc`.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Regular files.
    pub files: u64,
    /// Files that are no instance.
    pub refused: u64,
    /// Series that were checked.
    pub series: u64,
    /// Checks that were run on each.
    pub checks: u64,
    /// Findings.
    pub findings: u64,
    /// Findings of severity error.
    pub errors: u64,
    /// Findings of severity warning.
    pub warnings: u64,
    /// Findings of severity info.
    pub infos: u64,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// The names of all checks.
pub fn checks() -> impl Iterator<Item = &'static str> {
    qc::CHECKS.iter().map(|c| c.id())
}

/// Runs the checks on every series, one after another with its pixels decoded on all cores; `done` counts files.
pub fn run(
    gathered: &Gathered,
    pixels: bool,
    enabled: &dyn Fn(&str) -> bool,
    done: &AtomicU64,
    mut give: impl FnMut(Line),
) -> Summary {
    let mut summary = Summary {
        files: gathered.tree.files,
        refused: gathered.tree.refused.len() as u64,
        series: gathered.series.len() as u64,
        checks: qc::CHECKS.iter().filter(|c| enabled(c.id()) && (pixels || !c.needs_pixels())).count() as u64,
        ..Summary::default()
    };
    for series in &gathered.series {
        let found = pixels.then(|| statistics(gathered, series, done));
        for finding in qc::run(&Input { series, pixels: found.as_ref() }, enabled) {
            summary.findings += 1;
            match finding.severity {
                Severity::Error => summary.errors += 1,
                Severity::Warning => summary.warnings += 1,
                Severity::Info => summary.infos += 1,
            }
            give(line(series, finding));
        }
    }
    summary
}

fn line(series: &Series, finding: Finding) -> Line {
    Line {
        series_uid: series.series_uid.as_deref().map(Into::into),
        label: None,
        check: finding.check.into_owned(),
        version: finding.version,
        severity: finding.severity,
        message: finding.message,
        evidence: finding.evidence,
    }
}

/// Statistics of the pixels of a series.
fn statistics(gathered: &Gathered, series: &Series, done: &AtomicU64) -> SeriesPixels {
    let of = |(i, instance): (usize, &crate::series::Instance)| {
        let found = instance_statistics(gathered, instance.header.source);
        done.fetch_add(1, Ordering::Relaxed);
        found.map(|f| (i as u32, f))
    };
    series.instances.par_iter().enumerate().filter_map(of).collect()
}

/// Statistics of every frame of file `source`; `None` where it has no pixel data.
pub fn instance_statistics(gathered: &Gathered, source: u32) -> Option<InstancePixels> {
    match gathered.tree.read(source) {
        Ok(bytes) => qc::statistics(&bytes),
        Err(error) => Some(InstancePixels { error: Some(error.to_string()), ..InstancePixels::default() }),
    }
}
