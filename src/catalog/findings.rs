//! What checks found of series, and what series refer to.

use rusqlite::{Connection, params};

use super::{CatalogError, Reader, Tx};
use crate::audit::{self, Hash};

/// A finding about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFinding {
    /// The check's name.
    pub check: String,
    /// The check's version.
    pub version: u32,
    /// 0 info, 1 warning, 2 error.
    pub severity: u8,
    /// In a person's words.
    pub message: String,
    /// What was measured, as JSON.
    pub evidence: String,
    /// Slices it points at, as JSON.
    pub slices: String,
}

impl Tx<'_> {
    /// Replaces what the checks of a series by itself found, and the counts beside it. Returns the root over them, which
    /// belongs into the trail.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_findings(&self, series_uid: &str, findings: &[NewFinding]) -> Result<Hash, CatalogError> {
        self.put_scoped_findings(series_uid, 0, findings)
    }

    /// Replaces the findings of one scope: 0 the series by itself, 1 its study.
    pub(super) fn put_scoped_findings(
        &self,
        series_uid: &str,
        scope: u8,
        findings: &[NewFinding],
    ) -> Result<Hash, CatalogError> {
        self.tx
            .prepare_cached("DELETE FROM finding WHERE series_uid = ?1 AND scope = ?2")?
            .execute(params![series_uid, scope])?;
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO finding (series_uid, check_name, check_version, severity, message, evidence, slices, scope) \
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
        )?;
        for f in findings {
            statement.execute(params![
                series_uid, f.check, f.version, f.severity, f.message, f.evidence, f.slices, scope
            ])?;
        }
        self.tx
            .prepare_cached(
                "UPDATE series SET (notes, warnings, errors) = (SELECT coalesce(sum(severity = 0), 0), \
                 coalesce(sum(severity = 1), 0), coalesce(sum(severity > 1), 0) FROM finding WHERE series_uid = ?1) \
                 WHERE uid = ?1",
            )?
            .execute([series_uid])?;
        Ok(root(findings))
    }

    /// Replaces what the checks of its study found about a series; those of the series by itself stay. Returns the root
    /// over them, which belongs into the trail.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_study_findings(
        &self,
        series_uid: &str,
        findings: &[NewFinding],
    ) -> Result<Hash, CatalogError> {
        self.put_scoped_findings(series_uid, 1, findings)
    }

    /// Replaces what a series refers to.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_links(&self, from: &str, to: &[String]) -> Result<(), CatalogError> {
        self.tx.prepare_cached("DELETE FROM link WHERE from_series = ?1")?.execute([from])?;
        let mut statement = self.tx.prepare_cached("INSERT OR IGNORE INTO link VALUES (?1, ?2)")?;
        for to in to.iter().filter(|to| *to != from) {
            statement.execute([from, to])?;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Findings of a series, the worst first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn findings(&self, series_uid: &str) -> Result<Vec<NewFinding>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT check_name, check_version, severity, message, evidence, slices FROM finding WHERE series_uid = ?1 \
             ORDER BY severity DESC, id",
        )?;
        Ok(statement.query_map([series_uid], finding)?.collect::<Result<_, _>>()?)
    }

    /// Series that refer to this one, and those that it refers to: (modality, UID).
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn linked(&self, series_uid: &str) -> Result<Vec<(String, String)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT s.modality, s.uid FROM link l JOIN series s ON s.uid = l.from_series WHERE l.to_series = ?1 \
             UNION SELECT s.modality, s.uid FROM link l JOIN series s ON s.uid = l.to_series WHERE l.from_series = ?1 \
             ORDER BY 1, 2",
        )?;
        let rows = statement.query_map([series_uid], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Series that this one refers to.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn refers_to(&self, series_uid: &str) -> Result<Vec<String>, CatalogError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT to_series FROM link WHERE from_series = ?1 ORDER BY 1")?;
        Ok(statement.query_map([series_uid], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// What the checks of its study found about a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn study_findings(&self, series_uid: &str) -> Result<Vec<NewFinding>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT check_name, check_version, severity, message, evidence, slices FROM finding \
             WHERE series_uid = ?1 AND scope = 1 ORDER BY id",
        )?;
        Ok(statement.query_map([series_uid], finding)?.collect::<Result<_, _>>()?)
    }

    /// Findings of severity warning and error in groups: (check, severity, site, series that have it), the worst first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn finding_groups(&self, limit: u32) -> Result<Vec<(String, u8, String, u64)>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT f.check_name, f.severity, s.site, count(DISTINCT s.uid) FROM finding f \
             JOIN series s ON s.uid = f.series_uid WHERE f.severity > 0 AND s.state NOT IN ('accepted', 'returned') \
             GROUP BY f.check_name, f.severity, s.site ORDER BY f.severity DESC, 4 DESC, 1, 3 LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)? as u64))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The Merkle root over findings, in their order: nothing of one can change without it.
pub(super) fn root(findings: &[NewFinding]) -> Hash {
    let leaves: Vec<Hash> = findings
        .iter()
        .map(|f| {
            let (version, severity) = (f.version.to_be_bytes(), [f.severity]);
            let texts = [&f.message, &f.evidence, &f.slices].map(|t| t.as_bytes());
            audit::merkle_leaf([f.check.as_bytes(), &version, &severity].into_iter().chain(texts))
        })
        .collect();
    audit::merkle_root(&leaves)
}

/// The root over the stored findings of one scope: 0 the series by itself, 1 its study.
pub(super) fn stored_root(connection: &Connection, series_uid: &str, scope: u8) -> rusqlite::Result<Hash> {
    let mut statement = connection.prepare_cached(
        "SELECT check_name, check_version, severity, message, evidence, slices FROM finding \
         WHERE series_uid = ?1 AND scope = ?2 ORDER BY id",
    )?;
    let found: Vec<NewFinding> =
        statement.query_map(params![series_uid, scope], finding)?.collect::<Result<_, _>>()?;
    Ok(root(&found))
}

pub(super) fn finding(row: &rusqlite::Row<'_>) -> rusqlite::Result<NewFinding> {
    Ok(NewFinding {
        check: row.get(0)?,
        version: row.get(1)?,
        severity: row.get(2)?,
        message: row.get(3)?,
        evidence: row.get(4)?,
        slices: row.get(5)?,
    })
}
