//! What was planted against what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::faults::Expected;
use super::send::{Planted, Senders};
use crate::catalog::{CatalogError, Filter, NewFinding, Order};
use crate::landing::{Choice, FileRecord, NewFile};
use crate::model::words::plural;
use crate::pipeline::{Shared, explain_reason};

/// Rows read in one go.
const PAGE: u32 = 10_000;

/// The verdict of a demo.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Every planted fault.
    pub planted: Vec<Judged>,
    /// Findings that no planted fault explains.
    pub invented: Vec<Told>,
    /// Studies in the catalog.
    pub studies: u64,
    /// Series in the catalog.
    pub series: u64,
    /// Instances in the catalog.
    pub instances: u64,
}

/// A planted fault and what tells of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub fault: &'static str,
    /// The study's folder below the inboxes.
    #[serde(rename = "where")]
    pub at: String,
    /// Something tells of it.
    pub found: bool,
    /// What does.
    pub finding: Option<Told>,
}

/// A finding of a check, or the end of a file that was quarantined or rejected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// The check, or the reason.
    pub check: String,
    /// `info`, `warning`, `error`; or `rejected`, `quarantined`, `duplicate`, `parked`.
    pub severity: String,
    /// In a person's words.
    pub message: String,
    /// The series, of a check's finding.
    pub series_uid: Option<String>,
    /// The file below the inboxes, of a file.
    pub file: Option<String>,
}

/// Holds what was planted against everything that the workspace tells.
///
/// # Errors
/// The catalog cannot be read.
pub fn judge(shared: &Shared, planted: &[Planted]) -> Result<Verdict, CatalogError> {
    let all = read(shared)?;
    let mut explained = BTreeSet::new();
    let mut verdict = Verdict { studies: all.studies, series: all.series.len() as u64, ..Verdict::default() };
    verdict.instances = all.instances;
    for plant in planted {
        let (finding, explains) = match plant.fault.expected() {
            Expected::Finding => on_series(&all, plant),
            Expected::File(status, reason) => on_files(&all, plant, status, reason),
            Expected::Masked => (masked(shared, &all, plant)?, Vec::new()),
        };
        explained.extend(explains);
        verdict.planted.push(Judged {
            fault: plant.fault.name(),
            at: plant.folder.to_string_lossy().into_owned(),
            found: finding.is_some(),
            finding,
        });
    }
    let told = all.told.into_iter().enumerate().filter(|(i, _)| !explained.contains(i));
    verdict.invented = told.map(|(_, t)| t).collect();
    Ok(verdict)
}

/// Everything that the workspace tells.
struct All {
    told: Vec<Told>,
    series: BTreeMap<String, Vec<usize>>,
    /// The series of a source file, by the hash of its bytes.
    series_of: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, usize>,
    /// The series of a file that was stored.
    stored: BTreeMap<PathBuf, String>,
    studies: u64,
    instances: u64,
}

fn read(shared: &Shared) -> Result<All, CatalogError> {
    let inboxes = Senders::folder(&shared.root).join("inbox");
    let reader = shared.catalog.read();
    let (records, _) = reader.search(&Filter::default(), Order::Uid, 0, PAGE)?;
    let mut all = All {
        told: Vec::new(),
        series: BTreeMap::new(),
        series_of: BTreeMap::new(),
        files: BTreeMap::new(),
        stored: BTreeMap::new(),
        studies: records.iter().map(|r| &r.study_uid).collect::<BTreeSet<_>>().len() as u64,
        instances: reader.store_totals()?.0,
    };
    for record in &records {
        let findings = reader.findings(&record.uid)?;
        let first = all.told.len();
        all.told.extend(findings.iter().map(|f| of_check(f, &record.uid)));
        all.series.insert(record.uid.clone(), (first..all.told.len()).collect());
    }
    for job in reader.parked()? {
        let severity = "parked".into();
        all.told.push(Told {
            check: job.stage,
            severity,
            message: job.reason,
            series_uid: Some(job.object),
            file: None,
        });
    }
    let (rows, _) = shared.map.files(
        &Choice::Statuses(&["deidentified", "quarantined", "rejected", "duplicate"]),
        0,
        u32::MAX,
    )?;
    for row in &rows {
        let below = Path::new(&row.file.path).strip_prefix(&inboxes).unwrap_or(Path::new(&row.file.path));
        if row.file.status == "deidentified" {
            if let Some(uid) = reader.series_of_source(&row.file.sha256)?.into_iter().next() {
                all.stored.insert(below.into(), uid.clone());
                all.series_of.insert(row.file.sha256.clone(), uid);
            }
            continue;
        }
        all.files.insert(below.into(), all.told.len());
        all.told.push(of_file(row, below));
    }
    Ok(all)
}

