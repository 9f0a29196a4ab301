//! One column: every distinct value once, and for each row which one it has.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use rusqlite::types::ValueRef;

/// A value. Nothing comes before numbers and numbers before text, as SQLite has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Absent.
    Null,
    /// A number.
    Number(f64),
    /// A text.
    Text(Box<str>),
}

impl Cell {
    /// What SQLite holds.
    pub fn of(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(n) => Self::Number(n as f64),
            // A sum with zero has no negative zero, which would be another value.
            ValueRef::Real(n) => Self::Number(n + 0.0),
            ValueRef::Text(t) => Self::Text(String::from_utf8_lossy(t).into()),
            ValueRef::Null | ValueRef::Blob(_) => Self::Null,
        }
    }

    /// The order of SQLite's default collation.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) | (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (_, Self::Null) | (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Null => digest_of(0_u8),
            Self::Number(n) => digest_of(n.to_bits()),
            Self::Text(t) => digest_of(&**t),
        }
    }
}

fn digest_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Codes of rows, as narrow as they can be.
#[derive(Debug)]
enum Codes {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

/// One column.
#[derive(Debug)]
pub struct Column {
    codes: Codes,
    values: Vec<Cell>,
    /// Rows that have each value.
    uses: Vec<u32>,
    /// Where a value stands, by its digest; what collides follows at the next digest.
    places: HashMap<u64, u32>,
}

impl Default for Column {
    fn default() -> Self {
        Self {
            codes: Codes::Narrow(Vec::new()),
            values: vec![Cell::Null],
            uses: vec![0],
            places: HashMap::new(),
        }
    }
}

impl Column {
    /// Sets the value of a row; rows between the last and this one have none.
    pub fn set(&mut self, row: usize, cell: Cell) {
        let code = self.code_of(cell);
        if code > u32::from(u16::MAX)
            && let Codes::Narrow(narrow) = &self.codes
        {
            self.codes = Codes::Wide(narrow.iter().map(|&c| c.into()).collect());
        }
        while self.len() <= row {
            self.uses[0] += 1;
            match &mut self.codes {
                Codes::Narrow(codes) => codes.push(0),
                Codes::Wide(codes) => codes.push(0),
            }
        }
        let before = self.code(row) as usize;
        self.uses[before] -= 1;
        self.uses[code as usize] += 1;
        match &mut self.codes {
            Codes::Narrow(codes) => codes[row] = code as u16,
            Codes::Wide(codes) => codes[row] = code,
        }
    }

    fn len(&self) -> usize {
        match &self.codes {
            Codes::Narrow(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    fn code_of(&mut self, cell: Cell) -> u32 {
        if cell == Cell::Null {
            return 0;
        }
        let mut digest = cell.digest();
        while let Some(&code) = self.places.get(&digest) {
            if self.values[code as usize] == cell {
                return code;
            }
            digest = digest.wrapping_add(1);
        }
        let code = self.values.len() as u32;
        self.places.insert(digest, code);
        self.values.push(cell);
        self.uses.push(0);
        code
    }

    /// Which value a row has.
    pub fn code(&self, row: usize) -> u32 {
        match &self.codes {
            Codes::Narrow(codes) => codes.get(row).copied().unwrap_or(0).into(),
            Codes::Wide(codes) => codes.get(row).copied().unwrap_or(0),
        }
    }

    /// The value of a row.
    pub fn cell(&self, row: usize) -> &Cell {
        &self.values[self.code(row) as usize]
    }

    /// The text with this code.
    pub fn text(&self, code: usize) -> Option<&str> {
        match &self.values[code] {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where a text stands, if it does.
    pub fn find(&self, text: &str) -> Option<u32> {
        let mut digest = digest_of(text);
        while let Some(&code) = self.places.get(&digest) {
            if self.text(code as usize) == Some(text) {
                return Some(code);
            }
            digest = digest.wrapping_add(1);
        }
        None
    }

    /// For each code whether its value is accepted.
    pub fn accepted(&self, accept: impl Fn(&Cell) -> bool) -> Vec<bool> {
        self.values.iter().map(accept).collect()
    }

    /// Distinct values, the absent one included.
    pub fn distinct(&self) -> usize {
        self.values.len()
    }

    /// Rows of each code.
    pub fn uses(&self) -> &[u32] {
        &self.uses
    }

    /// The rank of each code in the order of values.
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.values.len() as u32).collect();
        order.sort_by(|&a, &b| self.values[a as usize].order(&self.values[b as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, code) in order.into_iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        ranks
    }

    /// The rows below `len` whose code is accepted.
    pub fn rows(&self, len: usize, accepted: &[bool]) -> super::Bits {
        match &self.codes {
            Codes::Narrow(codes) => super::Bits::filled(len, |row| accepted[usize::from(codes[row])]),
            Codes::Wide(codes) => super::Bits::filled(len, |row| accepted[codes[row] as usize]),
        }
    }

    /// How many of `rows` have each code.
    pub fn histogram(&self, rows: &super::Bits) -> Vec<u32> {
        let mut counts = vec![0; self.values.len()];
        match &self.codes {
            Codes::Narrow(codes) => rows.each(|row| counts[usize::from(codes[row])] += 1),
            Codes::Wide(codes) => rows.each(|row| counts[codes[row] as usize] += 1),
        }
        counts
    }
}
