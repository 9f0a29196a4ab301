//! What a verification reads: rows with what binds them to the trail.

use rusqlite::{OptionalExtension, Row, params};

use super::{CatalogError, Described, NewInstance, Reader, Replacement, TrailRecord, Tx};
use crate::audit::{self, Hash};

/// A stored instance with everything that can be held against its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInstance {
    /// Its row.
    pub id: i64,
    /// The remapped SOP instance UID.
    pub sop_uid: String,
    /// SHA-256 of the source's bytes.
    pub source_hash: String,
    /// SHA-256 of the stored bytes.
    pub blob: String,
    /// Size of the stored bytes.
    pub bytes: u64,
    /// The remapped series UID.
    pub series_uid: String,
    /// The remapped study UID.
    pub study_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// The ledger line, as JSON.
    pub ledger: String,
    /// The hash that is stored for the ledger line.
    pub ledger_hash: Hash,
    /// The trail entry that covers it, where one does.
    pub event: Option<u64>,
}

/// A decision as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// The task.
    pub task: i64,
    /// Who decided.
    pub actor: String,
    /// It accepted.
    pub accepted: bool,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// It was taken back.
    pub undone: bool,
}

/// The outcome of a task as its row has it, with the state of its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// The task.
    pub task: i64,
    /// The state of the task.
    pub state: String,
    /// Why it was returned.
    pub reason: Option<String>,
    /// What the reviewer said.
    pub comment: Option<String>,
    /// The state of its series.
    pub series_state: String,
}

pub(super) const STORED_INSTANCES: &str = "SELECT i.id, i.sop_uid, i.source_hash, i.blob, i.bytes, i.series_uid, i.study_uid, i.subject, \
    i.site, \
    i.sop_class, r.json, r.hash, i.event FROM instance i JOIN record r ON r.id = i.record";

pub(super) fn stored_instance(row: &Row<'_>) -> rusqlite::Result<StoredInstance> {
    Ok(StoredInstance {
        id: row.get(0)?,
        sop_uid: row.get(1)?,
        source_hash: row.get(2)?,
        blob: row.get(3)?,
        bytes: row.get::<_, i64>(4)? as u64,
        series_uid: row.get(5)?,
        study_uid: row.get(6)?,
        subject: row.get(7)?,
        site: row.get(8)?,
        sop_class: row.get(9)?,
        ledger: row.get(10)?,
        ledger_hash: row.get(11)?,
        event: row.get::<_, Option<i64>>(12)?.map(|n| n as u64),
    })
}

