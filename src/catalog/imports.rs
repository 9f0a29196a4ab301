//! Imports of reads: what each changed, so that a whole import can be taken back. Nothing is deleted by that: a read that
//! was new is superseded by itself, any other by a read that says what stood before.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::reads::ReadKey;
use super::{CatalogError, NewRead, Rated, ReadRecord, Reader, Tx};

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRecord {
    /// Its number.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// Reads that it made or changed.
    pub reads: u64,
    /// When it was taken back.
    pub undone_ms: Option<i64>,
}

/// What became of the reads of an import that was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// They were new, and no longer stand.
    pub withdrawn: u64,
    /// What stood before stands again.
    pub restored: u64,
    /// Rows of the reads that changed by it.
    pub touched: BTreeSet<i64>,
}

/// What a read said before an import changed it.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    nothing: bool,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
    values: Vec<(String, RatedValue)>,
    #[serde(default)]
    label: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
enum RatedValue {
    Number(f64),
    Category(String),
}

impl Before {
    fn of(read: &NewRead) -> Self {
        let said = |value: &Rated| match value {
            Rated::Number(number) => RatedValue::Number(*number),
            Rated::Category(text) => RatedValue::Category(text.clone()),
        };
        let values = read.values.iter().map(|(name, value)| (name.clone(), said(value))).collect();
        Self {
            nothing: read.nothing,
            started_ms: read.started_ms,
            finished_ms: read.finished_ms,
            values,
            label: read.label.clone(),
        }
    }

    fn into_read(self, of: NewRead) -> NewRead {
        let rated = |value| match value {
            RatedValue::Number(number) => Rated::Number(number),
            RatedValue::Category(text) => Rated::Category(text),
        };
        NewRead {
            nothing: self.nothing,
            started_ms: self.started_ms,
            finished_ms: self.finished_ms,
            values: self.values.into_iter().map(|(name, value)| (name, rated(value))).collect(),
            label: self.label,
            ..of
        }
    }
}

/// One change of an import.
struct Change {
    read: i64,
    before_read: Option<i64>,
    before: Option<String>,
}

