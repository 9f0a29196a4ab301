//! Stored instances.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{CatalogError, Reader, Tx};

/// An instance about to be catalogued; its blob is in place already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
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
    /// Modality.
    pub modality: String,
    /// Transfer syntax of the stored bytes.
    pub syntax: String,
    /// The keyed identity of the scanner.
    pub scanner: Option<String>,
    /// What de-identification did.
    pub record: LedgerLine,
    /// The generation of what its study names under which its text was cleaned.
    pub known: i64,
}

/// What de-identification did to an instance, as JSON, with its hash. Instances of a series mostly share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    json: Arc<str>,
    hash: [u8; 32],
}

impl LedgerLine {
    /// The line of this JSON.
    pub fn new(json: &str) -> Self {
        Self { json: json.into(), hash: Sha256::digest(json).into() }
    }

    /// The JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// SHA-256 of the JSON.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

/// An instance of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRecord {
    /// The remapped SOP instance UID.
    pub sop_uid: String,
    /// SHA-256 of the stored bytes.
    pub blob: String,
    /// SHA-256 of the source bytes.
    pub source_hash: String,
    /// Transfer syntax of the stored bytes.
    pub syntax: String,
    /// When it was stored, in milliseconds since 1970.
    pub stored_ms: i64,
    /// The site.
    pub site: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The keyed identity of the scanner.
    pub scanner: Option<String>,
}

impl Tx<'_> {
    /// Whether the files of these instances are still those of the series: none was replaced meanwhile.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_files(&self, series_uid: &str, of: &[InstanceRecord]) -> Result<bool, CatalogError> {
        let mut statement = self.tx.prepare_cached("SELECT blob FROM instance WHERE series_uid = ?1")?;
        let blobs: HashSet<String> =
            statement.query_map([series_uid], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(of.iter().all(|instance| blobs.contains(&instance.blob)))
    }

    /// Catalogues an instance; `false` when these very bytes are catalogued already. `event` is the trail entry that will
    /// cover it and its place among the leaves there.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_instance(
        &self,
        new: &NewInstance,
        (event, place): (u64, usize),
        now_ms: i64,
    ) -> Result<bool, CatalogError> {
        let record = self.record(&new.record)?;
        let changed = self
            .tx
            .prepare_cached(
                "INSERT INTO instance (sop_uid, source_hash, blob, bytes, series_uid, study_uid, subject, site, \
                 sop_class, modality, syntax, stored_ms, record, scanner, known, event, place) VALUES \
                 (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17) \
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                new.sop_uid,
                new.source_hash,
                new.blob,
                new.bytes as i64,
                new.series_uid,
                new.study_uid,
                new.subject,
                new.site,
                new.sop_class,
                new.modality,
                new.syntax,
                now_ms,
                record,
                new.scanner,
                new.known,
                event as i64,
                place as i64
            ])?;
        Ok(changed == 1)
    }

    /// The row of a ledger line; equal lines share one.
    pub(super) fn record(&self, line: &LedgerLine) -> Result<i64, CatalogError> {
        if let Some((_, id)) = self.latest_record.get().filter(|(hash, _)| *hash == line.hash) {
            return Ok(id);
        }
        let mut find = self.tx.prepare_cached("SELECT id FROM record WHERE hash = ?1")?;
        let found = find.query_map([line.hash], |row| row.get(0))?.next().transpose()?;
        let id = match found {
            Some(id) => id,
            None => {
                self.tx
                    .prepare_cached("INSERT INTO record (json, hash) VALUES (?1, ?2)")?
                    .execute(params![&*line.json, line.hash])?;
                self.tx.last_insert_rowid()
            }
        };
        self.latest_record.set(Some((line.hash, id)));
        Ok(id)
    }
}