fn of_check(finding: &NewFinding, uid: &str) -> Told {
    let severity = ["info", "warning", "error"][usize::from(finding.severity.min(2))];
    Told {
        check: finding.check.clone(),
        severity: severity.into(),
        message: finding.message.clone(),
        series_uid: Some(uid.into()),
        file: None,
    }
}

fn of_file(row: &FileRecord, below: &Path) -> Told {
    let file = &row.file;
    let check = if file.reason.is_empty() { &file.status } else { &file.reason };
    Told {
        check: check.clone(),
        severity: file.status.clone(),
        message: file_words(file),
        series_uid: None,
        file: Some(below.to_string_lossy().into_owned()),
    }
}

/// What is told of a file, never nothing.
fn file_words(file: &NewFile) -> String {
    match (&*file.status, &*file.detail, &*file.reason) {
        (_, detail, _) if !detail.is_empty() => detail.into(),
        ("duplicate", ..) => "the same bytes are stored from another path".into(),
        (_, _, reason) => explain_reason(reason).into(),
    }
}

/// The finding of the check that is named like the fault, and what it explains on its series.
fn on_series(all: &All, plant: &Planted) -> (Option<Told>, Vec<usize>) {
    let Some(on) = all.series_of.get(&plant.member).and_then(|uid| all.series.get(uid)) else {
        return (None, Vec::new());
    };
    let fault = plant.fault;
    let explains = |i: &&usize| {
        let check = &*all.told[**i].check;
        check == fault.name() || fault.consequences().contains(&check)
    };
    let finding = on.iter().map(|i| &all.told[*i]).find(|t| t.check == fault.name()).cloned();
    (finding, on.iter().filter(explains).copied().collect())
}

/// What became of the files that the fault is about, and what that explains.
fn on_files(all: &All, plant: &Planted, status: &str, reason: &str) -> (Option<Told>, Vec<usize>) {
    let is_it = |t: &Told| t.severity == status && (reason.is_empty() || t.check == reason);
    let ended: Vec<usize> = plant.files.iter().filter_map(|f| all.files.get(f)).copied().collect();
    let right: Vec<usize> = ended.into_iter().filter(|i| is_it(&all.told[*i])).collect();
    let (_, consequences) = on_series(all, plant);
    (right.first().map(|i| all.told[*i].clone()), right.into_iter().chain(consequences).collect())
}

/// The masks in the ledger line of a file that was stored.
fn masked(shared: &Shared, all: &All, plant: &Planted) -> Result<Option<Told>, CatalogError> {
    for file in &plant.files {
        let Some(uid) = all.stored.get(file) else { continue };
        for line in shared.catalog.read().ledger_of(uid)? {
            let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            let masks = record["masks"].as_array().map_or(0, Vec::len);
            if masks > 0 {
                return Ok(Some(Told {
                    check: plant.fault.name().into(),
                    severity: "masked".into(),
                    message: format!("burned-in text is masked in {}", plural(masks as u64, "place")),
                    series_uid: Some(uid.clone()),
                    file: Some(file.to_string_lossy().into_owned()),
                }));
            }
        }
    }
    Ok(None)
}
