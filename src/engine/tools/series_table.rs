//! The result of a search as a table.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalog::FIELDS;
use crate::engine::query::SeriesRow;
use crate::format::columns::{Cells, write_columns};
use crate::format::table::TableError;
use crate::harmonise::TARGETS;

/// Every field of the query language, with what it means.
pub fn fields() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.iter().map(|f| (f.name, f.about))
}

/// The harmonised values that some series have, each once: what is known of a study or a subject.
pub fn together(rows: &[SeriesRow]) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut out: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for (name, value) in rows.iter().flat_map(|r| &r.harmonised) {
        let values = out.entry(name.clone()).or_default();
        if !values.contains(value) {
            values.push(value.clone());
        }
    }
    out
}

/// Writes a row for each series: CSV, or Parquet where the name ends in `.parquet`.
///
/// # Errors
/// The folder cannot be written.
pub fn write(path: &Path, rows: &[SeriesRow]) -> Result<(), TableError> {
    let text = |f: &dyn Fn(&SeriesRow) -> Option<String>| Cells::Text(rows.iter().map(f).collect());
    let number = |f: &dyn Fn(&SeriesRow) -> Option<f64>| Cells::Number(rows.iter().map(f).collect());
    let count = |f: &dyn Fn(&SeriesRow) -> Option<i64>| Cells::Count(rows.iter().map(f).collect());
    let mut columns = vec![
        ("subject", text(&|r| Some(r.subject.clone()))),
        ("site", text(&|r| Some(r.site.clone()))),
        ("study_uid", text(&|r| Some(r.study_uid.clone()))),
        ("study_date", text(&|r| r.study_date.clone())),
        ("study_description", text(&|r| r.study_description.clone())),
        ("series_uid", text(&|r| Some(r.series_uid.clone()))),
        ("series_number", count(&|r| r.series_number.map(i64::from))),
        ("modality", text(&|r| Some(r.modality.clone()))),
        ("body_part", text(&|r| r.body_part.clone())),
        ("description", text(&|r| r.description.clone())),
        ("instances", count(&|r| Some(r.instances as i64))),
        ("frames", count(&|r| Some(r.frames as i64))),
        ("rows", count(&|r| r.matrix.map(|m| m.0.into()))),
        ("columns", count(&|r| r.matrix.map(|m| m.1.into()))),
        ("spacing_row_mm", number(&|r| r.spacing_mm.map(|s| s[0]))),
        ("spacing_column_mm", number(&|r| r.spacing_mm.map(|s| s[1]))),
        ("spacing_slice_mm", number(&|r| r.spacing_mm.map(|s| s[2]))),
        ("errors", count(&|r| Some(r.findings.0.into()))),
        ("warnings", count(&|r| Some(r.findings.1.into()))),
        ("notes", count(&|r| Some(r.findings.2.into()))),
        ("state", text(&|r| Some(r.state.clone()))),
        ("latest_ms", count(&|r| Some(r.latest_ms))),
    ];
    for target in TARGETS {
        let cells = if target.is_number {
            number(&|r| r.harmonised.get(target.name)?.as_f64())
        } else {
            text(&|r| r.harmonised.get(target.name)?.as_str().map(str::to_string))
        };
        columns.push((target.name, cells));
    }
    write_columns(path, columns)
}
