//! Reads as they come in, kept so that agreement and drift are up to date after each.
//!
//! A *read* is what one reader said of one structure on one item under one version of the guideline: values by name, or
//! "looked, and found nothing". For agreement the latest read of each reader, item and structure counts; on control
//! charts every read that was not replaced is a point. A [`ReadIndex`] takes reads in any order and answers from what it
//! holds; a read costs as much as its item has readers.

mod agree;
mod chart;
mod column;
mod drift;
mod names;
mod numbers;
mod panel;
mod trace;

pub use agree::{Case, Cell, Coefficient, Detail, Looks, Pair, PairKind};
pub use chart::{Chart, ChartState, Crossing, DisplayScale, Point};
pub use column::{MeasureKey, Scale, Spec};
pub use drift::{Attributed, By, Drifts, Mark, MarkKind, Metric, Reason as DriftReason, Row as DriftRow};
pub use names::Names;

use std::collections::{BTreeMap, HashMap};

use column::Column;
use trace::{CachedChart, PooledCharts};

/// What was said: a number or a category.
#[derive(Debug, Clone, PartialEq)]
pub enum Rated {
    /// A number: a rating on a scale of numbers, or a measured value.
    Number(f64),
    /// A category by its name.
    Category(String),
}

/// A read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Read {
    /// Its number; a later one of the same reader, guideline, item and structure replaces an earlier one.
    pub id: i64,
    /// Who read.
    pub reader: String,
    /// The guideline's version.
    pub guideline: String,
    /// What was read: any name that is the same for the same item.
    pub item: String,
    /// The structure.
    pub structure: String,
    /// Where the image comes from; empty where nobody knows.
    pub site: String,
    /// What made the image; empty where nobody knows.
    pub scanner: String,
    /// The reader looked, and found nothing.
    pub nothing: bool,
    /// When it began, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// When it ended; without it the read is on no chart.
    pub finished_ms: Option<i64>,
    /// What was said, by name.
    pub values: Vec<(String, Rated)>,
}

/// A value as it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RatedValue {
    Number(f64),
    Text(u32),
}

/// A read as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    id: i64,
    item: u32,
    reader: u32,
    guideline: u32,
    site: u32,
    scanner: u32,
    nothing: bool,
    at_ms: Option<i64>,
    /// How long it took, in seconds.
    took_s: Option<f64>,
    values: Vec<(u32, RatedValue)>,
}

/// The reads of one structure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Structure {
    rows: Vec<Row>,
    /// Row by item, reader and guideline.
    by_key: HashMap<(u32, u32, u32), u32>,
    /// Items in the order in which they came, and their places.
    items: Vec<u32>,
    places: HashMap<u32, u32>,
    /// By place: every row, with its reader.
    looks: Vec<Vec<(u32, u32)>>,
    /// By place: when its last read ended, and which row that is.
    done: Vec<Option<(i64, u32)>>,
    /// Rows that have a time, by reader, in the order of time.
    by_reader: BTreeMap<u32, Vec<u32>>,
    /// The latest items that are done, in the order of time; none where they have to be looked for.
    latest: Option<Vec<drift::Done>>,
    /// Charts of reading times and what has changed since, by reader and of all.
    times: HashMap<u32, CachedChart<u32>>,
    all_times: Option<PooledCharts>,
    /// How often charts were asked for.
    asked: u64,
    /// Columns by name; presence has a name of its own.
    columns: BTreeMap<u32, Column>,
}

/// The name under which presence is a measure: every read that found the structure against every read that looked and
/// found nothing.
pub const PRESENCE: &str = "presence";

/// All reads of a workspace, by structure.
#[derive(Debug, Clone, Default)]
pub struct ReadIndex {
    readers: Names,
    guidelines: Names,
    items: Names,
    sites: Names,
    scanners: Names,
    measures: Names,
    texts: Names,
    structures: BTreeMap<String, Structure>,
    specs: Vec<(MeasureKey, Spec)>,
    reads: usize,
}

impl ReadIndex {
    /// No reads yet; `specs` say what is known of measures beforehand.
    pub fn new(specs: Vec<(MeasureKey, Spec)>) -> Self {
        let mut board = Self { specs, ..Self::default() };
        board.measures.number(PRESENCE);
        board
    }

