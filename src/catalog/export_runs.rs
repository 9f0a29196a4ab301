//! Where datasets went, and whose data were in them.

use rusqlite::{OptionalExtension, Row, params};

use super::{CatalogError, Reader, Tx};
use crate::audit::{self, Hash};

/// A dataset that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewExportRun {
    /// The snapshot, where it was one.
    pub snapshot: Option<String>,
    /// The folder.
    pub place: String,
    /// The formats.
    pub formats: Vec<String>,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// By whom.
    pub actor: String,
    /// Series with their subjects.
    pub members: Vec<(String, String)>,
}

/// A dataset that was written and holds a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRun {
    /// The snapshot, where it was one.
    pub snapshot: Option<String>,
    /// The folder.
    pub place: String,
    /// The formats, by commas.
    pub formats: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// By whom.
    pub actor: String,
}

/// A dataset that was written, with who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRun {
    /// The dataset.
    pub run: ExportRun,
    /// Series in it.
    pub series: u64,
    /// Subjects in it.
    pub subjects: u64,
    /// Subjects in it that have withdrawn, before or since.
    pub withdrawn: Vec<String>,
}

fn record(row: &Row<'_>) -> rusqlite::Result<ExportRun> {
    Ok(ExportRun {
        snapshot: row.get(0)?,
        place: row.get(1)?,
        formats: row.get(2)?,
        manifest_sha256: row.get(3)?,
        at_ms: row.get(4)?,
        actor: row.get(5)?,
    })
}

const COLUMNS: &str = "snapshot, place, formats, manifest_sha256, at_ms, actor";

impl Tx<'_> {
    /// Registers a dataset that was written: its number, and the digest of what the register says of it. One that stood
    /// there already, and is known, is not registered again.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_export_run(&self, run: &NewExportRun, at_ms: i64) -> Result<(i64, Hash), CatalogError> {
        let sql = "SELECT id FROM export_run WHERE place = ?1 AND manifest_sha256 = ?2";
        let known = params![run.place, run.manifest_sha256];
        if let Some(id) = self.tx.prepare_cached(sql)?.query_row(known, |row| row.get(0)).optional()? {
            return Ok((id, digest(&self.tx, id)?));
        }
        let sql = format!("INSERT INTO export_run ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6) RETURNING id");
        let values =
            params![run.snapshot, run.place, run.formats.join(","), run.manifest_sha256, at_ms, run.actor];
        let id: i64 = self.tx.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
        let sql = "INSERT OR IGNORE INTO export_member (run, series_uid, subject) VALUES (?1,?2,?3)";
        let mut statement = self.tx.prepare_cached(sql)?;
        for (series_uid, subject) in &run.members {
            statement.execute(params![id, series_uid, subject])?;
        }
        Ok((id, digest(&self.tx, id)?))
    }
}

/// The digest of all that the register says of a dataset: where it went, when and by whom, and whose data are in it.
fn digest(connection: &rusqlite::Connection, id: i64) -> Result<Hash, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM export_run WHERE id = ?1");
    let run = connection.prepare_cached(&sql)?.query_row([id], record)?;
    let sql = "SELECT series_uid, subject FROM export_member WHERE run = ?1 ORDER BY series_uid";
    let members: Vec<(String, String)> = connection
        .prepare_cached(sql)?
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let at = run.at_ms.to_be_bytes();
    let snapshot = run.snapshot.as_deref().unwrap_or_default();
    let own = [snapshot, &run.place, &run.formats, &run.manifest_sha256, &run.actor].map(str::as_bytes);
    let members = members.iter().flat_map(|(series, subject)| [series.as_bytes(), subject.as_bytes()]);
    Ok(audit::merkle_leaf(own.into_iter().chain([&at[..]]).chain(members)))
}

impl Reader<'_> {
    /// Datasets that were written and hold a subject, the earliest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn exports_of_subject(&self, subject: &str) -> Result<Vec<ExportRun>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM export_run WHERE id IN (SELECT run FROM export_member WHERE subject = ?1) ORDER BY id"
        );
        Ok(self.connection().prepare_cached(&sql)?.query_map([subject], record)?.collect::<Result<_, _>>()?)
    }

    /// Datasets that were written, the latest first: all, or those of a snapshot; with how many series and subjects are in
    /// each.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn export_runs(&self, snapshot: Option<&str>) -> Result<Vec<CountedRun>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS}, id, (SELECT count(*) FROM export_member m WHERE m.run = e.id), (SELECT count(DISTINCT \
             subject) FROM export_member m WHERE m.run = e.id) FROM export_run e WHERE ?1 IS NULL OR snapshot = ?1 \
             ORDER BY id DESC"
        );
        let row = |row: &Row<'_>| {
            let number = |at| row.get::<_, i64>(at).map(|n| n as u64);
            let (id, series, subjects) = (row.get::<_, i64>(6)?, number(7)?, number(8)?);
            Ok((id, CountedRun { run: record(row)?, series, subjects, withdrawn: Vec::new() }))
        };
        let mut statement = self.connection().prepare_cached(&sql)?;
        let rows: Vec<(i64, CountedRun)> = statement.query_map([snapshot], row)?.collect::<Result<_, _>>()?;
        let sql = "SELECT DISTINCT subject FROM export_member JOIN withdrawal USING (subject) WHERE run = ?1 ORDER BY 1";
        let mut withdrawn = self.connection().prepare_cached(sql)?;
        let mut runs = Vec::with_capacity(rows.len());
        for (id, mut run) in rows {
            run.withdrawn = withdrawn.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            runs.push(run);
        }
        Ok(runs)
    }

    /// Datasets that were written of a snapshot, the earliest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn exports_of_snapshot(&self, name: &str) -> Result<Vec<ExportRun>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM export_run WHERE snapshot = ?1 ORDER BY id");
        Ok(self.connection().prepare_cached(&sql)?.query_map([name], record)?.collect::<Result<_, _>>()?)
    }

    /// What the register says of every dataset that was written, as digests: number, snapshot, digest.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn export_digests(&self) -> Result<Vec<(i64, Option<String>, Hash)>, CatalogError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT id, snapshot FROM export_run ORDER BY id")?;
        let runs: Vec<(i64, Option<String>)> =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        runs.into_iter().map(|(id, snapshot)| Ok((id, snapshot, digest(connection, id)?))).collect()
    }

    /// Series in the register of a dataset that is not registered: how many.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn members_without_export(&self) -> Result<u64, CatalogError> {
        let sql = "SELECT count(*) FROM export_member WHERE run NOT IN (SELECT id FROM export_run)";
        Ok(self.connection().prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0))? as u64)
    }
}
