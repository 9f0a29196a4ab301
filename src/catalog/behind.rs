//! Instances whose text was cleaned before their study named what it names now, and what takes their place.

use rusqlite::{Connection, OptionalExtension, params};

use super::snapshots::Gone;
use super::{CatalogError, LedgerLine, NewInstance, Reader, Tx};

/// A stored instance that is behind its study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Its row.
    pub id: i64,
    /// SHA-256 of the stored bytes.
    pub blob: String,
    /// Size of the stored bytes.
    pub bytes: u64,
    /// The remapped series UID.
    pub series_uid: String,
    /// Its ledger line, as JSON.
    pub ledger: String,
}

/// What takes the place of a stored instance's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The row of the instance.
    pub id: i64,
    /// SHA-256 of the new bytes.
    pub blob: String,
    /// Size of the new bytes.
    pub bytes: u64,
    /// What was done to it, from the first.
    pub record: LedgerLine,
    /// What it is now, where it was made from its source anew.
    pub described: Option<Described>,
}

/// What the row of an instance says of it that another profile may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Modality.
    pub modality: String,
    /// Transfer syntax of the stored bytes.
    pub syntax: String,
    /// The keyed identity of the scanner.
    pub scanner: Option<String>,
}

impl Described {
    /// What a new instance is.
    pub fn of(new: &NewInstance) -> Self {
        Self { modality: new.modality.clone(), syntax: new.syntax.clone(), scanner: new.scanner.clone() }
    }
}

impl Tx<'_> {
    /// Whether an instance of the study was cleaned under an earlier generation of what its study names.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn is_behind(&self, study_uid: &str, generation: i64) -> Result<bool, CatalogError> {
        is_behind(&self.tx, study_uid, generation)
    }

    /// Instances hold, as they are, nothing that their study names at this generation.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn mark_cleaned(&self, ids: &[i64], generation: i64) -> Result<(), CatalogError> {
        let mut update = self.tx.prepare_cached("UPDATE instance SET known = ?2 WHERE id = ?1")?;
        for id in ids {
            update.execute(params![id, generation])?;
        }
        Ok(())
    }

    /// Puts other bytes in place of an instance's. The old ones are leaving, see [`Reader::leaving`].
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn replace_blob(&self, new: &Replacement) -> Result<(), CatalogError> {
        let record = self.record(&new.record)?;
        self.tx
            .prepare_cached(
                "INSERT OR IGNORE INTO leaving SELECT blob FROM instance WHERE id = ?1 AND blob <> ?2",
            )?
            .execute(params![new.id, new.blob])?;
        self.tx
            .prepare_cached("UPDATE instance SET blob = ?2, bytes = ?3, record = ?4 WHERE id = ?1")?
            .execute(params![new.id, new.blob, new.bytes as i64, record])?;
        if let Some(described) = &new.described {
            self.tx
                .prepare_cached("UPDATE instance SET modality = ?2, syntax = ?3, scanner = ?4 WHERE id = ?1")?
                .execute(params![new.id, described.modality, described.syntax, described.scanner])?;
        }
        Ok(())
    }

    /// The bytes of a blob are gone, or named again.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_left(&self, blob: &str) -> Result<(), CatalogError> {
        self.tx.prepare_cached("DELETE FROM leaving WHERE blob = ?1")?.execute([blob])?;
        Ok(())
    }

    /// Takes away what the catalog shows of a series in words, until it is assembled again.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn forget_words(&self, series_uid: &str) -> Result<(), CatalogError> {
        let id: Option<i64> = self
            .tx
            .prepare_cached("SELECT id FROM series WHERE uid = ?1")?
            .query_row([series_uid], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(()) };
        let before = self.phrases_of(series_uid)?;
        self.tx
            .prepare_cached(
                "UPDATE series SET study_description = NULL, description = NULL, body_part = NULL, \
                 manufacturer = NULL, model = NULL, revision = revision + 1 WHERE id = ?1",
            )?
            .execute([id])?;
        self.tx
            .prepare_cached(
                "UPDATE series_body SET facts = '[]', attributes = '{}', harmonised = '[]', rules = '', member = '' \
                 WHERE id = ?1",
            )?
            .execute([id])?;
        // Snapshots of it hold blobs that go, and attributes that were derived from those words.
        self.empty_contents(series_uid, Gone::Replaced)?;
        self.swap_phrases(&before, &self.phrases_of(series_uid)?)
    }

    /// Writes the index of words anew, so that it holds no word that is in no text any more: what is deleted from it is
    /// otherwise only marked.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn purge_words(&self) -> Result<(), CatalogError> {
        self.tx.execute("INSERT INTO phrase_text (phrase_text) VALUES ('optimize')", [])?;
        Ok(())
    }
}

fn is_behind(connection: &Connection, study_uid: &str, generation: i64) -> Result<bool, CatalogError> {
    Ok(connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM instance WHERE study_uid = ?1 AND known < ?2)")?
        .query_row(params![study_uid, generation], |row| row.get(0))?)
}

impl Reader<'_> {
    /// Whether an instance of the study was cleaned under an earlier generation of what its study names.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn is_behind(&self, study_uid: &str, generation: i64) -> Result<bool, CatalogError> {
        is_behind(self.connection(), study_uid, generation)
    }

    /// Instances of the study that are behind this generation, after a row number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn behind(
        &self,
        study_uid: &str,
        generation: i64,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Behind>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT i.id, i.blob, i.bytes, i.series_uid, r.json FROM instance i JOIN record r ON r.id = i.record \
             WHERE i.study_uid = ?1 AND i.known < ?2 AND i.id > ?3 ORDER BY i.id LIMIT ?4",
        )?;
        let rows = statement.query_map(params![study_uid, generation, after, limit], |row| {
            Ok(Behind {
                id: row.get(0)?,
                blob: row.get(1)?,
                bytes: row.get::<_, i64>(2)? as u64,
                series_uid: row.get(3)?,
                ledger: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest generation under which an instance of the study was cleaned; 0 where there is none.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn latest_known(&self, study_uid: &str) -> Result<i64, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT coalesce(max(known), 0) FROM instance WHERE study_uid = ?1")?
            .query_row([study_uid], |row| row.get(0))?)
    }

    /// Blobs whose bytes are still to be taken away.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn leaving(&self) -> Result<Vec<String>, CatalogError> {
        let mut query = self.connection().prepare_cached("SELECT blob FROM leaving ORDER BY blob")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether any row names this blob.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn names_blob(&self, blob: &str) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM instance WHERE blob = ?1 UNION ALL SELECT 1 FROM read WHERE label = ?1 \
                 UNION ALL SELECT 1 FROM guideline_document WHERE blob = ?1)")?
            .query_row([blob], |row| row.get(0))?)
    }

    /// Whether a job of this stage waits, runs or is parked.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_job(&self, stage: &str, object: &str) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM job WHERE stage = ?1 AND object = ?2)")?
            .query_row([stage, object], |row| row.get(0))?)
    }
}
