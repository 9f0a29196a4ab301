//! `qc`: the automated checks on whatever lies below some paths.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::gather::Gathered;
use crate::bytes::SpillConfig;
use crate::config;
use crate::dicom::{self, Contents, ReadOptions};
use crate::harmonise::{self, Rules};
use crate::model::{Finding, Severity};
use crate::qc::{
    self, Described, Input, InstancePixels, Member, Peers, SameAttributes, SeriesPixels, Settings, Study,
    Twin,
};
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
    /// Studies that were checked.
    pub studies: u64,
    /// Labels that were checked.
    pub labels: u64,
    /// Checks that were run.
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

impl Summary {
    /// Counts a finding.
    pub fn count(&mut self, severity: Severity) {
        self.findings += 1;
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Info => self.infos += 1,
        }
    }
}

/// A check as `qc --list` shows it.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub check: &'static str,
    /// `series`, `study` or `label`.
    pub of: &'static str,
    /// Its version.
    pub version: u32,
    /// It looks at decoded pixels.
    pub pixels: bool,
    /// Its threshold, where it has one that may be set.
    pub threshold: Option<f64>,
    /// What the threshold is.
    pub threshold_is: Option<&'static str>,
}

/// Every check.
pub fn list() -> impl Iterator<Item = Listed> {
    qc::about_checks().map(|c| Listed {
        check: c.name,
        of: c.of,
        version: c.version,
        pixels: c.needs_pixels,
        threshold: c.threshold.map(|t| t.default),
        threshold_is: c.threshold.map(|t| t.about),
    })
}

/// Settings from the `[qc]` of a configuration and further protocols.
///
/// # Errors
/// What is wrong with either, in words.
pub fn settings(config: &config::Qc, beside: &Path, protocols: &[PathBuf]) -> Result<Settings, String> {
    let mut files: Vec<PathBuf> = protocols.to_vec();
    files.extend(config.protocols.iter().map(|p| beside.join(p)));
    let protocols = super::rules::protocols(&files).map_err(|e| e.to_string())?;
    Settings::new(config, protocols)
}

/// How the checks are set.
pub type Set = Settings;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Decode pixels.
    pub pixels: bool,
    /// How the checks are set.
    pub settings: &'a Settings,
}

/// Runs the checks on every series, one after another with its pixels decoded on all cores, and then on every study;
/// `done` counts files.
pub fn run(
    gathered: &Gathered,
    options: Options<'_>,
    done: &AtomicU64,
    mut give: impl FnMut(Line),
) -> Summary {
    let settings = options.settings;
    let runs =
        |c: &qc::AboutCheck| c.of != "label" && settings.is_on(c.name) && (options.pixels || !c.needs_pixels);
    let mut summary = Summary {
        files: gathered.tree.files,
        refused: gathered.tree.refused.len() as u64,
        series: gathered.series.len() as u64,
        checks: qc::about_checks().filter(runs).count() as u64,
        ..Summary::default()
    };
    let mut members = Vec::with_capacity(gathered.series.len());
    for series in &gathered.series {
        let pixels = options.pixels.then(|| statistics(gathered, series, done));
        let about = if settings.protocols.is_empty() {
            described(gathered, series)
        } else {
            every_described(gathered, series)
        };
        let input = Input { series, pixels: pixels.as_ref(), about: Some(&about), settings };
        for finding in qc::run(&input, |_| true) {
            summary.count(finding.severity);
            give(line(series.series_uid.as_deref(), None, finding));
        }
        members.push(Member::of(series, &about, pixels.as_ref()));
    }
    compare(&gathered.series, members, settings, &mut summary, &mut give);
    summary
}

