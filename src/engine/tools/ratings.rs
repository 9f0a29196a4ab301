//! What a table of ratings holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::format::ratings::{Defaults, sheet};
use crate::format::table::Table;

/// What a table holds, without a word of what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `ratings`.
    pub format: &'static str,
    /// A table is about many series.
    pub series_uid: Option<String>,
    /// A table has no segments.
    pub segments: Vec<()>,
    /// What is said, and how often.
    pub measurements: Vec<Measurement>,
    /// A table has no contours.
    pub contours: Vec<()>,
    /// Rows.
    pub rows: usize,
    /// Rows that say nothing.
    pub empty_rows: usize,
    /// Reads.
    pub reads: usize,
    /// Reads that looked and found nothing.
    pub nothing: usize,
    /// Readers.
    pub readers: Vec<String>,
    /// Columns that are left alone.
    pub ignored_columns: Vec<String>,
}

/// Something that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Of which structure.
    pub structure: String,
    /// What.
    pub name: String,
    /// How often.
    pub n: usize,
}

/// Reads a table as `gantry label import` would.
///
/// # Errors
/// In words for people: row and column, never what stands there.
pub fn show(path: &Path) -> Result<Shown, String> {
    let table = Table::read(path).map_err(|e| e.to_string())?;
    let reader = Some("(no reader column)".to_owned());
    let sheet = sheet(&table, &Defaults { reader, ..Defaults::default() }).map_err(|e| e.to_string())?;
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for read in &sheet.reads {
        for (name, _) in &read.values {
            *counts.entry((&read.structure, name)).or_insert(0) += 1;
        }
    }
    let measurement = |((structure, name), n): (&(&str, &str), &usize)| Measurement {
        structure: (*structure).into(),
        name: (*name).into(),
        n: *n,
    };
    let readers: BTreeSet<String> = sheet.reads.iter().map(|r| r.reader.clone()).collect();
    Ok(Shown {
        format: "ratings",
        series_uid: None,
        segments: Vec::new(),
        measurements: counts.iter().map(measurement).collect(),
        contours: Vec::new(),
        rows: sheet.rows,
        empty_rows: sheet.empty_rows,
        nothing: sheet.reads.iter().filter(|r| r.nothing).count(),
        readers: readers.into_iter().collect(),
        reads: sheet.reads.len(),
        ignored_columns: sheet.ignored,
    })
}