impl Reader<'_> {
    /// Whether a source with these bytes is stored.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_source(&self, source_hash: &str) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM instance WHERE source_hash = ?1)")?
            .query_row([source_hash], |row| row.get(0))?)
    }

    /// The series that a stored source belongs to.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_of_source(&self, source_hash: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT DISTINCT series_uid FROM instance WHERE source_hash = ?1")?;
        Ok(statement.query_map([source_hash], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// What was stored for a source.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn blobs_of_source(&self, source_hash: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT blob FROM instance WHERE source_hash = ?1")?;
        Ok(statement.query_map([source_hash], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The instances of a series, in an order that does not depend on their arrival.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn instances(&self, series_uid: &str) -> Result<Vec<InstanceRecord>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT sop_uid, blob, syntax, stored_ms, site, subject, scanner, source_hash FROM instance WHERE series_uid = ?1 \
             ORDER BY sop_uid, blob, source_hash",
        )?;
        let rows = statement.query_map([series_uid], |row| {
            Ok(InstanceRecord {
                sop_uid: row.get(0)?,
                blob: row.get(1)?,
                syntax: row.get(2)?,
                stored_ms: row.get(3)?,
                site: row.get(4)?,
                subject: row.get(5)?,
                scanner: row.get(6)?,
                source_hash: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Instances of a study, by its remapped UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn count_of_study(&self, study_uid: &str) -> Result<u64, CatalogError> {
        let sql = "SELECT count(DISTINCT sop_uid) FROM instance WHERE study_uid = ?1";
        let count: i64 = self.connection().prepare_cached(sql)?.query_row([study_uid], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// Every blob that a row names.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn blobs(&self) -> Result<HashSet<String>, CatalogError> {
        let sql = "SELECT blob FROM instance UNION SELECT label FROM read WHERE label IS NOT NULL \
                   UNION SELECT blob FROM guideline_document";
        let mut statement = self.connection().prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Blobs of what readers drew, of reads that stand and of history.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn label_blobs(&self) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT DISTINCT label FROM read WHERE label IS NOT NULL ORDER BY label";
        let mut statement = self.connection().prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Blobs of the documents of guidelines.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn document_blobs(&self) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT DISTINCT blob FROM guideline_document ORDER BY blob";
        let mut statement = self.connection().prepare(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Series with a stack of this matrix, its axes in any order; at most a thousand.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_of_matrix(&self, shape: [u32; 3]) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT s.uid FROM series s JOIN series_body b ON b.id = s.id WHERE EXISTS (SELECT 1 FROM \
                   json_each(b.stacks) k WHERE k.value ->> 'columns' IN (?1, ?2, ?3) AND k.value ->> 'rows' IN \
                   (?1, ?2, ?3) AND k.value ->> 'slices' IN (?1, ?2, ?3)) ORDER BY s.uid LIMIT 1000";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map(shape, |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Series that hold one of these SOP instances.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_of_instance(&self, sop_uid: &str) -> Result<Option<String>, CatalogError> {
        let mut statement =
            self.connection().prepare_cached("SELECT series_uid FROM instance WHERE sop_uid = ?1 LIMIT 1")?;
        Ok(statement.query_map([sop_uid], |row| row.get(0))?.next().transpose()?)
    }

    /// Stored instances, distinct source files behind them, and their bytes.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn store_totals(&self) -> Result<(u64, u64), CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM instance")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
    }

    /// Ledger lines of a series; equal ones stand once.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn ledger_of(&self, series_uid: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT DISTINCT r.json FROM instance i JOIN record r ON r.id = i.record WHERE i.series_uid = ?1 ORDER BY 1",
        )?;
        Ok(statement.query_map([series_uid], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The ledger line of this hash.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn ledger_line(&self, hash: &crate::audit::Hash) -> Result<Option<String>, CatalogError> {
        let mut statement = self.connection().prepare_cached("SELECT json FROM record WHERE hash = ?1")?;
        Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
    }

    /// Ledger lines of those instances of a series in which something was masked, each with how many instances have it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn masked_of(&self, series_uid: &str) -> Result<Vec<(String, u64)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT r.json, count(*) FROM instance i JOIN record r ON r.id = i.record \
             WHERE i.series_uid = ?1 AND instr(r.json, '\"masks\":[{') > 0 GROUP BY r.id",
        )?;
        let rows =
            statement.query_map([series_uid], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ledger lines after a number, in the order of storing: (number, blob, JSON).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn ledger(&self, after: i64, limit: u32) -> Result<Vec<(i64, String, String)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT i.id, i.blob, r.json FROM instance i JOIN record r ON r.id = i.record WHERE i.id > ?1 \
             ORDER BY i.id LIMIT ?2",
        )?;
        let rows =
            statement.query_map(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
