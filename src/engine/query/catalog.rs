//! The catalog: facets, pages of series, one series with everything known of it.

use std::collections::BTreeMap;

pub use crate::catalog::tokens;
use serde::{Deserialize, Serialize};

use super::{Page, Severity};
pub use crate::catalog::SortField;
pub use crate::harmonise::Harmonised;
pub use crate::model::{FrameRef, StackView};

/// How often each value of the catalog's facets occurs among the series that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    /// The filter, in the query language.
    pub filter: String,
}

/// One facet with its most frequent values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// The facet's name as the query language has it: `modality`, `site`, `finding` …
    pub name: String,
    /// Values and how many series have them, the most frequent first.
    pub values: Vec<(String, u64)>,
}

/// Series that match, in pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesPage {
    /// The filter, in the query language.
    pub filter: String,
    /// The order.
    pub sort: SeriesSort,
    /// Which part.
    pub page: Page,
}

/// Orders of the series list. Every one keeps the series of a study and the studies of a subject together where
/// their keys tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesSort {
    /// By subject, study date, series number: the tree's order.
    #[default]
    Subject,
    /// The latest arrival first.
    Newest,
    /// The worst finding first.
    Severity,
    /// The most instances first.
    Size,
    /// By any field of the query language.
    By {
        /// The field.
        field: SortField,
        /// The largest first.
        descending: bool,
    },
}

/// One series in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// The subject's pseudonym.
    pub subject: String,
    /// The de-identified study UID.
    pub study_uid: String,
    /// The shifted study date, `YYYY-MM-DD`.
    pub study_date: Option<String>,
    /// The cleaned study description.
    pub study_description: Option<String>,
    /// The de-identified series UID.
    pub series_uid: String,
    /// Series Number.
    pub series_number: Option<i32>,
    /// Modality.
    pub modality: String,
    /// Body part examined.
    pub body_part: Option<String>,
    /// The cleaned series description.
    pub description: Option<String>,
    /// The site.
    pub site: String,
    /// Instances.
    pub instances: u64,
    /// Frames.
    pub frames: u64,
    /// Rows and columns.
    pub matrix: Option<(u32, u32)>,
    /// Row, column and slice spacing.
    pub spacing_mm: Option<[f64; 3]>,
    /// Findings by severity: errors, warnings, notes.
    pub findings: (u32, u32, u32),
    /// `assembling`, `checked`, `in_review`, `accepted`, `returned`, `stored` (no image).
    pub state: String,
    /// When its last instance came, in milliseconds since 1970.
    pub latest_ms: i64,
    /// Harmonised attributes by name: words and numbers.
    #[serde(default)]
    pub harmonised: BTreeMap<String, serde_json::Value>,
}

/// Everything known of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesDetail {
    /// The de-identified series UID.
    pub series_uid: String,
}

/// A series with everything known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesView {
    /// The row of the list.
    pub row: SeriesRow,
    /// Its stacks, as assembled.
    pub stacks: Vec<StackView>,
    /// What the checks found, the worst first.
    pub findings: Vec<FindingView>,
    /// Acquisition facts as (name, value), in a fixed order.
    pub facts: Vec<(String, String)>,
    /// Harmonised attributes, each with where it comes from.
    #[serde(default)]
    pub harmonised: Harmonised,
    /// What of its pixels was masked, if anything was.
    #[serde(default)]
    pub masks: Option<MaskedView>,
    /// Objects that refer to it (SEG, SR, RTSTRUCT, KO, PR): (modality, series UID).
    pub linked: Vec<(String, String)>,
    /// What happened to it, the latest first.
    pub history: Vec<super::TrailEntry>,
    /// Its review task, if there is one.
    pub task: Option<i64>,
}

/// What of a series' pixels was masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedView {
    /// Areas, each counted in every frame that it is in.
    pub areas: u64,
    /// Instances with at least one.
    pub instances: u64,
    /// How many areas for which reason.
    pub why: BTreeMap<String, u64>,
}

/// One thing that a check says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingView {
    /// The check's name, such as `missing_slices`.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// In a person's words.
    pub message: String,
    /// What the check measured.
    pub evidence: serde_json::Value,
    /// The stack of these slices, from 0.
    #[serde(default)]
    pub stack: u32,
    /// The slices that it points at: places in the frames of the stack; empty where it is about the whole series.
    pub slices: Vec<u32>,
}

/// Completions of a filter at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// The filter up to the cursor.
    pub text: String,
}

/// Searches that are kept under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSearches {}

/// A search that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSearchView {
    /// Its name.
    pub name: String,
    /// The query, in the query language.
    pub query: String,
    /// The order.
    pub sort: SeriesSort,
    /// Who keeps it.
    pub owner: String,
    /// Since when, in milliseconds since 1970.
    pub at_ms: i64,
}
