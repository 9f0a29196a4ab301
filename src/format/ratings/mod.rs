//! Tables of what readers said.
//!
//! *Long*: a column `value` (and `name`, where there is more than one thing to say), a row for each rating. *Wide*: no
//! such column, every column of numbers is a rating, a row for each read. Columns are known by common names (see
//! [`COLUMNS`]), whatever their case. An empty cell says nothing; a row that says nothing was not looked at. "Looked, and
//! found nothing" is said by `none` (or `nothing`, `absent`, `no finding`, `not found`) as a value or in a column `state`;
//! as a value of a named rating whose other values are text, `none` is a category of it.
//!
//! Errors name row and column, never what stands there. Text that is no rating is refused, and columns that look like
//! identifiers of a person are left alone.

mod columns;
mod text;

pub use text::{identifies, is_uid, plain};

use std::collections::{BTreeMap, BTreeSet, HashMap};

use thiserror::Error;

use columns::{Columns, RowOf};

use super::table::Table;
use crate::measure::reads::Rated;

/// Names by which each column is known, the preferred first.
pub const COLUMNS: [(&str, &[&str]); 11] = [
    ("series_uid", &["series_uid", "series_instance_uid", "seriesinstanceuid", "seriesuid", "series"]),
    ("item", &["item", "item_id", "case", "case_id", "nodule", "lesion", "lesion_id", "target", "image"]),
    ("reader", &["reader", "reader_id", "rater", "annotator", "radiologist", "observer"]),
    ("structure", &["structure", "organ", "region", "label", "segment"]),
    ("name", &["name", "rating", "measure", "metric", "characteristic", "question"]),
    ("value", &["value", "score", "answer", "grade"]),
    ("state", &["state", "status"]),
    ("time", &["time", "finished", "finished_at", "read_at", "timestamp", "date", "datetime"]),
    ("started", &["started", "started_at", "start", "start_time"]),
    ("seconds", &["seconds", "reading_s", "duration_s", "reading_time_s"]),
    ("guideline", &["guideline", "guideline_version"]),
];
/// Why a value is refused.
pub const WORD_AMONG_NUMBERS: &str = "a word in a measure that is numeric so far; missing is an empty cell, NA, N/A, #N/A, \
     null, nan or -, and \"nothing there\" is none";
/// Different texts that a rating has at most: more is free text.
const MOST_TEXTS: usize = 30;

/// What stands in for columns that a table does not have, or cells that are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Who read.
    pub reader: Option<String>,
    /// Under which version of the guideline.
    pub guideline: Option<String>,
    /// Which structure.
    pub structure: Option<String>,
    /// The table is a matrix: every column that is not known by a name is a reader's, and this is what they rated.
    pub matrix: Option<String>,
}

/// Why a table is refused. Holds no cell.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RatingsError {
    /// A column that is needed is not there.
    #[error("no column for the {what}: one of {names}; a table needs a header")]
    Column {
        /// What is missing.
        what: &'static str,
        /// The names it may have.
        names: String,
    },
    /// Every reader has a column, and nobody said what they rated.
    #[error(
        "no column for the reader: one of {names}; if each reader has a column of their own (a matrix), say what they rated"
    )]
    NoReader {
        /// The names that a column of readers may have.
        names: String,
    },
    /// A matrix with a column that is neither known nor a reader's.
    #[error("column '{0}' of a matrix is no reader's")]
    NotAReader(String),
    /// The table itself.
    #[error("{0}")]
    Table(String),
    /// No column holds ratings.
    #[error("no column 'value', and none of numbers that could be ratings")]
    NoRatings,
    /// Two columns are known by the same meaning.
    #[error("columns '{first}' and '{second}' both say the {what}")]
    Twice {
        /// What both say.
        what: &'static str,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A cell that cannot be taken.
    #[error("row {row}, column '{column}': {why}")]
    Cell {
        /// Row number from 1, without the header.
        row: usize,
        /// The column's name.
        column: String,
        /// What is wrong with it.
        why: String,
    },
}

/// What a source calls an item. May hold PHI: it is matched and then forgotten.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SourceItem {
    /// A series UID, as it was or as it was remapped.
    pub series: Option<String>,
    /// A name, within the series where there is one.
    pub item: Option<String>,
}

impl std::fmt::Debug for SourceItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceItem(…)")
    }
}

/// One read of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetRead {
    /// The first of its rows, from 1, without the header.
    pub row: usize,
    /// What was read.
    pub item: SourceItem,
    /// Who read.
    pub reader: String,
    /// Under which version of the guideline; empty where nobody said.
    pub guideline: String,
    /// Which structure; empty where nobody said.
    pub structure: String,
    /// Looked, and found nothing.
    pub nothing: bool,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// What was said, by name.
    pub values: Vec<(String, Rated)>,
}

/// A table as reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sheet {
    /// The reads, in the order of their first rows.
    pub reads: Vec<SheetRead>,
    /// Rows of the table.
    pub rows: usize,
    /// Rows that say nothing: not looked at.
    pub empty_rows: usize,
    /// Columns that were left alone.
    pub ignored: Vec<String>,
    /// Ratings that are said in words: of which structure, their name, and the first row with a word.
    pub words: Vec<(String, String, usize)>,
}

