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

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use thiserror::Error;

use super::table::{Table, number};
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

/// What says "looked, and found nothing".
const NOTHING: [&str; 8] =
    ["none", "nothing", "nothing there", "absent", "no finding", "no_finding", "not found", "not_found"];
/// What says in a column `state` that something was found.
const FOUND: [&str; 5] = ["found", "present", "done", "labelled", "labeled"];
/// Parts of the names of columns that are no ratings but tell who somebody is.
const IDENTIFYING: [&str; 20] = [
    "patient",
    "mrn",
    "accession",
    "birth",
    "dob",
    "ssn",
    "phone",
    "zip",
    "postal",
    "address",
    "surname",
    "email",
    "insurance",
    "uid",
    "subject",
    "identifier",
    "medical_record",
    "hospital",
    "fullname",
    "name",
];
/// The same, as whole words.
const IDENTIFYING_WORDS: [&str; 9] = ["id", "number", "no", "nr", "age", "sex", "date", "key", "index"];
/// Different texts that a rating has at most: more is free text.
const MOST_TEXTS: usize = 30;
const LONGEST_NAME: usize = 64;
const LONGEST_TEXT: usize = 40;

/// What stands in for columns that a table does not have, or cells that are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Who read.
    pub reader: Option<String>,
    /// Under which version of the guideline.
    pub guideline: Option<String>,
    /// Which structure.
    pub structure: Option<String>,
}

/// Why a table is refused. Holds no cell.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RatingsError {
    /// A column that is needed is not there.
    #[error("no column for the {what}: one of {names}; the table has {present}")]
    Column {
        /// What is missing.
        what: &'static str,
        /// The names it may have.
        names: String,
        /// The columns that are there.
        present: String,
    },
    /// No column holds ratings.
    #[error("no column 'value', and none of numbers that could be ratings; the table has {present}")]
    NoRatings {
        /// The columns that are there.
        present: String,
    },
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
}