    /// Takes a read; the one that it replaces is forgotten. An earlier one than what is there changes nothing.
    pub fn put(&mut self, read: &Read) {
        let (item, reader) = (self.items.number(&read.item), self.readers.number(&read.reader));
        let guideline = self.guidelines.number(&read.guideline);
        let values = read.values.iter().map(|(name, value)| {
            let said = match value {
                Rated::Number(n) => RatedValue::Number(*n),
                Rated::Category(text) => RatedValue::Text(self.texts.number(text)),
            };
            (self.measures.number(name), said)
        });
        let row = Row {
            id: read.id,
            item,
            reader,
            guideline,
            values: values.collect(),
            site: self.sites.number(&read.site),
            scanner: self.scanners.number(&read.scanner),
            nothing: read.nothing,
            at_ms: read.finished_ms,
            took_s: took(read.started_ms, read.finished_ms),
        };
        if !self.structures.contains_key(&read.structure) {
            self.structures.insert(read.structure.clone(), Structure::default());
        }
        if let Some(structure) = self.structures.get_mut(&read.structure) {
            self.reads += usize::from(structure.put(row));
        }
    }

    /// Whether it holds a read of the same reader, guideline, item and structure: one that this one would replace.
    pub fn holds(&self, read: &Read) -> bool {
        let key = || {
            let (item, reader) = (self.items.find(&read.item)?, self.readers.find(&read.reader)?);
            Some((item, reader, self.guidelines.find(&read.guideline)?))
        };
        self.structures
            .get(&read.structure)
            .zip(key())
            .is_some_and(|(structure, key)| structure.by_key.contains_key(&key))
    }

    /// How many reads it holds.
    pub fn len(&self) -> usize {
        self.reads
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.reads == 0
    }

    /// How many items were read.
    pub fn item_count(&self) -> usize {
        self.items.len()
    }

    /// Readers by number.
    pub fn readers(&self) -> &Names {
        &self.readers
    }

    /// Items by number.
    pub fn items(&self) -> &Names {
        &self.items
    }

    /// Sites by number.
    pub fn sites(&self) -> &Names {
        &self.sites
    }

    /// Every measure that readers said anything of, by structure and name.
    pub fn measures(&self) -> Vec<MeasureKey> {
        let mut keys = Vec::new();
        for (structure, reads) in &self.structures {
            for &name in reads.columns.keys() {
                let name = self.measures.name(name).to_owned();
                keys.push(MeasureKey { structure: structure.clone(), name });
            }
        }
        keys.sort();
        keys
    }

    /// Hands every read that stands, and whose item and end `keep` wants, to `take`.
    pub fn each(&self, keep: impl Fn(&str, Option<i64>) -> bool, mut take: impl FnMut(Read)) {
        for (structure, reads) in &self.structures {
            for row in reads.rows.iter().filter(|r| keep(self.items.name(r.item), r.at_ms)) {
                take(self.read(structure, row));
            }
        }
    }

    fn read(&self, structure: &str, row: &Row) -> Read {
        let value = |(name, said): &(u32, RatedValue)| {
            let said = match said {
                RatedValue::Number(n) => Rated::Number(*n),
                RatedValue::Text(text) => Rated::Category(self.texts.name(*text).into()),
            };
            (self.measures.name(*name).to_owned(), said)
        };
        let took_ms = row.took_s.map(|s| (s * 1000.0).round() as i64);
        Read {
            id: row.id,
            reader: self.readers.name(row.reader).into(),
            guideline: self.guidelines.name(row.guideline).into(),
            item: self.items.name(row.item).into(),
            structure: structure.into(),
            site: self.sites.name(row.site).into(),
            scanner: self.scanners.name(row.scanner).into(),
            nothing: row.nothing,
            started_ms: row.at_ms.zip(took_ms).map(|(at, took)| at - took),
            finished_ms: row.at_ms,
            values: row.values.iter().map(value).collect(),
        }
    }

    fn spec(&self, key: &MeasureKey) -> Spec {
        let fits =
            |k: &MeasureKey| k.name == key.name && (k.structure.is_empty() || k.structure == key.structure);
        let exact = |k: &MeasureKey| k == key;
        let found =
            self.specs.iter().find(|s| exact(&s.0)).or_else(|| self.specs.iter().find(|s| fits(&s.0)));
        found.map(|s| s.1.clone()).unwrap_or_default()
    }

