//! Documents for people.

use serde::{Deserialize, Serialize};

/// What a document is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Agreement, process and findings.
    #[default]
    Qa,
    /// What de-identification did.
    Deid,
    /// One site: what it delivered, and what to mend.
    Site,
    /// What a regulator asks of a reference standard.
    Dossier,
}

/// Writes a document: HTML where the name ends in `.html`, PDF where it ends in `.pdf`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteReport {
    /// What it is about.
    pub kind: ReportKind,
    /// The snapshot, by name or identifier; without one, what is in the workspace now.
    pub snapshot: Option<String>,
    /// Only this site.
    pub site: Option<String>,
    /// Only reads that ended at or after this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// The file, absolute; it must not exist.
    pub to: String,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportWritten {
    /// The file.
    pub path: String,
    /// Its pages; 1 for HTML.
    pub pages: u32,
    /// Its figures.
    pub figures: u32,
}
