//! A row of a table by what its columns say.

use std::collections::{BTreeMap, BTreeSet};

use super::text::{category, identifies, is_found, is_nothing, is_uid, named, plain};
use super::{COLUMNS, Defaults, RatingsError, SourceItem, WORD_AMONG_NUMBERS};
use crate::format::table::{Moments, Table, number};
use crate::measure::reads::Rated;

/// The columns of a table by what they say.
pub(super) struct Columns<'a> {
    pub by: BTreeMap<&'static str, &'a str>,
    cells: BTreeMap<&'static str, &'a [Option<String>]>,
    /// Named ratings of a long table that have values in words.
    in_words: BTreeSet<String>,
    /// How its times are written.
    moments: Moments,
}

/// One row before it joins its read.
pub(super) struct RowOf {
    pub item: SourceItem,
    pub reader: String,
    pub guideline: String,
    pub structure: String,
    pub nothing: bool,
    pub found: bool,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub values: Vec<(String, Rated, String)>,
}

impl<'a> Columns<'a> {
    pub fn of(table: &'a Table) -> Result<Self, RatingsError> {
        let mut columns = Self {
            by: BTreeMap::new(),
            cells: BTreeMap::new(),
            in_words: BTreeSet::new(),
            moments: Moments::default(),
        };
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
        let times = ["time", "started"].into_iter().filter_map(|what| columns.cells.get(what));
        columns.moments = Moments::of(times.flat_map(|cells| cells.iter().flatten().map(String::as_str)));
        columns.find_words(table.rows())?;
        Ok(columns)
    }

    /// Finds out which ratings are said in words; one that begins with numbers has no words.
    fn find_words(&mut self, rows: usize) -> Result<(), RatingsError> {
        let mut numeric: BTreeSet<(&str, String)> = BTreeSet::new();
        for row in 0..rows {
            let Some(value) = self.cell("value", row) else { continue };
            if is_nothing(value) || is_found(value) {
                continue;
            }
            let name = self.cell("name", row).map(plain);
            let measure = (self.cell("structure", row).unwrap_or_default(), name.clone().unwrap_or_default());
            if number(value).is_some() {
                numeric.insert(measure);
            } else if numeric.contains(&measure) {
                return Err(self.refuse("value", row, WORD_AMONG_NUMBERS));
            } else {
                self.in_words.extend(name);
            }
        }
        Ok(())
    }

    pub fn has(&self, what: &str) -> bool {
        self.by.contains_key(what)
    }

    pub fn check(&self, defaults: &Defaults) -> Result<(), RatingsError> {
        let missing = |what: &'static str| {
            let names = COLUMNS.iter().find(|c| c.0 == what).map_or(String::new(), |c| c.1.join(", "));
            RatingsError::Column { what, names }
        };
        if !self.has("item") && !self.has("series_uid") {
            return Err(missing("item"));
        }
        if !self.has("reader") && defaults.reader.is_none() {
            let RatingsError::Column { names, .. } = missing("reader") else { return Ok(()) };
            return Err(RatingsError::NoReader { names });
        }
        Ok(())
    }

    /// Columns of numbers (and of "nothing there") that are ratings by themselves: those that begin with a number, or
    /// are numbers for the greater part.
    ///
    /// # Errors
    /// A word in one of them.
    pub fn wide(&self, table: &'a Table) -> Result<Vec<(String, &'a [Option<String>])>, RatingsError> {
        let known: Vec<&str> = self.by.values().copied().collect();
        let mut wide = Vec::new();
        for name in table.names() {
            if name.is_empty() || known.contains(&name) || identifies(name) || named(name).is_err() {
                continue;
            }
            let twice = || RatingsError::Twice { what: "rating", first: name.into(), second: name.into() };
            let cells = table.column(name).map_err(|_| twice())?;
            let said = || cells.iter().enumerate().filter_map(|(row, c)| Some((row, c.as_deref()?)));
            let mut rated = said().filter(|(_, c)| !is_nothing(c)).peekable();
            let begins = rated.peek().is_none_or(|(_, c)| number(c).is_some());
            let (numbers, words): (Vec<_>, Vec<_>) = rated.partition(|(_, c)| number(c).is_some());
            if said().next().is_none() || !begins && numbers.len() <= words.len() {
                continue;
            }
            if let Some((row, _)) = words.first() {
                let (row, column) = (row + 1, name.to_owned());
                return Err(RatingsError::Cell { row, column, why: WORD_AMONG_NUMBERS.into() });
            }
            wide.push((name.to_owned(), cells));
        }
        Ok(wide)
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

    pub fn row(
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
                let at = self.moments.instant(text).map_err(|why| self.refuse(what, row, why.to_string()))?;
                Ok(Some(at.as_millisecond()))
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
