//! Reads: what readers said, one by one.

use serde::{Deserialize, Serialize};

use super::{Page, RatedValue};

/// Reads in pages, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// Only of this reader.
    pub reader: Option<String>,
    /// Only of this structure.
    pub structure: Option<String>,
    /// Only on this series.
    pub series_uid: Option<String>,
    /// Also reads that a later one has replaced.
    pub history: bool,
    /// Which part.
    pub page: Page,
}

/// What one reader said of one structure on one item under one version of the guideline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadView {
    /// The read.
    pub id: i64,
    /// The reader.
    pub reader: String,
    /// The guideline's version; empty where the table named none.
    pub guideline: String,
    /// The item's name.
    pub item: String,
    /// The de-identified series UID, where the item belongs to a series here.
    pub series_uid: Option<String>,
    /// The structure; empty where the table named none.
    pub structure: String,
    /// `found`, or `nothing`: looked, and found nothing.
    pub state: String,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// When it came in.
    pub imported_ms: i64,
    /// The read that has replaced it; itself where its import was taken back.
    pub superseded_by: Option<i64>,
    /// Its series is not here yet: it waits for it, and does not count meanwhile.
    pub waiting: bool,
    /// What was said, by name.
    pub values: Vec<(String, RatedValue)>,
    /// The blob of what was drawn, by its SHA-256.
    #[serde(default)]
    pub label: Option<String>,
}

/// Imports of reads in pages, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imports {
    /// Which part.
    pub page: Page,
}

/// One import of reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    /// Its number.
    pub import: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// Reads that it made or changed.
    pub reads: u64,
    /// When it was taken back.
    pub undone_ms: Option<i64>,
}
