//! Tables that come from outside: CSV, Parquet (through polars) and JSON (records, columns or lines), told apart by
//! their first bytes. Every cell is text or missing; what it means is the caller's.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::Path;

use polars::prelude::{
    AnyValue, Column, CsvReadOptions, CsvWriter, DataFrame, ParquetReader, ParquetWriter, PolarsError,
    SerReader, SerWriter,
};
use serde_json::Value;
use thiserror::Error;

use crate::measure::estimate::Estimate;

/// Why a table could not be read. Holds no cell: those may be anything.
#[derive(Debug, Error)]
pub enum TableError {
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Not a table in any of the formats.
    #[error("not a CSV, Parquet or JSON table: {0}")]
    Format(String),
    /// A column that is needed is not there.
    #[error("no column '{wanted}' among the {columns} of the table; its first row must name them")]
    Column {
        /// What was looked for.
        wanted: String,
        /// How many there are. Their names are not told: without a header they are cells.
        columns: usize,
    },
}

impl From<PolarsError> for TableError {
    fn from(error: PolarsError) -> Self {
        // The first line says what is wrong; what follows may quote cells.
        let text = error.to_string();
        Self::Format(text.lines().next().unwrap_or("unreadable").chars().take(120).collect())
    }
}

/// A table by columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Vec<Option<String>>)>,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let mut file = File::open(path)?;
        let mut head = [0; 64];
        let got = file.read(&mut head)?;
        file.rewind()?;
        if head.starts_with(b"PAR1") {
            return Ok(Self::of_frame(&ParquetReader::new(file).finish()?));
        }
        let text = head[..got].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head[..got]);
        if text.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| b"[{".contains(b)) {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            return Self::of_json(text.trim_start_matches('\u{feff}'));
        }
        let options = CsvReadOptions::default().with_has_header(true).with_infer_schema_length(Some(0));
        Ok(Self::of_frame(&options.into_reader_with_file_handle(file).finish()?))
    }

    fn of_frame(frame: &DataFrame) -> Self {
        let columns = frame.columns().iter().map(|column| {
            let cells = column.as_materialized_series().iter().map(|v| cell(&v)).collect();
            (column.name().to_string(), cells)
        });
        Self { columns: columns.collect() }
    }

    fn of_json(text: &str) -> Result<Self, TableError> {
        let bad = |e: &serde_json::Error| TableError::Format(format!("JSON, line {}", e.line()));
        let values: Vec<Value> = serde_json::Deserializer::from_str(text)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|e| bad(&e))?;
        match &values[..] {
            [Value::Array(records)] => Self::of_records(records),
            [Value::Object(columns)] if columns.values().all(Value::is_array) => {
                let columns: Vec<_> = columns
                    .iter()
                    .map(|(name, cells)| {
                        let cells = cells.as_array().map_or(&[][..], Vec::as_slice);
                        (name.clone(), cells.iter().map(json_cell).collect::<Vec<_>>())
                    })
                    .collect();
                if columns.windows(2).any(|w| w[0].1.len() != w[1].1.len()) {
                    return Err(TableError::Format("JSON columns of different length".into()));
                }
                Ok(Self { columns })
            }
            records => Self::of_records(records),
        }
    }

    fn of_records(records: &[Value]) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (row, record) in records.iter().enumerate() {
            let Value::Object(fields) = record else {
                return Err(TableError::Format("JSON that is no list of records".into()));
            };
            for (name, value) in fields {
                let at = table.columns.iter().position(|c| c.0 == *name).unwrap_or_else(|| {
                    table.columns.push((name.clone(), Vec::new()));
                    table.columns.len() - 1
                });
                let cells = &mut table.columns[at].1;
                cells.resize(row, None);
                cells.push(json_cell(value));
            }
        }
        for column in &mut table.columns {
            column.1.resize(records.len(), None);
        }
        Ok(table)
    }

    /// The cells of a column; empty ones are missing.
    ///
    /// # Errors
    /// Where there is no such column.
    pub fn column(&self, name: &str) -> Result<&[Option<String>], TableError> {
        self.columns
            .iter()
            .find(|c| c.0 == name)
            .map(|c| c.1.as_slice())
            .ok_or_else(|| TableError::Column { wanted: name.to_owned(), columns: self.columns.len() })
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.0.as_str())
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.1.len())
    }
}

/// Text that says something: trimmed, and neither empty nor a not-a-number.
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.eq_ignore_ascii_case("nan")).then(|| text.to_owned())
}

fn cell(value: &AnyValue) -> Option<String> {
    match value {
        AnyValue::Null => None,
        AnyValue::String(text) => said(text),
        AnyValue::StringOwned(text) => said(text),
        AnyValue::Float32(v) => said(&v.to_string()),
        AnyValue::Float64(v) => said(&v.to_string()),
        other => said(&other.to_string()),
    }
}

fn json_cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => said(text),
        other => said(&other.to_string()),
    }
}

/// All cells as numbers, if every one that is there is a finite number; `None` otherwise.
pub fn numbers<'a>(cells: impl IntoIterator<Item = &'a Option<String>>) -> Option<Vec<Option<f64>>> {
    cells
        .into_iter()
        .map(|cell| match cell {
            None => Some(None),
            Some(text) => number(text).map(Some),
        })
        .collect()
}

/// A finite number as text.
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|v: &f64| v.is_finite())
}

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
