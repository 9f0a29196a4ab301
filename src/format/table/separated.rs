//! Separated text (RFC 4180, with a semicolon or tab instead of the comma where the header has it).

use super::{TableError, number, said};

/// Separators that are known.
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// Records by which the separator is chosen.
const LOOKED_AT: usize = 10;
/// Columns, at most: what a spreadsheet has.
const MOST_COLUMNS: usize = 16_384;
/// Bytes of a cell, at most.
const LONGEST_CELL: usize = 1 << 20;

type Column = (String, Vec<Option<String>>);

/// The columns of a table whose first record names them. Rows that end early lack their last cells; empty lines are no
/// rows.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, TableError> {
    let (text, declared) = declared_separator(text)?;
    let separator = declared.unwrap_or_else(|| separator(text));
    let mut records = Records { rest: text, separator, row: 0 };
    let mut header = Vec::new();
    records.next(&mut header)?;
    let mut columns: Vec<Column> =
        header.drain(..).map(|name| (name.trim().to_owned(), Vec::new())).collect();
    let mut cells = Vec::new();
    while records.next(&mut cells)? {
        if cells.len() > columns.len() && cells[columns.len()..].iter().any(|c| !c.trim().is_empty()) {
            return Err(TableError::Row {
                row: records.row - 1,
                why: "more cells than the header has columns",
            });
        }
        for (at, column) in columns.iter_mut().enumerate() {
            column.1.push(cells.get(at).and_then(|c| said(c)));
        }
    }
    // A separator at the end of each line makes a column that is none.
    while columns.last().is_some_and(|c| c.0.is_empty() && c.1.iter().all(Option::is_none)) {
        columns.pop();
    }
    if separator == ';' {
        columns.iter_mut().try_for_each(|column| decimal_points(&mut column.1))?;
    }
    Ok(columns)
}

/// A first line `sep=;`, as spreadsheets write and read it.
fn declared_separator(text: &str) -> Result<(&str, Option<char>), TableError> {
    let line = text.lines().next().unwrap_or_default();
    let Some(separator) = line.trim_matches('"').strip_prefix("sep=") else { return Ok((text, None)) };
    let known = SEPARATORS.into_iter().find(|s| separator.chars().eq([*s]));
    let why = "the separator is neither a comma nor a semicolon nor a tab";
    let known = known.ok_or(TableError::Row { row: 0, why })?;
    Ok((text[line.len()..].trim_start_matches(['\r', '\n']), Some(known)))
}

/// The separator that splits the first records alike, then the one that splits the header most.
fn separator(text: &str) -> char {
    let score = |separator: char| {
        let mut records = Records { rest: text, separator, row: 0 };
        let mut cells = Vec::new();
        let mut counts = Vec::new();
        while counts.len() < LOOKED_AT && matches!(records.next(&mut cells), Ok(true)) {
            counts.push(cells.len());
        }
        let header = counts.first().copied().unwrap_or(0);
        let alike = if header > 1 { counts.iter().filter(|n| **n == header).count() } else { 0 };
        (alike, header)
    };
    // Of equals the first of the list.
    SEPARATORS.into_iter().rev().max_by_key(|s| score(*s)).unwrap_or(',')
}

/// Records of a text, one after another.
struct Records<'t> {
    rest: &'t str,
    separator: char,
    /// How many records were given: the number of the one that is read now, counted from the header as 0.
    row: usize,
}

impl Records<'_> {
    /// The cells of the next record that says anything; `false` at the end.
    fn next(&mut self, cells: &mut Vec<String>) -> Result<bool, TableError> {
        while !self.rest.is_empty() {
            self.record(cells)?;
            if cells.iter().any(|c| !c.trim().is_empty()) {
                self.row += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads to the end of a line.
    fn record(&mut self, cells: &mut Vec<String>) -> Result<(), TableError> {
        cells.clear();
        loop {
            let cell = if self.rest.starts_with('"') { self.quoted()? } else { self.plain() };
            if cell.len() > LONGEST_CELL {
                return Err(self.refuse("a cell of more than 1 MiB"));
            }
            if cells.len() >= MOST_COLUMNS {
                return Err(self.refuse("more than 16384 cells"));
            }
            cells.push(cell);
            let mut rest = self.rest.chars();
            let end = rest.next();
            self.rest = rest.as_str();
            if end != Some(self.separator) {
                if end == Some('\r') {
                    self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
                }
                return Ok(());
            }
        }
    }

    fn refuse(&self, why: &'static str) -> TableError {
        TableError::Row { row: self.row, why }
    }

    fn plain(&mut self) -> String {
        let ends = |c: char| c == self.separator || c == '\n' || c == '\r';
        let (cell, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        cell.to_owned()
    }

    /// A cell in quotes; two of them inside are one.
    fn quoted(&mut self) -> Result<String, TableError> {
        let mut cell = String::new();
        loop {
            let inside = &self.rest[1..];
            let end = inside.find('"').ok_or_else(|| self.refuse("a quoted cell without an end"))?;
            cell.push_str(&inside[..end]);
            self.rest = &inside[end + 1..];
            if !self.rest.starts_with('"') {
                break;
            }
            cell.push('"');
        }
        self.rest = self.rest.trim_start_matches(' ');
        let ends = |c: char| c == self.separator || c == '\n' || c == '\r';
        if self.rest.is_empty() || self.rest.starts_with(ends) {
            Ok(cell)
        } else {
            Err(self.refuse("text behind the end of a quoted cell"))
        }
    }
}

/// Decimal commas as points. A column that has both is refused: one of them may part thousands.
fn decimal_points(cells: &mut [Option<String>]) -> Result<(), TableError> {
    let comma = |text: &str| {
        let point = text.matches(',').count() == 1 && !text.contains('.');
        let point = point.then(|| text.replace(',', "."))?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (whole, rest) = text.trim_start_matches(['+', '-']).split_once(',')?;
        let fraction = rest.split(['e', 'E']).next().unwrap_or_default();
        ((whole.is_empty() || digits(whole)) && digits(fraction) && number(&point).is_some()).then_some(point)
    };
    let is_pointed = |text: &str| text.contains('.') && number(text).is_some();
    let mut seen = [false; 2];
    for (row, cell) in cells.iter_mut().enumerate() {
        let Some(text) = cell else { continue };
        let decimal = comma(text);
        seen[0] |= decimal.is_some();
        seen[1] |= is_pointed(text);
        if seen == [true; 2] {
            return Err(TableError::Row {
                row: row + 1,
                why: "a column with decimal commas and decimal points",
            });
        }
        if let Some(decimal) = decimal {
            *text = decimal;
        }
    }
    Ok(())
}
