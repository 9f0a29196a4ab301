//! Measures as rows of a table that goes out.

use std::fs::{self, File};
use std::path::Path;

use polars::prelude::{Column, CsvWriter, DataFrame, ParquetWriter, SerWriter};

use super::TableError;
use crate::measure::estimate::Estimate;

/// One measure as a row of a table that Gantry writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What was measured: a structure, a pair of readers, a group.
    pub subject: String,
    /// Which measure.
    pub measure: String,
    /// What came out.
    pub estimate: Estimate,
}

/// Writes rows as `subject, measure, value, ci95_low, ci95_high, n, reason`: Parquet where the name ends in
/// `.parquet`, else CSV. Written beside its place and renamed, so that nothing half-written is seen.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_rows(path: &Path, rows: &[Row]) -> Result<(), TableError> {
    let text = |f: fn(&Row) -> Option<&str>| rows.iter().map(f).collect::<Vec<_>>();
    let numbers = |f: fn(&Estimate) -> Option<f64>| rows.iter().map(|r| f(&r.estimate)).collect::<Vec<_>>();
    let mut frame = DataFrame::new_infer_height(vec![
        Column::new("subject".into(), text(|r| Some(&r.subject))),
        Column::new("measure".into(), text(|r| Some(&r.measure))),
        Column::new("value".into(), numbers(|e| e.value)),
        Column::new("ci95_low".into(), numbers(|e| e.ci95.map(|c| c[0]))),
        Column::new("ci95_high".into(), numbers(|e| e.ci95.map(|c| c[1]))),
        Column::new("n".into(), rows.iter().map(|r| r.estimate.n as u64).collect::<Vec<_>>()),
        Column::new("reason".into(), text(|r| r.estimate.reason.as_ref().map(|r| r.0))),
    ])?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = write_frame(&mut frame, path, &part).and_then(|()| Ok(fs::rename(&part, path)?));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn write_frame(frame: &mut DataFrame, path: &Path, part: &Path) -> Result<(), TableError> {
    let file = File::create(part)?;
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) {
        ParquetWriter::new(file).finish(frame)?;
    } else {
        CsvWriter::new(file).finish(frame)?;
    }
    Ok(())
}
