//! The columns of every series in memory, so that a query over a million series is answered in milliseconds: each
//! column holds its distinct values once and a code per row, a query is evaluated on the values and then on the codes.
//! Derived from the table `series`, loaded on request and kept in step: triggers note every row that a transaction
//! touches, and it is read again when the transaction has been committed, before its caller goes on. About 100 bytes a
//! series. Where it is not loaded, SQL gives the same answers.

mod bits;
mod column;
mod eval;
mod order;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rusqlite::Connection;

pub use bits::Bits;
use column::{Cell, Column};
use order::Sorted;

use super::fields::{FACETS, FIELDS, Kind, Order, field_named};
use super::{CatalogError, Filter};

/// Columns that no field names, and that words or orders need.
const MORE: [&str; 2] = ["study_description", "notes"];

/// Notes every series that a transaction touches.
const TRIGGERS: &str = "
    PRAGMA temp_store = MEMORY;
    CREATE TEMP TABLE IF NOT EXISTS touched (id INTEGER PRIMARY KEY);
    CREATE TEMP TRIGGER IF NOT EXISTS series_came AFTER INSERT ON main.series
      BEGIN INSERT OR IGNORE INTO touched VALUES (new.id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS series_changed AFTER UPDATE ON main.series
      BEGIN INSERT OR IGNORE INTO touched VALUES (new.id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS series_went AFTER DELETE ON main.series
      BEGIN INSERT OR IGNORE INTO touched VALUES (old.id); END;
    CREATE TEMP TRIGGER IF NOT EXISTS finding_came AFTER INSERT ON main.finding
      BEGIN INSERT OR IGNORE INTO touched SELECT id FROM series WHERE uid = new.series_uid; END;
    CREATE TEMP TRIGGER IF NOT EXISTS finding_went AFTER DELETE ON main.finding
      BEGIN INSERT OR IGNORE INTO touched SELECT id FROM series WHERE uid = old.series_uid; END;
    DELETE FROM touched;";

/// The columns that are held, in the order in which they are read.
fn columns() -> Vec<&'static str> {
    let mut names: Vec<&str> = FIELDS
        .iter()
        .filter(|f| f.kind != Kind::Finding && f.column != "uid")
        .map(|f| f.column)
        .chain(MORE)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The index of a catalog: loaded, or not.
#[derive(Default)]
pub struct Index {
    loaded: RwLock<Option<Loaded>>,
    orders: Mutex<Vec<(Order, Sorted)>>,
    /// Held by who loads it: a second one would forget what the first has noted.
    loading: Mutex<()>,
}

/// Every series by its row number.
pub(super) struct Loaded {
    /// Rows that are there.
    live: Bits,
    /// One more than the largest row number.
    len: usize,
    columns: BTreeMap<&'static str, Column>,
    latest_ms: Vec<i64>,
    findings: HashMap<String, Bits>,
    /// Rows in the order in which they were touched, for orders that were made before.
    touched: Vec<u32>,
    /// How often `touched` was emptied.
    epoch: u64,
}

/// Rows that [`Loaded::touched`] remembers.
const REMEMBERED: usize = 1 << 16;

impl Index {
    /// The right to load it; waits for who has it.
    pub fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes from now on what transactions touch. Called with the writer.
    pub fn watch(writer: &Connection) -> Result<(), CatalogError> {
        Ok(writer.execute_batch(TRIGGERS)?)
    }

    /// Reads every series as `reader` sees it.
    pub fn load(reader: &Connection) -> Result<Loaded, CatalogError> {
        let names = columns();
        let mut loaded = Loaded {
            live: Bits::default(),
            len: 0,
            columns: names.iter().map(|name| (*name, Column::default())).collect(),
            latest_ms: Vec::new(),
            findings: HashMap::new(),
            touched: Vec::new(),
            epoch: 0,
        };
        let mut statement =
            reader.prepare(&format!("SELECT id, latest_ms, {} FROM series ORDER BY id", names.join(", ")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            loaded.take(row)?;
        }
        let mut statement = reader
            .prepare("SELECT s.id, f.check_name FROM finding f JOIN series s ON s.uid = f.series_uid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, check): (i64, String) = (row.get(0)?, row.get(1)?);
            loaded.findings.entry(check).or_default().set(id as usize, true);
        }
        Ok(loaded)
    }

    /// Puts what was loaded in force, brought up to date. Called with the writer, outside a transaction.
    pub fn publish(&self, mut loaded: Loaded, writer: &Connection) -> Result<(), CatalogError> {
        loaded.follow(writer)?;
        loaded.touched.clear();
        let mut orders = Vec::new();
        for order in [Order::Subject, Order::Newest, Order::Severity, Order::Size, Order::Arrival] {
            Self::sorted(&mut orders, &loaded, order);
        }
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = orders;
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(())
    }

    /// Reads again what the last transaction touched. Where that fails the index is given up, and SQL answers.
    pub fn follow(&self, writer: &Connection) {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = loaded.as_mut()
            && let Err(error) = index.follow(writer)
        {
            tracing::warn!("the catalog's index is given up: {error}");
            *loaded = None;
        }
    }

    fn loaded(&self) -> RwLockReadGuard<'_, Option<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the index answers.
    pub fn is_loaded(&self) -> bool {
        self.loaded().is_some()
    }

    /// The row numbers of a page in order, and how many rows match; `None` where SQL has to answer.
    pub fn page(
        &self,
        reader: &Connection,
        filter: &Filter,
        order: Order,
        offset: u64,
        limit: u32,
    ) -> Result<Option<(Vec<i64>, u64)>, CatalogError> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = self.loaded();
        let Some(loaded) = guard.as_ref().filter(|l| l.can_order(order)) else { return Ok(None) };
        let rows = loaded.evaluate(reader, filter)?;
        let sorted = Self::sorted(&mut orders, loaded, order);
        Ok(Some((sorted.walk(loaded, order, &rows, offset, limit), rows.count())))
    }

    /// The rows in an order, which is made where it is not there and mended where rows changed since.
    fn sorted<'s>(orders: &'s mut Vec<(Order, Sorted)>, loaded: &Loaded, order: Order) -> &'s Sorted {
        let at = match orders.iter().position(|(o, _)| *o == order) {
            Some(at) => at,
            None => {
                // As many orders as a person may try; a million rows are 4 MB each.
                if orders.len() >= 12 {
                    orders.remove(5);
                }
                orders.push((order, Sorted::new(loaded, order)));
                orders.len() - 1
            }
        };
        let sorted = &mut orders[at].1;
        sorted.mend(loaded, order);
        sorted
    }

    /// Every facet with the counts of its values among the rows that match; `None` where SQL has to answer.
    pub fn facets(
        &self,
        reader: &Connection,
        filter: &Filter,
        most: usize,
    ) -> Result<Option<Vec<(&'static str, Vec<(String, u64)>)>>, CatalogError> {
        let guard = self.loaded();
        let Some(loaded) = guard.as_ref() else { return Ok(None) };
        let rows = loaded.evaluate(reader, filter)?;
        let all = rows == loaded.live;
        let mut facets = Vec::with_capacity(FACETS.len() + 1);
        for name in FACETS {
            let Some(column) = field_named(name).and_then(|f| loaded.columns.get(f.column)) else { continue };
            let counts = if all { column.uses().to_vec() } else { column.histogram(&rows) };
            let counted = counts.into_iter().enumerate().filter(|(_, n)| *n > 0);
            let texts = counted.filter_map(|(code, n)| Some((column.text(code)?.to_string(), u64::from(n))));
            facets.push((*name, frequent(texts.collect(), most)));
        }
        let checks = loaded.findings.iter().map(|(check, has)| (check.clone(), has.common(&rows)));
        facets.push(("finding", frequent(checks.filter(|(_, n)| *n > 0).collect(), most)));
        Ok(Some(facets))
    }

    /// Values of a column that begin with `prefix`, in order; `None` where SQL has to answer.
    pub fn complete(&self, column: &str, prefix: &str, most: usize) -> Option<Vec<String>> {
        let guard = self.loaded();
        let column = guard.as_ref()?.columns.get(column)?;
        let begins =
            |text: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let used = column.uses().iter().enumerate().filter(|(_, n)| **n > 0);
        let mut found: Vec<String> = used
            .filter_map(|(code, _)| column.text(code).filter(|t| begins(t)).map(str::to_string))
            .collect();
        found.sort_unstable();
        found.truncate(most);
        Some(found)
    }
}

