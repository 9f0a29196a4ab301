//! Where datasets went, and whose data were in them.

use rusqlite::{Row, params};

use super::{CatalogError, Reader, Tx};

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
    /// Registers a dataset that was written. One that stood there already, and is known, is not registered again.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_export_run(&self, run: &NewExportRun, at_ms: i64) -> Result<(), CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM export_run WHERE place = ?1 AND manifest_sha256 = ?2)";
        let known = params![run.place, run.manifest_sha256];
        if self.tx.prepare_cached(sql)?.query_row(known, |row| row.get(0))? {
            return Ok(());
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
        Ok(())
    }
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
}