/// Reads a table.
///
/// # Errors
/// [`RatingsError`] for the first thing that cannot be taken.
pub fn sheet(table: &Table, defaults: &Defaults) -> Result<Sheet, RatingsError> {
    let Some(rated) = &defaults.matrix else { return read(table, defaults) };
    let (long, readers) = of_matrix(table, rated)?;
    // A row of the matrix is as many rows as it has readers.
    let row_of = |row: usize| (row - 1) / readers + 1;
    let mut sheet =
        read(&long, &Defaults { matrix: None, ..defaults.clone() }).map_err(|error| match error {
            RatingsError::Cell { row, column, why } => RatingsError::Cell { row: row_of(row), column, why },
            other => other,
        })?;
    sheet.reads.iter_mut().for_each(|read| read.row = row_of(read.row));
    sheet.words.iter_mut().for_each(|word| word.2 = row_of(word.2));
    sheet.rows = table.rows();
    Ok(sheet)
}

/// A matrix as a long table, and how many readers it has.
fn of_matrix(table: &Table, rated: &str) -> Result<(Table, usize), RatingsError> {
    let columns = Columns::of(table)?;
    let kept: Vec<&str> = columns.by.values().copied().collect();
    let readers: Vec<&str> = table.names().filter(|n| !n.is_empty() && !kept.contains(n)).collect();
    if let Some(other) = readers.iter().find(|n| identifies(n)) {
        return Err(RatingsError::NotAReader((*other).to_owned()));
    }
    if readers.is_empty() {
        return Err(RatingsError::NoRatings);
    }
    if let Some(name) = ["reader", "value", "name"].iter().find_map(|what| columns.by.get(what)) {
        return Err(RatingsError::NotAReader((*name).to_owned()));
    }
    let long = table.melted(&kept, &readers, ("reader", "value"));
    let long = long.map_err(|error| RatingsError::Table(error.to_string()))?;
    Ok((long.with_constant("name", rated), readers.len()))
}

fn read(table: &Table, defaults: &Defaults) -> Result<Sheet, RatingsError> {
    let columns = Columns::of(table)?;
    columns.check(defaults)?;
    let wide = if columns.has("value") { Vec::new() } else { columns.wide(table)? };
    if !columns.has("value") && !columns.has("state") && wide.is_empty() {
        return Err(RatingsError::NoRatings);
    }
    let used: Vec<&str> = columns.by.values().copied().chain(wide.iter().map(|w| w.0.as_str())).collect();
    let ignored = table.names().filter(|n| !used.contains(n)).map(String::from).collect();
    let mut builder =
        Builder { sheet: Sheet { rows: table.rows(), ignored, ..Sheet::default() }, ..Builder::default() };
    for row in 0..table.rows() {
        builder.take(row, &columns.row(row, defaults, &wide)?)?;
    }
    Ok(builder.sheet)
}

/// Reads in the making.
#[derive(Default)]
struct Builder {
    sheet: Sheet,
    places: HashMap<(SourceItem, String, String, String), usize>,
    /// Different texts by structure and name of the rating.
    texts: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Builder {
    fn take(&mut self, row: usize, of: &RowOf) -> Result<(), RatingsError> {
        if !of.nothing && !of.found && of.values.is_empty() {
            self.sheet.empty_rows += 1;
            return Ok(());
        }
        let refuse = |column: &str, why: &str| RatingsError::Cell {
            row: row + 1,
            column: column.to_owned(),
            why: why.to_owned(),
        };
        let key = (of.item.clone(), of.reader.clone(), of.guideline.clone(), of.structure.clone());
        let next = self.sheet.reads.len();
        let at = *self.places.entry(key).or_insert(next);
        if at == next {
            self.sheet.reads.push(SheetRead {
                row: row + 1,
                item: of.item.clone(),
                reader: of.reader.clone(),
                guideline: of.guideline.clone(),
                structure: of.structure.clone(),
                nothing: of.nothing,
                started_ms: of.started_ms,
                finished_ms: of.finished_ms,
                values: Vec::new(),
            });
        }
        let read = &mut self.sheet.reads[at];
        let first = read.row;
        if read.nothing != of.nothing {
            return Err(refuse(
                "value",
                &format!("\"nothing there\" of a read that says something in row {first}, or the other way"),
            ));
        }
        read.started_ms = [read.started_ms, of.started_ms].into_iter().flatten().min();
        read.finished_ms = read.finished_ms.max(of.finished_ms);
        for (name, value, column) in &of.values {
            if let Rated::Category(text) = value {
                let measure = (of.structure.clone(), name.clone());
                if !self.texts.contains_key(&measure) {
                    self.sheet.words.push((of.structure.clone(), name.clone(), row + 1));
                }
                let texts = self.texts.entry(measure).or_default();
                texts.insert(text.clone());
                if texts.len() > MOST_TEXTS {
                    return Err(refuse(column, "more different texts than a rating has categories"));
                }
            }
            match read.values.iter().find(|v| v.0 == *name) {
                Some(said) if said.1 != *value => {
                    return Err(refuse(
                        column,
                        &format!("another value of the read that begins in row {first}"),
                    ));
                }
                Some(_) => {}
                None => read.values.push((name.clone(), value.clone())),
            }
        }
        Ok(())
    }
}