/// The checks of studies, each with what the rest of the tree has of it.
fn compare(
    series: &[Series],
    mut members: Vec<Member>,
    settings: &Settings,
    summary: &mut Summary,
    give: &mut impl FnMut(Line),
) {
    share_instances(series, &mut members);
    find_twins(&mut members);
    let mut peers = Peers::new();
    for stats in members.iter().filter_map(|m| m.stats.as_ref()) {
        peers.entry(stats.kind.clone()).or_default().push(stats.clone());
    }
    let mut studies: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for member in members {
        studies.entry(member.study_uid.clone()).or_default().push(member);
    }
    summary.studies = studies.len() as u64;
    for members in studies.values() {
        let study = Study { members, peers: &peers, settings };
        for (at, finding) in qc::run_study(&study, |_| true) {
            summary.count(finding.severity);
            give(line(Some(&members[at].series_uid), None, finding));
        }
    }
}

/// SOP Instance UIDs that several series have.
fn share_instances(series: &[Series], members: &mut [Member]) {
    let mut holders: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, series) in series.iter().enumerate() {
        for uid in series.instances.iter().filter_map(|i| i.header.sop_uid.as_deref()) {
            holders.entry(uid).or_default().push(at);
        }
    }
    let mut shared: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for holders in holders.values().filter(|h| h.len() > 1) {
        for &a in holders {
            for &b in holders.iter().filter(|b| **b != a) {
                *shared.entry((a, b)).or_default() += 1;
            }
        }
    }
    for ((a, b), n) in shared {
        let uid = members[b].series_uid.clone();
        members[a].shares_instances.push((uid, n));
    }
}

/// Series of other studies with the same pixels.
fn find_twins(members: &mut [Member]) {
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, member) in members.iter().enumerate() {
        if let Some(fingerprint) = member.stats.as_ref().and_then(|s| s.fingerprint.clone()) {
            alike.entry(fingerprint).or_default().push(at);
        }
    }
    let as_twin = |m: &Member| Twin {
        series_uid: m.series_uid.clone(),
        study_uid: m.study_uid.clone(),
        subject: m.subjects.iter().next().cloned().unwrap_or_default(),
        site: m.site.clone().unwrap_or_default(),
    };
    for group in alike.into_values().filter(|g| g.len() > 1) {
        let twins: Vec<Twin> = group.iter().map(|&at| as_twin(&members[at])).collect();
        for &at in &group {
            let own = members[at].study_uid.clone();
            members[at].twins = twins.iter().filter(|t| t.study_uid != own).cloned().collect();
        }
    }
}

/// What the headers of a series say, and what that means.
pub fn described(gathered: &Gathered, series: &Series) -> Described {
    let first = series.first().and_then(|i| gathered.tree.read(i.header.source).ok());
    let header = ReadOptions { header_only: true, ..ReadOptions::default() };
    let read = |bytes: &[u8]| Some(dicom::attributes(&dicom::read(bytes, header).ok()?.dataset));
    let mut attributes = first.and_then(|bytes| read(&bytes)).unwrap_or_default();
    let b_values = series.instances.iter().flat_map(|i| &i.header.frames).filter_map(|f| f.b_value);
    attributes.b_value = b_values.fold(attributes.b_value, |most, b| Some(most.map_or(b, |m| m.max(b))));
    let harmonised = harmonise::derive(&attributes, &Rules::default());
    Described { attributes, harmonised, instances: Vec::new() }
}

/// The same with what each instance says.
fn every_described(gathered: &Gathered, series: &Series) -> Described {
    let header = ReadOptions { header_only: true, ..ReadOptions::default() };
    let of = |instance: &crate::series::Instance| {
        let bytes = gathered.tree.read(instance.header.source).ok()?;
        Some(dicom::attributes(&dicom::read(&bytes, header).ok()?.dataset))
    };
    let every: Vec<_> = series.instances.par_iter().filter_map(of).collect();
    Described { instances: SameAttributes::gather(every, &Rules::default()), ..described(gathered, series) }
}

/// A finding as a line.
pub(super) fn line(series_uid: Option<&str>, label: Option<&Path>, finding: Finding) -> Line {
    Line {
        series_uid: series_uid.map(Into::into),
        label: label.map(|path| path.to_string_lossy().into_owned()),
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
    match gathered.tree.open(source) {
        Ok(bytes) => qc::statistics(&Contents::of(bytes, SpillConfig::default())),
        Err(error) => Some(InstancePixels { error: Some(error.to_string()), ..InstancePixels::default() }),
    }
}
