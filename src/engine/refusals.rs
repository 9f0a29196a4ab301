//! What was quarantined or rejected, as a report for the site that sent it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::query::{IntakeFile, IntakeFiles, IntakeGroup, IntakeGroups, Page};
use super::{Client, EngineError};
use crate::format::csv::csv_line;

/// Files in a report at most.
const MOST: usize = 1_000_000;
/// Files asked for at a time.
const AT_ONCE: u32 = 10_000;

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// The filter.
    pub filter: String,
    /// Files of each status.
    pub counts: BTreeMap<&'static str, u64>,
    /// Files of each site, status and reason, in this order.
    pub reasons: Vec<ReasonCount>,
    /// The files.
    pub files: Vec<Refusal>,
    /// Files beyond a million, which are counted and not listed.
    pub left_out: u64,
}

/// How often a reason occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The site.
    pub site: String,
    /// How the files ended.
    pub status: &'static str,
    /// Why, as a stable code.
    pub reason: String,
    /// The same for people.
    pub explanation: String,
    /// How many files.
    pub files: u64,
}

/// One file that was quarantined or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Identifies the file in commands.
    pub id: i64,
    /// The site.
    pub site: String,
    /// The day it came, `YYYY-MM-DD`.
    pub day: String,
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
    /// How it ended.
    pub status: &'static str,
    /// Why, as a stable code.
    pub reason: String,
    /// The same for people.
    pub explanation: String,
    /// Where exactly, without values.
    pub detail: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes; empty where they could not be read.
    pub sha256: String,
    /// The path as the source has it, where names were asked for.
    pub path: Option<String>,
}

/// Gathers the report. With `names` it holds paths, which may name patients; the trail says so.
///
/// # Errors
/// The filter cannot be understood, or the engine refuses.
pub fn refusals(client: &dyn Client, filter: &str, names: bool) -> Result<Refusals, EngineError> {
    let groups = client.ask(IntakeGroups { filter: filter.into() })?;
    let mut report = Refusals {
        filter: filter.into(),
        counts: BTreeMap::new(),
        reasons: Vec::new(),
        files: Vec::new(),
        left_out: 0,
    };
    let mut reasons = BTreeMap::<_, (String, u64)>::new();
    for group in groups {
        let status = group.status.as_str();
        *report.counts.entry(status).or_default() += group.count;
        let key = (group.site.clone(), status, group.reason.clone());
        reasons.entry(key).or_insert_with(|| (group.explanation.clone(), 0)).1 += group.count;
        each_file(client, &group, names, |file| {
            if report.files.len() < MOST {
                report.files.push(refusal(&group, file));
            } else {
                report.left_out += 1;
            }
        })?;
    }
    let counted = |((site, status, reason), (explanation, files))| ReasonCount {
        site,
        status,
        reason,
        explanation,
        files,
    };
    report.reasons = reasons.into_iter().map(counted).collect();
    Ok(report)
}

/// Gives every file of a group.
///
/// # Errors
/// The engine refuses.
pub fn each_file(
    client: &dyn Client,
    group: &IntakeGroup,
    names: bool,
    mut give: impl FnMut(IntakeFile),
) -> Result<(), EngineError> {
    let mut offset = 0;
    loop {
        let page = Page { offset, limit: AT_ONCE };
        let files = client.ask(IntakeFiles { group: group.key.clone(), page, names })?;
        let n = files.rows.len() as u64;
        files.rows.into_iter().for_each(&mut give);
        offset += n;
        if n == 0 || offset >= files.total {
            return Ok(());
        }
    }
}

/// A file with what its group says of it.
pub fn refusal(group: &IntakeGroup, file: IntakeFile) -> Refusal {
    Refusal {
        id: file.id,
        site: group.site.clone(),
        day: group.day.clone(),
        at_ms: file.at_ms,
        status: file.status.as_str(),
        reason: file.reason,
        explanation: group.explanation.clone(),
        detail: file.detail,
        bytes: file.bytes,
        sha256: file.sha256,
        path: file.path,
    }
}

impl Refusals {
    /// The files as a table, with a column `file` where names were asked for.
    pub fn to_csv(&self, names: bool) -> String {
        let mut columns = vec!["site", "day", "status", "reason", "explanation", "bytes", "sha256", "where"];
        if names {
            columns.push("file");
        }
        let mut text = csv_line(columns);
        for file in &self.files {
            let bytes = file.bytes.to_string();
            let fixed: [&str; 8] = [
                &file.site,
                &file.day,
                file.status,
                &file.reason,
                &file.explanation,
                &bytes,
                &file.sha256,
                &file.detail,
            ];
            let path = names.then(|| file.path.as_deref().unwrap_or_default());
            text.push_str(&csv_line(fixed.into_iter().chain(path)));
        }
        text
    }
}