impl Tx<'_> {
    /// The number that the next trail entry of this transaction will have.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn next_event(&self) -> Result<u64, CatalogError> {
        let last: i64 = self
            .tx
            .prepare_cached("SELECT coalesce(max(sequence), 0) FROM trail")?
            .query_row([], |row| row.get(0))?;
        Ok(last as u64 + 1)
    }

    /// From now on the instance is covered by this trail entry. The leaf that covered it stays known, so that the root of
    /// the entry before can still be made again. Called before the row changes.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn cover(&self, id: i64, event: u64, place: usize) -> Result<(), CatalogError> {
        let before: Option<(Option<i64>, Option<i64>, String, Hash)> = self
            .tx
            .prepare_cached(
                "SELECT i.event, i.place, i.blob, r.hash FROM instance i JOIN record r ON r.id = i.record WHERE i.id = ?1",
            )?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        if let Some((Some(event), Some(place), blob, record)) = before {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO former_leaf VALUES (?1, ?2, ?3)")?
                .execute(params![event, place, audit::instance_leaf(&blob, &record)])?;
        }
        self.tx
            .prepare_cached("UPDATE instance SET event = ?2, place = ?3 WHERE id = ?1")?
            .execute(params![id, event as i64, place as i64])?;
        Ok(())
    }

    /// Puts an instance that was made again from its source in place of what is missing or damaged; jobs that were parked
    /// for its series or study go on. `false` where no row is of this source and UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn restore_instance(
        &self,
        new: &NewInstance,
        (event, place): (u64, usize),
        now_ms: i64,
    ) -> Result<bool, CatalogError> {
        let id: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM instance WHERE source_hash = ?1 AND sop_uid = ?2")?
            .query_row([&new.source_hash, &new.sop_uid], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(false) };
        self.cover(id, event, place)?;
        self.mend_ledger(&new.record)?;
        let (blob, bytes, record) = (new.blob.clone(), new.bytes, new.record.clone());
        let described = Some(Described::of(new));
        self.replace_blob(&Replacement { id, blob, bytes, record, described })?;
        self.mark_cleaned(&[id], new.known)?;
        self.tx
            .prepare_cached(
                "UPDATE job SET state = 'pending', attempts = 0, not_before_ms = ?3 WHERE state = 'parked' \
                 AND object IN (?1, ?2)",
            )?
            .execute(params![new.series_uid, new.study_uid, now_ms])?;
        self.jobs_change.set(true);
        Ok(true)
    }

    /// The row of an instance says again what its stored header says.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn mend_instance(&self, row: &StoredInstance) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached(
                "UPDATE instance SET sop_uid = ?2, bytes = ?3, series_uid = ?4, study_uid = ?5, subject = ?6, \
                 sop_class = ?7 WHERE id = ?1",
            )?
            .execute(params![
                row.id,
                row.sop_uid,
                row.bytes as i64,
                row.series_uid,
                row.study_uid,
                row.subject,
                row.sop_class
            ])?;
        Ok(())
    }

    /// The text of a ledger line is again the one that its hash was taken of.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn mend_ledger(&self, line: &super::LedgerLine) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("UPDATE record SET json = ?1 WHERE hash = ?2 AND json <> ?1")?
            .execute(params![line.json(), line.hash()])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// Stored instances after a row, in the order of their rows.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_rows(&self, after: i64, limit: u32) -> Result<Vec<StoredInstance>, CatalogError> {
        let sql = format!("{STORED_INSTANCES} WHERE i.id > ?1 ORDER BY i.id LIMIT ?2");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map(params![after, limit], stored_instance)?.collect::<Result<_, _>>()?)
    }

    /// The detail of a trail entry, as JSON.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn trail_detail(&self, sequence: u64) -> Result<Option<String>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT detail FROM trail WHERE sequence = ?1")?;
        Ok(statement.query_row([sequence as i64], |row| row.get(0)).optional()?)
    }

    /// Stored instances with this SOP instance UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_rows_of(&self, sop_uid: &str) -> Result<Vec<StoredInstance>, CatalogError> {
        let sql = format!("{STORED_INSTANCES} WHERE i.sop_uid = ?1 ORDER BY i.id");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map([sop_uid], stored_instance)?.collect::<Result<_, _>>()?)
    }

    /// Hashes of the sources behind a blob or a SOP instance UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sources_of(&self, object: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT source_hash FROM instance WHERE blob = ?1 UNION SELECT source_hash FROM instance WHERE sop_uid = ?1",
        )?;
        Ok(statement.query_map([object], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Stored instances whose ledger line is missing.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn rows_without_ledger(&self) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT sop_uid FROM instance WHERE record NOT IN (SELECT id FROM record) ORDER BY sop_uid LIMIT 1000",
        )?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// What is stored for a source, or under one of its SOP instance UIDs: blob, ledger line, its hash.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_of_source(&self, source_hash: &str) -> Result<Vec<(String, String, Hash)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT i.blob, r.json, r.hash FROM instance i JOIN record r ON r.id = i.record WHERE i.source_hash = ?1",
        )?;
        let rows = statement.query_map([source_hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The leaves under the root of a trail entry, by their places: those of instances and reads as their rows stand, and
    /// those that were there before a row was replaced.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn leaves(&self, event: u64) -> Result<Vec<(u64, Hash)>, CatalogError> {
        let mut rows = self.connection().prepare_cached(
            "SELECT i.place, i.blob, r.hash FROM instance i JOIN record r ON r.id = i.record WHERE i.event = ?1",
        )?;
        let standing = rows.query_map([event as i64], |row| {
            let (place, blob, record): (i64, String, Hash) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((place as u64, audit::instance_leaf(&blob, &record)))
        })?;
        let mut leaves: Vec<(u64, Hash)> = standing.collect::<Result<_, _>>()?;
        let mut rows =
            self.connection().prepare_cached("SELECT place, hash FROM former_leaf WHERE event = ?1")?;
        let former = rows.query_map([event as i64], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?)))?;
        leaves.extend(former.collect::<Result<Vec<(u64, Hash)>, _>>()?);
        leaves.extend(self.read_leaves(event)?);
        leaves.sort_unstable();
        Ok(leaves)
    }

    /// Gives every trail entry to `each`, the oldest first.
    ///
    /// # Errors
    /// SQLite refuses, or what `each` returns.
    pub fn each_trail_entry(
        &self,
        mut each: impl FnMut(TrailRecord) -> Result<(), CatalogError>,
    ) -> Result<(), CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT sequence, at_ms, actor, action, object, detail, hash FROM trail ORDER BY sequence",
        )?;
        for found in statement.query_map([], super::trail::record)? {
            each(found?)?;
        }
        Ok(())
    }

    /// Gives every trail entry of an action to `each`, the oldest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn each_entry_of(&self, action: &str, each: impl FnMut(TrailRecord)) -> Result<(), CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT sequence, at_ms, actor, action, object, detail, hash FROM trail WHERE action = ?1 ORDER BY sequence",
        )?;
        let rows: Vec<TrailRecord> =
            statement.query_map([action], super::trail::record)?.collect::<Result<_, _>>()?;
        rows.into_iter().for_each(each);
        Ok(())
    }

    /// Every decision, in the order in which they were made.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn decision_rows(&self) -> Result<Vec<DecisionRow>, CatalogError> {
        let mut statement = self
            .connection()
            .prepare("SELECT task, actor, accepted, at_ms, undone FROM decision ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(DecisionRow {
                task: row.get(0)?,
                actor: row.get(1)?,
                accepted: row.get(2)?,
                at_ms: row.get(3)?,
                undone: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Every task with its outcome.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn outcome_rows(&self) -> Result<Vec<OutcomeRow>, CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT t.id, t.state, t.reason, t.comment, s.state FROM task t JOIN series s ON s.uid = t.series_uid",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(OutcomeRow {
                task: row.get(0)?,
                state: row.get(1)?,
                reason: row.get(2)?,
                comment: row.get(3)?,
                series_state: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Series that are accepted or returned and have no task that says so.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn undecided_outcomes(&self) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection().prepare(
            "SELECT uid FROM series WHERE state IN ('accepted', 'returned') \
             AND uid NOT IN (SELECT series_uid FROM task) ORDER BY uid",
        )?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The roots over the findings of a series: over those of its own, and over those of its study.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn finding_roots(&self, series_uid: &str) -> Result<[Hash; 2], CatalogError> {
        let root = |scope| super::findings::stored_root(self.connection(), series_uid, scope);
        Ok([root(0)?, root(1)?])
    }

    /// What SQLite's own check of the whole database finds; empty where it is sound. `quick` leaves indexes aside.
    ///
    /// # Errors
    /// SQLite refuses to look.
    pub fn integrity_check(&self, quick: bool) -> Result<Vec<String>, CatalogError> {
        super::opening::integrity(self.connection(), quick)
    }
}
