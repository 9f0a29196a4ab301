//! A table of ratings as the measures of agreement take it.

use std::collections::BTreeMap;

use super::{AgreeError, Options};
use crate::format::ratings::{COLUMNS, identifies, plain};
use crate::format::table::{Table, TableError, number};
use crate::measure::agreement::{Level, Ratings};

/// A table as ratings, with the readers' names sorted as text.
pub(super) struct Read {
    pub ratings: Ratings,
    pub readers: Vec<String>,
    pub numeric: bool,
}

/// The ratings of a table with columns `item`, `reader`, `value`, or of a matrix with a column per reader.
pub(super) fn read(table: &Table, options: &Options) -> Result<Read, AgreeError> {
    if named(table, "reader")?.is_some() || named(table, "value")?.is_some() {
        return long(table, options);
    }
    let (long_table, readers) = of_matrix(table)?;
    // A row of the matrix is as many rows as it has readers.
    let row_of = |row: usize| (row - 1) / readers + 1;
    long(&long_table, options).map_err(|error| match error {
        AgreeError::Absent { row, column } => AgreeError::Absent { row: row_of(row), column },
        AgreeError::Twice { row, first } => AgreeError::Twice { row: row_of(row), first: row_of(first) },
        AgreeError::OutsideScale { row } => AgreeError::OutsideScale { row: row_of(row) },
        AgreeError::Word { row } => AgreeError::Word { row: row_of(row) },
        other => other,
    })
}

/// The name of the column that says `what`: that name in any case, else one of the names known for it.
fn named<'t>(table: &'t Table, what: &'static str) -> Result<Option<&'t str>, TableError> {
    let known = COLUMNS.iter().find(|c| c.0 == what).map_or(&[][..], |c| c.1);
    let with = |is: &dyn Fn(&str) -> bool| table.names().filter(|n| is(n)).collect::<Vec<_>>();
    let exact = with(&|n| n.eq_ignore_ascii_case(what));
    let found = if exact.is_empty() { with(&|n| known.contains(&&*plain(n))) } else { exact };
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(TableError::Twice { wanted: what.to_owned(), count: found.len() }),
    }
}

fn column<'t>(table: &'t Table, what: &'static str) -> Result<&'t [Option<String>], TableError> {
    table.column(named(table, what)?.unwrap_or(what))
}

/// A matrix as a long table, and how many readers it has.
fn of_matrix(table: &Table) -> Result<(Table, usize), AgreeError> {
    let item = named(table, "item")?.ok_or_else(|| missing(table, "item"))?;
    let readers: Vec<&str> = table.names().filter(|n| *n != item).collect();
    let known = |n: &str| COLUMNS.iter().any(|c| c.1.contains(&&*plain(n)));
    let is_other = |n: &str| n.is_empty() || known(n) || identifies(n);
    if readers.len() < 2 {
        return Err(missing(table, "reader").into());
    }
    if let Some(at) = table.names().position(|n| n != item && is_other(n)) {
        return Err(AgreeError::Matrix { column: at + 1 });
    }
    Ok((table.melted(&[item], &readers, ("reader", "value"))?, readers.len()))
}

fn missing(table: &Table, wanted: &str) -> TableError {
    TableError::Column { wanted: wanted.to_owned(), columns: table.names().count() }
}

fn long(table: &Table, options: &Options) -> Result<Read, AgreeError> {
    let (items, readers) = (column(table, "item")?, column(table, "reader")?);
    let values = column(table, "value")?;
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, (item, reader)) in items.iter().zip(readers).enumerate() {
        let absent = |column| AgreeError::Absent { row: row + 1, column };
        names.insert(reader.as_deref().ok_or_else(|| absent("reader"))?, 0);
        let next = places.len();
        places.entry(item.as_deref().ok_or_else(|| absent("item"))?).or_insert(next);
    }
    for (at, place) in names.values_mut().enumerate() {
        *place = at;
    }
    let words = options.scale.as_ref().is_some_and(|s| s.iter().any(|v| number(v).is_none()));
    if matches!(options.level, Level::Interval | Level::Ratio)
        && !words
        && let Some(row) = values.iter().position(|v| v.as_ref().is_some_and(|v| number(v).is_none()))
    {
        return Err(AgreeError::Word { row: row + 1 });
    }
    let scale = Scale::of(values, options.scale.as_deref())?;
    let mut cells = vec![None; places.len() * names.len()];
    let mut first: Vec<usize> = vec![0; cells.len()];
    for (row, ((item, reader), value)) in items.iter().zip(readers).zip(values).enumerate() {
        let (Some(item), Some(reader)) = (item.as_deref(), reader.as_deref()) else { continue };
        let at = places[item] * names.len() + names[reader];
        if first[at] > 0 {
            return Err(AgreeError::Twice { row: row + 1, first: first[at] });
        }
        first[at] = row + 1;
        if let Some(value) = value {
            cells[at] = Some(scale.position(value).ok_or(AgreeError::OutsideScale { row: row + 1 })?);
        }
    }
    let ratings = Ratings::new(scale.values(), names.len(), cells).ok_or(AgreeError::Empty)?;
    let readers = names.into_keys().map(str::to_owned).collect();
    Ok(Read { ratings, readers, numeric: matches!(scale, Scale::Numbers(_)) })
}

/// The categories in order: numbers if every one is, else text.
enum Scale {
    Numbers(Vec<f64>),
    Text(Vec<String>),
}

impl Scale {
    fn of(values: &[Option<String>], declared: Option<&[String]>) -> Result<Self, AgreeError> {
        let present = || values.iter().flatten();
        let all_numbers = present().all(|v| number(v).is_some());
        let sorted_text = || {
            let mut text: Vec<String> = present().cloned().collect();
            text.sort_unstable();
            text.dedup();
            text
        };
        let Some(declared) = declared else {
            if !all_numbers {
                return Ok(Self::Text(sorted_text()));
            }
            let mut numbers: Vec<f64> = present().filter_map(|v| number(v)).map(|v| v + 0.0).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            return Ok(Self::Numbers(numbers));
        };
        let numbers: Option<Vec<f64>> = declared.iter().map(|v| number(v)).collect();
        let twice = match (&numbers, all_numbers) {
            (Some(numbers), true) => numbers.iter().enumerate().any(|(k, v)| numbers[..k].contains(v)),
            _ => declared.iter().enumerate().any(|(k, v)| declared[..k].contains(v)),
        };
        match numbers {
            _ if twice => Err(AgreeError::Scale),
            Some(numbers) if all_numbers => Ok(Self::Numbers(numbers)),
            _ => Ok(Self::Text(declared.to_vec())),
        }
    }

    fn position(&self, value: &str) -> Option<u32> {
        let at = match self {
            Self::Numbers(numbers) => {
                let v = number(value)? + 0.0;
                let sorted = numbers.is_sorted();
                if sorted {
                    numbers.binary_search_by(|n| n.total_cmp(&v)).ok()
                } else {
                    numbers.iter().position(|n| *n == v)
                }
            }
            Self::Text(text) => text.iter().position(|t| t == value),
        };
        at.map(|at| at as u32)
    }

    /// The numbers themselves, or positions from 1.
    fn values(&self) -> Vec<f64> {
        match self {
            Self::Numbers(numbers) => numbers.clone(),
            Self::Text(text) => (1..=text.len()).map(|k| k as f64).collect(),
        }
    }
}