/// The most frequent values first, equal ones by name.
fn frequent(mut values: Vec<(String, u64)>, most: usize) -> Vec<(String, u64)> {
    values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    values.truncate(most);
    values
}

impl Loaded {
    /// Takes a row of `SELECT id, latest_ms, columns…`.
    fn take(&mut self, row: &rusqlite::Row<'_>) -> Result<(), CatalogError> {
        let id = row.get::<_, i64>(0)? as usize;
        self.live.set(id, true);
        self.len = self.len.max(id + 1);
        if self.latest_ms.len() <= id {
            self.latest_ms.resize(id + 1, 0);
        }
        self.latest_ms[id] = row.get(1)?;
        for (at, column) in self.columns.values_mut().enumerate() {
            column.set(id, Cell::of(row.get_ref(at + 2)?));
        }
        Ok(())
    }

    /// Reads the rows again that were touched.
    fn follow(&mut self, writer: &Connection) -> Result<(), CatalogError> {
        let touched: Vec<i64> = writer
            .prepare_cached("SELECT id FROM touched")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if touched.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.columns.keys().copied().collect();
        let sql = format!("SELECT id, latest_ms, {}, uid FROM series WHERE id = ?1", names.join(", "));
        let mut series = writer.prepare_cached(&sql)?;
        let mut findings =
            writer.prepare_cached("SELECT DISTINCT check_name FROM finding WHERE series_uid = ?1")?;
        if self.touched.len() > REMEMBERED {
            self.touched.clear();
            self.epoch += 1;
        }
        for id in touched {
            let at = id as usize;
            self.touched.push(id as u32);
            self.findings.values_mut().for_each(|rows| rows.set(at, false));
            let mut rows = series.query([id])?;
            let Some(row) = rows.next()? else {
                self.live.set(at, false);
                for column in self.columns.values_mut() {
                    column.set(at, Cell::Null);
                }
                continue;
            };
            self.take(row)?;
            let uid: String = row.get(names.len() + 2)?;
            for check in findings.query_map([uid], |row| row.get::<_, String>(0))? {
                self.findings.entry(check?).or_default().set(at, true);
            }
        }
        writer.execute("DELETE FROM touched", [])?;
        Ok(())
    }
}
