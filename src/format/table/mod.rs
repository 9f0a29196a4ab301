//! Tables that come from outside: separated text (comma, semicolon, tab), Parquet (through polars) and JSON (records,
//! columns or lines), plain or gzipped, told apart by their first bytes. Every cell is text or missing; what it means is
//! the caller's.
//!
//! A cell is missing where it is empty or one of [`MISSING`], in any case and with blanks around. Where the separator is
//! a semicolon, `10,5` is the number 10.5. Columns are found by their names in any case.

mod moment;
mod separated;
mod text;
mod write;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use polars::prelude::{AnyValue, DataFrame, ParquetReader, PolarsError, SerReader};
use serde_json::Value;
use thiserror::Error;

pub use moment::{MomentError, Moments, instant};
pub use write::{Row, write_rows};

use crate::bytes::gzip::{self, GzipError};
use crate::model::words::io_error;

/// What says that a cell holds nothing, in lower case.
pub const MISSING: [&str; 6] = ["na", "n/a", "#n/a", "null", "nan", "-"];
/// Larger tables are refused, also where they are larger only when unpacked.
const MOST_BYTES: u64 = 2 << 30;

/// Why a table could not be read. Holds no cell: those may be anything.
#[derive(Debug, Error)]
pub enum TableError {
    /// Reading failed.
    #[error("{}", io_error(.0))]
    Io(#[from] io::Error),
    /// Compressed, and damaged.
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// Larger than is read.
    #[error("larger than 2 GiB; split it")]
    TooLarge,
    /// A file of another kind.
    #[error("not a table but {0}; save it as CSV, Parquet or JSON")]
    OtherFile(&'static str),
    /// Not a table in any of the formats.
    #[error("not a CSV, Parquet or JSON table: {0}")]
    Format(String),
    /// A row of separated text that breaks its rules.
    #[error("row {row}: {why}")]
    Row {
        /// Row number from 1, without the header and empty lines; 0 is the header.
        row: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A column that is needed is not there.
    #[error("no column '{wanted}' among the {columns} of the table; its first row must name them")]
    Column {
        /// What was looked for.
        wanted: String,
        /// How many there are. Their names are not told: without a header they are cells.
        columns: usize,
    },
    /// Two columns of one name.
    #[error("{count} columns are named '{wanted}'")]
    Twice {
        /// What was looked for.
        wanted: String,
        /// How many there are.
        count: usize,
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

/// The bytes of a table's file; `-` is the standard input.
///
/// # Errors
/// It cannot be read, is no file, or is larger than 2 GiB.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, TableError> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
        }
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MOST_BYTES { Err(TableError::TooLarge) } else { Ok(bytes) }
}

impl Table {
    /// Reads a file; `-` is the standard input.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read(path: &Path) -> Result<Self, TableError> {
        Self::from_bytes(bytes_of(path)?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, TableError> {
        if gzip::is_gzip(&bytes) {
            bytes = gzip::unpacked(&bytes, MOST_BYTES)?.ok_or(TableError::TooLarge)?;
        }
        if bytes.starts_with(b"PAR1") {
            return Ok(Self::of_frame(&ParquetReader::new(Cursor::new(bytes)).finish()?));
        }
        let text = text::decode(bytes)?;
        if text.trim_start().starts_with(['[', '{']) {
            return Self::of_json(&text);
        }
        Ok(Self { columns: separated::columns(&text)? })
    }

    fn of_frame(frame: &DataFrame) -> Self {
        let columns = frame.columns().iter().map(|column| {
            let cells = column.as_materialized_series().iter().map(|v| cell(&v)).collect();
            (column.name().trim().to_owned(), cells)
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
                        (name.trim().to_owned(), cells.iter().map(json_cell).collect::<Vec<_>>())
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
                let name = name.trim();
                let at = table.columns.iter().position(|c| c.0 == name).unwrap_or_else(|| {
                    table.columns.push((name.to_owned(), Vec::new()));
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

    /// The cells of a column, found by its name: as it is written, else in any case.
    ///
    /// # Errors
    /// Where there is no such column, or several.
    pub fn column(&self, name: &str) -> Result<&[Option<String>], TableError> {
        let exact = |c: &&(String, _)| c.0 == name;
        let folded = name.trim().to_lowercase();
        let alike = |c: &&(String, _)| c.0.to_lowercase() == folded;
        let found: Vec<&[Option<String>]> = {
            let exact: Vec<_> = self.columns.iter().filter(exact).collect();
            let these = if exact.is_empty() { self.columns.iter().filter(alike).collect() } else { exact };
            these.into_iter().map(|c| c.1.as_slice()).collect()
        };
        match found[..] {
            [one] => Ok(one),
            [] => Err(TableError::Column { wanted: name.to_owned(), columns: self.columns.len() }),
            _ => Err(TableError::Twice { wanted: name.to_owned(), count: found.len() }),
        }
    }

    /// The names of the columns, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.0.as_str())
    }

    /// A long table of a wide one: for each row, and each of the columns `spread`, a row with the columns `kept`, the name
    /// of the column in `variable` and its cell in `value`. Row `r` becomes the rows from `r` × the number of columns.
    ///
    /// # Errors
    /// Where there is no such column, or several.
    pub fn melted(
        &self,
        kept: &[&str],
        spread: &[&str],
        (variable, value): (&str, &str),
    ) -> Result<Self, TableError> {
        let times = spread.len();
        let mut columns = Vec::with_capacity(kept.len() + 2);
        for name in kept {
            let cells = self.column(name)?.iter();
            let cells = cells.flat_map(|c| std::iter::repeat_n(c.clone(), times)).collect();
            columns.push(((*name).to_owned(), cells));
        }
        let names = spread.iter().map(|n| Some((*n).to_owned()));
        columns.push((variable.to_owned(), names.cycle().take(times * self.rows()).collect()));
        let cells: Vec<_> = spread.iter().map(|n| self.column(n)).collect::<Result<_, _>>()?;
        let values = (0..self.rows()).flat_map(|row| cells.iter().map(move |c| c[row].clone())).collect();
        columns.push((value.to_owned(), values));
        Ok(Self { columns })
    }

    /// The same with one more column, of which every cell is `text`.
    #[must_use]
    pub fn with_constant(mut self, name: &str, text: &str) -> Self {
        let cells = vec![Some(text.to_owned()); self.rows()];
        self.columns.push((name.to_owned(), cells));
        self
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| c.1.len())
    }
}

/// Text that says something: trimmed, and neither empty nor one of [`MISSING`].
fn said(text: &str) -> Option<String> {
    let text = text.trim();
    let is_missing = text.is_empty() || MISSING.iter().any(|m| text.eq_ignore_ascii_case(m));
    (!is_missing).then(|| text.to_owned())
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