impl Tx<'_> {
    /// Begins an import and gives its number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn begin_import(&self, actor: &str, now_ms: i64) -> Result<i64, CatalogError> {
        let mut insert =
            self.tx.prepare_cached("INSERT INTO import (at_ms, actor) VALUES (?1, ?2) RETURNING id")?;
        Ok(insert.query_row(params![now_ms, actor], |row| row.get(0))?)
    }

    /// Forgets an import that has changed nothing.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn drop_import(&self, import: i64) -> Result<(), CatalogError> {
        self.tx.prepare_cached("DELETE FROM import WHERE id = ?1")?.execute([import])?;
        Ok(())
    }

    /// Notes that `read` stands since this import, and what stood before.
    pub(super) fn note_change(
        &self,
        import: i64,
        read: i64,
        before: Option<&ReadRecord>,
    ) -> Result<(), CatalogError> {
        let Some(before) = before else { return self.put_change(import, &Change::new(read)) };
        // What the same import made of it before is no state of its own.
        match self.take_change(import, before.id)? {
            Some(earlier) => self.put_change(import, &Change { read, ..earlier }),
            None => {
                let said = Some(serde_json::to_string(&Before::of(&before.read))?);
                self.put_change(import, &Change { read, before_read: Some(before.id), before: said })
            }
        }
    }

    fn put_change(&self, import: i64, change: &Change) -> Result<(), CatalogError> {
        let sql = "INSERT INTO import_change (import, read, before_read, before) VALUES (?1, ?2, ?3, ?4)";
        let values = params![import, change.read, change.before_read, change.before];
        self.tx.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn take_change(&self, import: i64, read: i64) -> Result<Option<Change>, CatalogError> {
        let sql =
            "DELETE FROM import_change WHERE import = ?1 AND read = ?2 RETURNING read, before_read, before";
        Ok(self.tx.prepare_cached(sql)?.query_row([import, read], change).optional()?)
    }

    /// Takes a whole import back: what stood before it stands again.
    ///
    /// # Errors
    /// There is no such import, it was taken back, or a later one has changed its reads; SQLite refuses.
    pub fn undo_import(&self, import: i64, now_ms: i64) -> Result<Undone, CatalogError> {
        let refused = |why: String| Err(CatalogError::Refused(why));
        let sql = "SELECT undone_ms IS NOT NULL FROM import WHERE id = ?1";
        let was_undone: Option<bool> =
            self.tx.prepare_cached(sql)?.query_row([import], |row| row.get(0)).optional()?;
        match was_undone {
            None => return refused(format!("there is no import {import}")),
            Some(true) => return refused(format!("import {import} was taken back already")),
            Some(false) => {}
        }
        let changes = self.changes(import)?;
        let later = self.later_changes(import)?;
        if let Some((by, count)) = later {
            return refused(format!(
                "{count} of the reads of import {import} were changed by later imports, the last of them {by}; take those \
                 back first"
            ));
        }
        let mut undone = Undone::default();
        for change in changes {
            self.undo_change(import, change, now_ms, &mut undone)?;
        }
        self.tx
            .prepare_cached("UPDATE import SET undone_ms = ?2 WHERE id = ?1")?
            .execute(params![import, now_ms])?;
        Ok(undone)
    }

    fn undo_change(
        &self,
        import: i64,
        change: Change,
        now_ms: i64,
        undone: &mut Undone,
    ) -> Result<(), CatalogError> {
        let (Some(before_read), Some(before)) = (change.before_read, change.before) else {
            // It replaces itself: it no longer stands, and its history stays.
            self.tx
                .prepare_cached("UPDATE read SET superseded_by = id WHERE id = ?1")?
                .execute([change.read])?;
            if let Some(record) = self.read(change.read)? {
                self.settle_sitting(record.sitting)?;
            }
            undone.withdrawn += 1;
            undone.touched.insert(change.read);
            return Ok(());
        };
        let Some(record) = self.read(change.read)? else { return Ok(()) };
        let before: Before = serde_json::from_str(&before)?;
        let key = self.key_of(change.read)?;
        let sitting = self.read(before_read)?.map_or(record.sitting, |r| r.sitting);
        let of = record.sitting;
        let restored = self.replace(change.read, key, &before.into_read(record.read), sitting, now_ms)?;
        self.settle_sitting(of)?;
        self.settle_sitting(sitting)?;
        // Earlier imports made what stands again, and can be taken back as well.
        self.tx
            .prepare_cached("UPDATE import_change SET read = ?1 WHERE read = ?2 AND import <> ?3")?
            .execute([restored, before_read, import])?;
        undone.restored += 1;
        undone.touched.extend([change.read, restored]);
        Ok(())
    }

    fn key_of(&self, read: i64) -> Result<ReadKey, CatalogError> {
        let sql = "SELECT reader, item FROM read WHERE id = ?1";
        let row = |row: &Row<'_>| Ok(ReadKey { reader: row.get(0)?, item: row.get(1)? });
        Ok(self.tx.prepare_cached(sql)?.query_row([read], row)?)
    }

    fn changes(&self, import: i64) -> Result<Vec<Change>, CatalogError> {
        let sql = "SELECT read, before_read, before FROM import_change WHERE import = ?1";
        let mut statement = self.tx.prepare_cached(sql)?;
        Ok(statement.query_map([import], change)?.collect::<Result<_, _>>()?)
    }

    /// The last import that changed reads of this one since, and how many of them.
    fn later_changes(&self, import: i64) -> Result<Option<(i64, i64)>, CatalogError> {
        let sql = "SELECT max(l.import), count(DISTINCT c.read) FROM import_change c \
                   JOIN import_change l ON l.import > c.import AND (l.read = c.read OR l.before_read = c.read) \
                   JOIN import i ON i.id = l.import AND i.undone_ms IS NULL WHERE c.import = ?1";
        let row = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, i64>(1)?));
        let (by, count) = self.tx.prepare_cached(sql)?.query_row([import], row)?;
        Ok(by.map(|by| (by, count)))
    }
}

impl Change {
    fn new(read: i64) -> Self {
        Self { read, before_read: None, before: None }
    }
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    Ok(Change { read: row.get(0)?, before_read: row.get(1)?, before: row.get(2)? })
}

impl Reader<'_> {
    /// Imports, the latest first, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn imports(&self, offset: u64, limit: u32) -> Result<(Vec<ImportRecord>, u64), CatalogError> {
        let sql = "SELECT i.id, i.at_ms, i.actor, (SELECT count(*) FROM import_change c WHERE c.import = i.id), \
                   i.undone_ms FROM import i ORDER BY i.id DESC LIMIT ?1 OFFSET ?2";
        let row = |row: &Row<'_>| {
            Ok(ImportRecord {
                id: row.get(0)?,
                at_ms: row.get(1)?,
                actor: row.get(2)?,
                reads: row.get::<_, i64>(3)? as u64,
                undone_ms: row.get(4)?,
            })
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement
            .query_map(params![limit, offset as i64], row)?
            .collect::<Result<_, rusqlite::Error>>()?;
        let count = |row: &Row<'_>| row.get::<_, i64>(0);
        let total = self.connection().prepare_cached("SELECT count(*) FROM import")?.query_row([], count)?;
        Ok((rows, total as u64))
    }
}
