//! Subjects that have withdrawn, and what is left of those that were erased.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Row, params};

use super::snapshots::Gone;
use super::{CatalogError, Reader, Tx};
use crate::audit::{self, Hash};

/// A subject that has withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The subject's pseudonym.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who noted it.
    pub actor: String,
    /// When its bytes were erased.
    pub erased_ms: Option<i64>,
}

/// What an erasure took out of the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Stored instances.
    pub instances: u64,
    /// Leaves of the reads of which what was drawn is gone.
    pub leaves: Vec<Hash>,
    /// The roots of its findings, by itself and in its study, which are none.
    pub findings: [Hash; 2],
}

fn record(row: &Row<'_>) -> rusqlite::Result<Withdrawal> {
    Ok(Withdrawal {
        subject: row.get(0)?,
        reason: row.get(1)?,
        at_ms: row.get(2)?,
        actor: row.get(3)?,
        erased_ms: row.get(4)?,
    })
}

const COLUMNS: &str = "subject, reason, at_ms, actor, erased_ms";

impl Tx<'_> {
    /// Notes that a subject has withdrawn; of one that has, only that it was erased is noted.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_withdrawal(&self, w: &Withdrawal) -> Result<(), CatalogError> {
        let sql = format!(
            "INSERT INTO withdrawal ({COLUMNS}) VALUES (?1,?2,?3,?4,?5) \
             ON CONFLICT (subject) DO UPDATE SET erased_ms = coalesce(erased_ms, ?5)"
        );
        self.tx.prepare_cached(&sql)?.execute(params![w.subject, w.reason, w.at_ms, w.actor, w.erased_ms])?;
        Ok(())
    }

    /// Whether a subject has withdrawn.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn is_withdrawn(&self, subject: &str) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM withdrawal WHERE subject = ?1)";
        Ok(self.tx.prepare_cached(sql)?.query_row([subject], |row| row.get(0))?)
    }

    /// Takes a series out of the catalog but for what holds the trail together: its stored instances go, what was drawn on
    /// it, its findings, every word that it is shown by, and what snapshots hold of it. The blobs are noted as leaving.
    /// `event` is the trail entry that covers what is left of its reads.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn erase_series(&self, series_uid: &str, event: u64) -> Result<Erasure, CatalogError> {
        let mut erasure = Erasure { instances: self.erase_instances(series_uid)?, ..Erasure::default() };
        let drawn: BTreeSet<i64> = self
            .tx
            .prepare_cached(
                "SELECT r.id FROM read r JOIN item i ON i.id = r.item WHERE i.series_uid = ?1 AND r.label IS NOT NULL",
            )?
            .query_map([series_uid], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for read in &drawn {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO leaving SELECT label FROM read WHERE id = ?1")?
                .execute([read])?;
            self.tx.prepare_cached("UPDATE read SET label = NULL WHERE id = ?1")?.execute([read])?;
        }
        erasure.leaves = self.cover_reads(&drawn, event)?;
        self.tx.prepare_cached("DELETE FROM image_stats WHERE series_uid = ?1")?.execute([series_uid])?;
        self.forget_words(series_uid)?;
        self.empty_contents(series_uid, Gone::Erased)?;
        erasure.findings = [self.put_findings(series_uid, &[])?, self.put_study_findings(series_uid, &[])?];
        Ok(erasure)
    }

    /// Rows of stored instances go; the leaves that covered them stay known.
    fn erase_instances(&self, series_uid: &str) -> Result<u64, CatalogError> {
        type Covered = (i64, String, Option<i64>, Option<i64>, Hash);
        let rows: Vec<Covered> = self
            .tx
            .prepare_cached(
                "SELECT i.id, i.blob, i.event, i.place, r.hash FROM instance i JOIN record r ON r.id = i.record \
                 WHERE i.series_uid = ?1",
            )?
            .query_map([series_uid], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })?
            .collect::<Result<_, _>>()?;
        for (id, blob, event, place, record) in &rows {
            if let (Some(event), Some(place)) = (event, place) {
                self.tx
                    .prepare_cached("INSERT OR IGNORE INTO former_leaf VALUES (?1, ?2, ?3)")?
                    .execute(params![event, place, audit::instance_leaf(blob, record)])?;
            }
            self.tx.prepare_cached("INSERT OR IGNORE INTO leaving VALUES (?1)")?.execute([blob])?;
            self.tx.prepare_cached("DELETE FROM instance WHERE id = ?1")?.execute([id])?;
        }
        Ok(rows.len() as u64)
    }
}

impl Reader<'_> {
    /// A subject that has withdrawn.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn withdrawal(&self, subject: &str) -> Result<Option<Withdrawal>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM withdrawal WHERE subject = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([subject], record).optional()?)
    }

    /// Every subject that has withdrawn, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn withdrawals(&self) -> Result<Vec<Withdrawal>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM withdrawal ORDER BY at_ms DESC, subject");
        Ok(self.connection().prepare_cached(&sql)?.query_map([], record)?.collect::<Result<_, _>>()?)
    }

    /// When the last stored instance of each subject, as subjects are joined and parted now, came in, site by site: subject, site, milliseconds since 1970.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn latest_by_site(&self) -> Result<Vec<(String, String, i64)>, CatalogError> {
        let sql = "SELECT s.subject, i.site, max(i.stored_ms) FROM instance i JOIN series s ON s.uid = i.series_uid \
                   GROUP BY 1, 2 ORDER BY 1, 2";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }

    /// The series of a subject, with their studies, by UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_of_subject(&self, subject: &str) -> Result<Vec<(String, String)>, CatalogError> {
        let sql = "SELECT uid, study_uid FROM series WHERE subject = ?1 ORDER BY uid";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map([subject], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }
}
