//! Tables that go out: CSV or Parquet, by the name of the file.

use std::fs::{self, File};
use std::path::Path;

use polars::prelude::{Column, CsvWriter, DataFrame, ParquetWriter, SerWriter};

use super::table::TableError;

/// The cells of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Counts.
    Count(Vec<Option<i64>>),
}

/// Writes columns of one length: Parquet where the name ends in `.parquet`, else CSV. Written beside its place and
/// renamed, so that nothing half-written is seen. In CSV a text that a spreadsheet would run as a formula gets an
/// apostrophe before it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_columns(path: &Path, columns: Vec<(&'static str, Cells)>) -> Result<(), TableError> {
    let parquet = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"));
    let column = |(name, cells): (&str, Cells)| match cells {
        Cells::Text(texts) if parquet => Column::new(name.into(), texts),
        Cells::Text(texts) => {
            Column::new(name.into(), texts.into_iter().map(|t| t.map(harmless)).collect::<Vec<_>>())
        }
        Cells::Number(numbers) => Column::new(name.into(), numbers),
        Cells::Count(counts) => Column::new(name.into(), counts),
    };
    let mut frame = DataFrame::new_infer_height(columns.into_iter().map(column).collect())?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut write = || -> Result<(), TableError> {
        let file = File::create(&part)?;
        if parquet {
            ParquetWriter::new(file).finish(&mut frame)?;
        } else {
            CsvWriter::new(file).finish(&mut frame)?;
        }
        fs::rename(&part, path)?;
        Ok(())
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Without control characters, and not the beginning of a formula.
fn harmless(text: String) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}
