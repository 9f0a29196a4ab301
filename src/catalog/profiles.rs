//! Under which profile of de-identification each instance stands, and the profiles that were in force.

use rusqlite::{OptionalExtension, params};

use super::integrity::{STORED_INSTANCES, stored_instance};
use super::{CatalogError, Reader, StoredInstance, Tx};

/// A profile as ledger lines name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileName {
    /// Its name.
    pub name: String,
    /// Its options, as a JSON array.
    pub options: String,
    /// What tells it from every other; lines of earlier versions have none.
    pub fingerprint: String,
}

/// Whether a ledger line (`r.json`) names another profile than ?1 (fingerprint), ?2 (name), ?3 (options). A line that
/// cannot be read names none.
const UNDER_ANOTHER: &str = "CASE WHEN json_valid(r.json) \
    THEN coalesce(r.json ->> '$.fingerprint' <> ?1, r.json ->> '$.profile' <> ?2 OR r.json -> '$.options' <> ?3) \
    ELSE 1 END";

impl Tx<'_> {
    /// Keeps a profile that is in force.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keep_profile(&self, fingerprint: &str, json: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("INSERT OR IGNORE INTO profile VALUES (?1, ?2)")?
            .execute([fingerprint, json])?;
        Ok(())
    }

    /// The blob that an instance has now; `None` where its row is gone.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn blob_of(&self, id: i64) -> Result<Option<String>, CatalogError> {
        let mut statement = self.tx.prepare_cached("SELECT blob FROM instance WHERE id = ?1")?;
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }
}

impl Reader<'_> {
    /// Whether a profile is kept.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keeps_profile(&self, fingerprint: &str) -> Result<bool, CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM profile WHERE fingerprint = ?1)")?
            .query_row([fingerprint], |row| row.get(0))?)
    }

    /// How many instances stand under another profile than this one.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn count_under_another(&self, profile: &ProfileName) -> Result<u64, CatalogError> {
        let sql = format!(
            "SELECT count(*) FROM instance WHERE record IN (SELECT r.id FROM record r WHERE {UNDER_ANOTHER})"
        );
        let count: i64 = self
            .connection()
            .prepare_cached(&sql)?
            .query_row(params![profile.fingerprint, profile.name, profile.options], |row| row.get(0))?;
        Ok(count as u64)
    }

    /// Rows of instances that stand under another profile than this one, or of all where none is given; of one series, or of
    /// every one.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn ids_under_another(
        &self,
        profile: Option<&ProfileName>,
        series_uid: Option<&str>,
    ) -> Result<Vec<i64>, CatalogError> {
        let sql = format!(
            "SELECT i.id FROM instance i JOIN record r ON r.id = i.record WHERE (?4 IS NULL OR i.series_uid = ?4) \
             AND (?5 OR {UNDER_ANOTHER}) ORDER BY i.series_uid, i.id"
        );
        let none = ProfileName { name: String::new(), options: String::new(), fingerprint: String::new() };
        let p = profile.unwrap_or(&none);
        let mut statement = self.connection().prepare_cached(&sql)?;
        let rows = statement
            .query_map(params![p.fingerprint, p.name, p.options, series_uid, profile.is_none()], |row| {
                row.get(0)
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A stored instance by its row.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_instance(&self, id: i64) -> Result<Option<StoredInstance>, CatalogError> {
        let sql = format!("{STORED_INSTANCES} WHERE i.id = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([id], stored_instance).optional()?)
    }

    /// Stored instances of a source, or of these stored bytes.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_of_hash(&self, sha256: &str) -> Result<Vec<StoredInstance>, CatalogError> {
        let sql = format!("{STORED_INSTANCES} WHERE i.source_hash = ?1 OR i.blob = ?1 ORDER BY i.id");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map([sha256], stored_instance)?.collect::<Result<_, _>>()?)
    }

    /// The profile, as JSON, that a ledger line names by its fingerprint; `None` where it names none, or one that is not kept.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn profile_of(&self, ledger: &str) -> Result<Option<String>, CatalogError> {
        let sql = "SELECT json FROM profile WHERE json_valid(?1) AND fingerprint = ?1 ->> '$.fingerprint'";
        Ok(self.connection().prepare_cached(sql)?.query_row([ledger], |row| row.get(0)).optional()?)
    }

    /// Stored instances of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn stored_of_series(&self, series_uid: &str) -> Result<Vec<StoredInstance>, CatalogError> {
        let sql = format!("{STORED_INSTANCES} WHERE i.series_uid = ?1 ORDER BY i.sop_uid");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_map([series_uid], stored_instance)?.collect::<Result<_, _>>()?)
    }
}