/// Reads a table.
///
/// # Errors
/// [`RatingsError`] for the first thing that cannot be taken.
pub fn sheet(table: &Table, defaults: &Defaults) -> Result<Sheet, RatingsError> {
    let columns = Columns::of(table)?;
    columns.check(defaults)?;
    let wide = if columns.has("value") { Vec::new() } else { columns.wide(table) };
    if !columns.has("value") && !columns.has("state") && wide.is_empty() {
        return Err(RatingsError::NoRatings { present: present(table) });
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

fn present(table: &Table) -> String {
    table.names().map(|n| format!("'{}'", crate::model::text::visible(n))).collect::<Vec<_>>().join(", ")
}

/// A name in lower case, with one `_` between words.
fn plain(name: &str) -> String {
    let words = name.trim().to_lowercase();
    words.split([' ', '-', '_', '.']).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("_")
}

/// Whether the name of a column says that it identifies somebody.
fn identifies(name: &str) -> bool {
    let name = plain(name);
    IDENTIFYING.iter().any(|part| name.contains(part))
        || name.split('_').any(|word| IDENTIFYING_WORDS.contains(&word))
}

/// The columns of a table by what they say.
struct Columns<'a> {
    table: &'a Table,
    by: BTreeMap<&'static str, &'a str>,
    cells: BTreeMap<&'static str, &'a [Option<String>]>,
    /// Named ratings of a long table that have values in words.
    in_words: BTreeSet<String>,
}

/// One row before it joins its read.
struct RowOf {
    item: SourceItem,
    reader: String,
    guideline: String,
    structure: String,
    nothing: bool,
    found: bool,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
    values: Vec<(String, Rated, String)>,
}

impl<'a> Columns<'a> {
    fn of(table: &'a Table) -> Result<Self, RatingsError> {
        let mut columns =
            Self { table, by: BTreeMap::new(), cells: BTreeMap::new(), in_words: BTreeSet::new() };
        for (what, names) in COLUMNS {
            let known = |n: &&str| names.contains(&&*plain(n));
            let mut found = table.names().filter(known);
            let (Some(first), second) = (found.next(), found.next()) else { continue };
            if let Some(second) = second {
                let (first, second) = (first.to_owned(), second.to_owned());
                return Err(RatingsError::Twice { what, first, second });
            }
            if let Ok(cells) = table.column(first) {
                columns.by.insert(what, first);
                columns.cells.insert(what, cells);
            }
        }
        for row in 0..table.rows() {
            if let (Some(name), Some(value)) = (columns.cell("name", row), columns.cell("value", row))
                && !is_nothing(value)
                && !is_found(value)
                && number(value).is_none()
            {
                columns.in_words.insert(plain(name));
            }
        }
        Ok(columns)
    }

    fn has(&self, what: &str) -> bool {
        self.by.contains_key(what)
    }

    fn check(&self, defaults: &Defaults) -> Result<(), RatingsError> {
        let missing = |what: &'static str| {
            let names = COLUMNS.iter().find(|c| c.0 == what).map_or(String::new(), |c| c.1.join(", "));
            RatingsError::Column { what, names, present: present(self.table) }
        };
        if !self.has("item") && !self.has("series_uid") {
            return Err(missing("item"));
        }
        if !self.has("reader") && defaults.reader.is_none() {
            return Err(missing("reader"));
        }
        Ok(())
    }

    /// Columns of numbers (and of "nothing there") that are ratings by themselves.
    fn wide(&self, table: &'a Table) -> Vec<(String, &'a [Option<String>])> {
        let known: Vec<&str> = self.by.values().copied().collect();
        let rates = |cells: &[Option<String>]| {
            let mut any = false;
            let all = cells.iter().flatten().all(|c| {
                any = true;
                number(c).is_some() || is_nothing(c)
            });
            any && all
        };
        table
            .names()
            .filter(|n| !known.contains(n) && !identifies(n) && named(n).is_ok())
            .filter_map(|n| Some((n.to_owned(), table.column(n).ok()?)))
            .filter(|(_, cells)| rates(cells))
            .collect()
    }

    fn cell(&self, what: &str, row: usize) -> Option<&'a str> {
        self.cells.get(what)?.get(row)?.as_deref()
    }

    fn refuse(&self, what: &str, row: usize, why: impl Into<String>) -> RatingsError {
        let column = self.by.get(what).map_or(what, |c| *c).to_owned();
        RatingsError::Cell { row: row + 1, column, why: why.into() }
    }

    fn name_in(&self, what: &str, row: usize, default: Option<&String>) -> Result<String, RatingsError> {
        let text = self.cell(what, row).or(default.map(String::as_str)).unwrap_or_default();
        if text.is_empty() {
            return Ok(String::new());
        }
        named(text).map_err(|why| self.refuse(what, row, why))
    }

    fn row(
        &self,
        row: usize,
        defaults: &Defaults,
        wide: &[(String, &[Option<String>])],
    ) -> Result<RowOf, RatingsError> {
        let item = SourceItem {
            series: self.cell("series_uid", row).map(String::from),
            item: self.cell("item", row).map(String::from),
        };
        if item == SourceItem::default() {
            let what = if self.has("item") { "item" } else { "series_uid" };
            return Err(self.refuse(what, row, "no item"));
        }
        if item.series.as_ref().is_some_and(|s| !is_uid(s)) {
            return Err(self.refuse("series_uid", row, "not a UID"));
        }
        let reader = self.name_in("reader", row, defaults.reader.as_ref())?;
        if reader.is_empty() {
            return Err(self.refuse("reader", row, "no reader"));
        }
        let (started_ms, finished_ms) = self.times(row)?;
        let mut of = RowOf {
            item,
            reader,
            guideline: self.name_in("guideline", row, defaults.guideline.as_ref())?,
            structure: self.name_in("structure", row, defaults.structure.as_ref())?,
            nothing: false,
            found: false,
            started_ms,
            finished_ms,
            values: Vec::new(),
        };
        self.state(row, &mut of)?;
        self.said(row, &mut of)?;
        for (name, cells) in wide {
            match cells.get(row).and_then(Option::as_deref) {
                Some(text) if is_nothing(text) => of.nothing = true,
                Some(text) => {
                    of.values.extend(number(text).map(|n| (plain(name), Rated::Number(n), name.clone())));
                }
                None => {}
            }
        }
        if of.nothing && !of.values.is_empty() {
            let column = of.values[0].2.clone();
            let why = "a value beside \"nothing there\"".into();
            return Err(RatingsError::Cell { row: row + 1, column, why });
        }
        Ok(of)
    }

    fn state(&self, row: usize, of: &mut RowOf) -> Result<(), RatingsError> {
        let Some(state) = self.cell("state", row) else { return Ok(()) };
        if is_nothing(state) {
            of.nothing = true;
        } else if is_found(state) {
            of.found = true;
        } else {
            return Err(self.refuse("state", row, "neither \"found\" nor \"none\""));
        }
        Ok(())
    }

    /// The rating of a row of a long table.
    fn said(&self, row: usize, of: &mut RowOf) -> Result<(), RatingsError> {
        let Some(value) = self.cell("value", row) else { return Ok(()) };
        let named_value = self.by.get("value").copied().filter(|n| plain(n) != "value").unwrap_or("rating");
        let name = self.cell("name", row).unwrap_or(named_value);
        if !self.in_words.contains(&plain(name)) && (is_nothing(value) || is_found(value)) {
            of.nothing |= is_nothing(value);
            of.found |= is_found(value);
            return Ok(());
        }
        if identifies(name) {
            return Err(self.refuse("name", row, "the name of an identifier, not of a rating"));
        }
        let name = plain(&named(name).map_err(|why| self.refuse("name", row, why))?);
        let value = match number(value) {
            Some(number) => Rated::Number(number),
            None => Rated::Category(category(value).map_err(|why| self.refuse("value", row, why))?),
        };
        let column = self.by.get("value").map_or("value", |c| *c).to_owned();
        of.values.push((name, value, column));
        Ok(())
    }

    fn times(&self, row: usize) -> Result<(Option<i64>, Option<i64>), RatingsError> {
        let time = |what: &str| match self.cell(what, row) {
            None => Ok(None),
            Some(text) => {
                let why = "neither an ISO date or time nor seconds or milliseconds since 1970";
                instant(text).map(Some).ok_or_else(|| self.refuse(what, row, why))
            }
        };
        let (mut started, finished) = (time("started")?, time("time")?);
        if let Some(text) = self.cell("seconds", row) {
            let seconds = number(text).filter(|s| (0.0..864_000.0).contains(s));
            let seconds = seconds.ok_or_else(|| self.refuse("seconds", row, "not a number of seconds"))?;
            started = started.or(finished.map(|f| f - (1000.0 * seconds).round() as i64));
        }
        if started.zip(finished).is_some_and(|(s, f)| s > f) {
            return Err(self.refuse("started", row, "after the end"));
        }
        Ok((started, finished))
    }
}