    fn structure(&self, name: &str) -> Option<&Structure> {
        self.structures.get(name)
    }
}

/// Seconds from begin to end; none for what cannot be: longer than a day, or ended before it began.
fn took(started_ms: Option<i64>, finished_ms: Option<i64>) -> Option<f64> {
    let span = finished_ms?.checked_sub(started_ms?)?;
    (span > 0 && span < 24 * 3_600_000).then(|| span as f64 / 1000.0)
}

impl Structure {
    /// Takes a row; whether it is one more.
    fn put(&mut self, row: Row) -> bool {
        let key = (row.item, row.reader, row.guideline);
        let at = if let Some(&at) = self.by_key.get(&key) {
            if self.rows[at as usize].id > row.id {
                return false;
            }
            self.forget_time(at);
            self.rows[at as usize] = row;
            self.remember_time(at);
            self.refresh(at);
            return false;
        } else {
            self.rows.len() as u32
        };
        self.rows.push(row);
        self.by_key.insert(key, at);
        self.remember_time(at);
        self.refresh(at);
        true
    }

    /// The place of an item.
    fn place(&mut self, item: u32) -> u32 {
        let next = self.items.len() as u32;
        let place = *self.places.entry(item).or_insert(next);
        if place == next {
            self.items.push(item);
            self.looks.push(Vec::new());
            self.done.push(None);
            for column in self.columns.values_mut() {
                column.grow(self.items.len());
            }
        }
        place
    }

    /// Makes the latest row of this reader and item what counts.
    fn refresh(&mut self, at: u32) {
        let (item, reader) = (self.rows[at as usize].item, self.rows[at as usize].reader);
        let place = self.place(item);
        let looks = &mut self.looks[place as usize];
        if !looks.iter().any(|l| l.1 == at) {
            looks.push((reader, at));
        }
        if let Some(times) = self.times.get_mut(&reader) {
            times.touch(item);
        }
        if let Some(times) = &mut self.all_times {
            times.touch(item);
        }
        // Whoever looked at this item is compared with this reader.
        let looks = &self.looks[place as usize];
        self.columns.values_mut().for_each(|column| column.touch(item, looks));
        let timed = |l: &(u32, u32)| self.rows[l.1 as usize].at_ms.map(|at_ms| (at_ms, l.1));
        let done = self.looks[place as usize].iter().filter_map(timed).max();
        let before = std::mem::replace(&mut self.done[place as usize], done);
        self.move_latest(place, before, done);
        if let Some(latest) = self.latest(place, reader) {
            self.tell_columns(place, reader, latest);
        }
    }

    /// The latest row of a reader on an item.
    fn latest(&self, place: u32, reader: u32) -> Option<u32> {
        let order =
            |at: &u32| (self.rows[*at as usize].at_ms.unwrap_or(i64::MIN), self.rows[*at as usize].id);
        self.looks[place as usize].iter().filter(|l| l.0 == reader).map(|l| l.1).max_by_key(order)
    }

    fn tell_columns(&mut self, place: u32, reader: u32, at: u32) {
        let row = &self.rows[at as usize];
        let items = self.items.len();
        for &(name, _) in &row.values {
            self.columns.entry(name).or_insert_with(|| Column::new(items, false));
        }
        // Presence is the first measure of every board.
        self.columns.entry(0).or_insert_with(|| Column::new(items, true));
        for (&name, column) in &mut self.columns {
            let said = if name == 0 {
                Some(RatedValue::Number(f64::from(u8::from(!row.nothing))))
            } else {
                row.values.iter().find(|v| v.0 == name).map(|v| v.1)
            };
            column.set(place, reader, at, said);
        }
    }

    fn remember_time(&mut self, at: u32) {
        let Row { reader, at_ms: Some(_), .. } = self.rows[at as usize] else { return };
        let key = |r: &u32| (self.rows[*r as usize].at_ms, self.rows[*r as usize].id);
        let rows = self.by_reader.entry(reader).or_default();
        let place = rows.partition_point(|r| key(r) < key(&at));
        rows.insert(place, at);
    }

    fn forget_time(&mut self, at: u32) {
        let reader = self.rows[at as usize].reader;
        if let Some(rows) = self.by_reader.get_mut(&reader) {
            rows.retain(|r| *r != at);
        }
    }
}
