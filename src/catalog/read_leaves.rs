//! Reads under the roots of the trail: whoever changes what a reader has said, by hand in the database, is found.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::reads::one;
use super::{CatalogError, Rated, ReadRecord, Reader, Tx};
use crate::audit::{self, Hash};

/// The leaf of a read: all that it says, of which sitting it is where a task brought it, and what has replaced it.
fn leaf(connection: &Connection, record: &ReadRecord) -> Result<Hash, CatalogError> {
    let read = &record.read;
    let time = |ms: Option<i64>| ms.map(i64::to_be_bytes).map(Vec::from).unwrap_or_default();
    let mut fields: Vec<Vec<u8>> = vec![
        record.id.to_be_bytes().into(),
        read.reader.as_bytes().into(),
        read.guideline.as_bytes().into(),
        read.item.series_uid.as_bytes().into(),
        read.item.name.as_bytes().into(),
        read.structure.as_bytes().into(),
        vec![u8::from(read.nothing)],
        time(read.started_ms),
        time(read.finished_ms),
        record.imported_ms.to_be_bytes().into(),
        time(record.superseded_by),
    ];
    let mut values: Vec<&(String, Rated)> = read.values.iter().collect();
    values.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, value) in values {
        fields.push(name.as_bytes().into());
        fields.push(match value {
            Rated::Number(number) => [b"n", &number.to_be_bytes()[..]].concat(),
            Rated::Category(text) => [b"c", text.as_bytes()].concat(),
        });
    }
    if let Some(label) = &read.label {
        fields.push([b"l", label.as_bytes()].concat());
    }
    if let Some(task) = of_task(connection, record.sitting)? {
        fields.push([b"t", task.as_bytes()].concat());
    }
    Ok(audit::merkle_leaf(fields.iter().map(Vec::as_slice)))
}

/// What is known of a sitting that a task brought.
fn of_task(connection: &Connection, sitting: i64) -> Result<Option<String>, CatalogError> {
    let sql = "SELECT json_array(id, reader, series_uid, guideline, case_uid, task, round, purpose, plan_version, at_ms, \
               seconds, findings) FROM sitting WHERE id = ?1 AND task IS NOT NULL";
    Ok(connection.prepare_cached(sql)?.query_row([sitting], |row| row.get(0)).optional()?)
}

impl Tx<'_> {
    /// From now on these reads are covered by this trail entry. The leaves that covered them stay known, so that the roots
    /// of earlier entries can still be made again. Called when all of them say what they shall. The leaves, in order.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn cover_reads(&self, reads: &BTreeSet<i64>, event: u64) -> Result<Vec<Hash>, CatalogError> {
        let mut leaves = Vec::with_capacity(reads.len());
        for id in reads {
            let Some(record) = one(&self.tx, *id)? else { continue };
            self.keep_former(*id)?;
            let leaf = leaf(&self.tx, &record)?;
            self.tx
                .prepare_cached("UPDATE read SET event = ?2, place = ?3, leaf = ?4 WHERE id = ?1")?
                .execute(params![id, event as i64, leaves.len() as i64, leaf])?;
            leaves.push(leaf);
        }
        Ok(leaves)
    }

    fn keep_former(&self, read: i64) -> Result<(), CatalogError> {
        type Covered = (Option<i64>, Option<i64>, Option<Hash>);
        let before: Option<Covered> = self
            .tx
            .prepare_cached("SELECT event, place, leaf FROM read WHERE id = ?1")?
            .query_row([read], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((Some(event), Some(place), Some(leaf))) = before {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO former_leaf VALUES (?1, ?2, ?3)")?
                .execute(params![event, place, leaf])?;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// The leaves of reads under the root of a trail entry, by their places, as the rows stand.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn read_leaves(&self, event: u64) -> Result<Vec<(u64, Hash)>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT id, place FROM read WHERE event = ?1 ORDER BY place")?;
        let rows: Vec<(i64, i64)> = statement
            .query_map([event as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut leaves = Vec::with_capacity(rows.len());
        for (id, place) in rows {
            if let Some(record) = one(self.connection(), id)? {
                leaves.push((place as u64, leaf(self.connection(), &record)?));
            }
        }
        Ok(leaves)
    }

    /// Reads, and how many of them no root covers.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn covered_reads(&self) -> Result<(u64, u64), CatalogError> {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        Ok(self
            .connection()
            .prepare_cached("SELECT count(*), count(*) - count(event) FROM read")?
            .query_row([], row)?)
    }
}