/// Whether a text can be a UID: digits and dots, at most 64 characters (PS3.5, 9.1).
pub fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.contains('.')
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn is_found(text: &str) -> bool {
    FOUND.contains(&&*text.trim().to_lowercase())
}

fn is_nothing(text: &str) -> bool {
    NOTHING.contains(&&*text.trim().to_lowercase())
}

/// A short name of a reader, structure, guideline or rating.
fn named(text: &str) -> Result<String, String> {
    let text = text.trim();
    let odd = |c: char| crate::model::text::is_control(c) || matches!(c, '^' | '@' | '"' | '<' | '>' | '\\');
    if text.chars().count() > LONGEST_NAME {
        Err(format!("longer than {LONGEST_NAME} characters"))
    } else if text.contains(odd) {
        Err("a character that no such name has".into())
    } else if longest_digits(text) >= 6 {
        Err("a number of six digits or more in a name".into())
    } else {
        Ok(text.to_owned())
    }
}

/// A category of a rating: a few words.
fn category(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_TEXT || text.split_whitespace().count() > 5 {
        return Err("free text: a rating is a number or a few words".into());
    }
    if longest_digits(text) >= 5 {
        return Err("a number of five digits or more within text".into());
    }
    named(text)
}

fn longest_digits(text: &str) -> usize {
    text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

/// A moment in milliseconds since 1970: ISO date or time (UTC where it names no zone), or seconds or milliseconds.
pub fn instant(text: &str) -> Option<i64> {
    if let Some(number) = number(text) {
        return match number {
            n if (1e11..1e14).contains(&n) => Some(n as i64),
            n if (1e8..1e11).contains(&n) => Some((n * 1000.0) as i64),
            _ => None,
        };
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_millisecond());
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|d| d.at(0, 0, 0, 0))).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(civil).ok().map(|at| at.as_millisecond())
}

/// Reads in the making.
#[derive(Default)]
struct Builder {
    sheet: Sheet,
    places: HashMap<(SourceItem, String, String, String), usize>,
    texts: BTreeMap<String, BTreeSet<String>>,
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
                let texts = self.texts.entry(name.clone()).or_default();
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
