//! Assembled series with their findings and links.

use rusqlite::{OptionalExtension, ToSql, params};

use super::{CatalogError, Filter, Reader, Tx};

/// An assembled series as it is stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesRecord {
    /// The remapped series UID.
    pub uid: String,
    /// The remapped study UID.
    pub study_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Modality.
    pub modality: String,
    /// It holds images: it is checked and reviewed.
    pub is_image: bool,
    /// The shifted study date, `YYYY-MM-DD`.
    pub study_date: Option<String>,
    /// The cleaned study description.
    pub study_description: Option<String>,
    /// Series Number.
    pub number: Option<i32>,
    /// The cleaned series description.
    pub description: Option<String>,
    /// Body Part Examined.
    pub body_part: Option<String>,
    /// Manufacturer.
    pub manufacturer: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Distinct SOP instances.
    pub instances: u64,
    /// Frames.
    pub frames: u64,
    /// Rows and columns.
    pub matrix: Option<(u32, u32)>,
    /// Row, column and slice spacing.
    pub spacing_mm: Option<[f64; 3]>,
    /// `checking`, `checked`, `accepted`, `returned`, `stored`.
    pub state: String,
    /// Findings: errors, warnings, notes.
    pub findings: (u32, u32, u32),
    /// When its last instance was stored, in milliseconds since 1970.
    pub latest_ms: i64,
    /// Stacks, as JSON.
    pub stacks: String,
    /// Acquisition facts, as JSON.
    pub facts: String,
}

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

const COLUMNS: &str = "uid, study_uid, subject, site, modality, is_image, study_date, study_description, number, \
    description, body_part, manufacturer, model, instances, frames, rows, columns, spacing_row_mm, spacing_column_mm, \
    spacing_slice_mm, state, errors, warnings, notes, latest_ms, stacks, facts";

impl Tx<'_> {
    /// Stores a series, replacing what was known of it. Its findings are those of the last check until the next.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_series(&self, s: &SeriesRecord) -> Result<(), CatalogError> {
        let (rows, columns) = s.matrix.unzip();
        let spacing = s.spacing_mm.map_or([None; 3], |s| s.map(Some));
        let id: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO series (uid, study_uid, subject, site, modality, is_image, study_date, study_description, \
                 number, description, body_part, manufacturer, model, instances, frames, rows, columns, spacing_row_mm, \
                 spacing_column_mm, spacing_slice_mm, state, latest_ms, stacks, facts) VALUES \
                 (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24) \
                 ON CONFLICT (uid) DO UPDATE SET study_uid=?2, subject=?3, site=?4, modality=?5, is_image=?6, \
                 study_date=?7, study_description=?8, number=?9, description=?10, body_part=?11, manufacturer=?12, \
                 model=?13, instances=?14, frames=?15, rows=?16, columns=?17, spacing_row_mm=?18, spacing_column_mm=?19, \
                 spacing_slice_mm=?20, state=?21, latest_ms=?22, stacks=?23, facts=?24 RETURNING id",
            )?
            .query_row(
                params![
                    s.uid,
                    s.study_uid,
                    s.subject,
                    s.site,
                    s.modality,
                    s.is_image,
                    s.study_date,
                    s.study_description,
                    s.number,
                    s.description,
                    s.body_part,
                    s.manufacturer,
                    s.model,
                    s.instances as i64,
                    s.frames as i64,
                    rows,
                    columns,
                    spacing[0],
                    spacing[1],
                    spacing[2],
                    s.state,
                    s.latest_ms,
                    s.stacks,
                    s.facts
                ],
                |row| row.get(0),
            )?;
        let text: Vec<&str> = [&s.description, &s.study_description, &s.body_part, &s.manufacturer, &s.model]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain([&*s.modality, &*s.subject, &*s.site])
            .collect();
        self.tx.prepare_cached("DELETE FROM series_text WHERE rowid = ?1")?.execute([id])?;
        self.tx
            .prepare_cached("INSERT INTO series_text (rowid, text) VALUES (?1, ?2)")?
            .execute(params![id, text.join(" ")])?;
        Ok(())
    }

    /// Replaces the findings of a series and the counts beside it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_findings(&self, series_uid: &str, findings: &[NewFinding]) -> Result<(), CatalogError> {
        self.tx.prepare_cached("DELETE FROM finding WHERE series_uid = ?1")?.execute([series_uid])?;
        let mut statement = self.tx.prepare_cached(
            "INSERT INTO finding (series_uid, check_name, check_version, severity, message, evidence, slices) \
             VALUES (?1,?2,?3,?4,?5,?6,?7)",
        )?;
        let mut counts = [0u32; 3];
        for f in findings {
            counts[usize::from(f.severity.min(2))] += 1;
            statement.execute(params![
                series_uid, f.check, f.version, f.severity, f.message, f.evidence, f.slices
            ])?;
        }
        self.tx
            .prepare_cached("UPDATE series SET notes = ?2, warnings = ?3, errors = ?4 WHERE uid = ?1")?
            .execute(params![series_uid, counts[0], counts[1], counts[2]])?;
        Ok(())
    }

    /// Sets the state of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn set_series_state(&self, series_uid: &str, state: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("UPDATE series SET state = ?2 WHERE uid = ?1")?
            .execute([series_uid, state])?;
        Ok(())
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
    /// One series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series(&self, uid: &str) -> Result<Option<SeriesRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM series WHERE uid = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([uid], record).optional()?)
    }

    /// Series that match, in the order of these columns, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn search(
        &self,
        filter: &Filter,
        order: &'static str,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<SeriesRecord>, u64), CatalogError> {
        let condition = filter.sql();
        let bound: Vec<&dyn ToSql> = condition.values.iter().map(|v| v as &dyn ToSql).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM series WHERE {} ORDER BY {order} LIMIT {limit} OFFSET {offset}",
            condition.text
        );
        let rows =
            self.connection().prepare_cached(&sql)?.query_map(&*bound, record)?.collect::<Result<_, _>>()?;
        let total: i64 = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) FROM series WHERE {}", condition.text))?
            .query_row(&*bound, |row| row.get(0))?;
        Ok((rows, total as u64))
    }

    /// Findings of a series, the worst first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn findings(&self, series_uid: &str) -> Result<Vec<NewFinding>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT check_name, check_version, severity, message, evidence, slices FROM finding WHERE series_uid = ?1 \
             ORDER BY severity DESC, id",
        )?;
        let rows = statement.query_map([series_uid], |row| {
            Ok(NewFinding {
                check: row.get(0)?,
                version: row.get(1)?,
                severity: row.get(2)?,
                message: row.get(3)?,
                evidence: row.get(4)?,
                slices: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
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

    /// Series in all, image series that were checked, and findings.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_totals(&self) -> Result<(u64, u64), CatalogError> {
        Ok(self
            .connection()
            .prepare_cached("SELECT (SELECT count(*) FROM series), (SELECT count(*) FROM finding)")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
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

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<SeriesRecord> {
    let spacing: [Option<f64>; 3] = [row.get(17)?, row.get(18)?, row.get(19)?];
    let spacing_mm = match spacing {
        [Some(a), Some(b), Some(c)] => Some([a, b, c]),
        _ => None,
    };
    let matrix: (Option<u32>, Option<u32>) = (row.get(15)?, row.get(16)?);
    Ok(SeriesRecord {
        uid: row.get(0)?,
        study_uid: row.get(1)?,
        subject: row.get(2)?,
        site: row.get(3)?,
        modality: row.get(4)?,
        is_image: row.get(5)?,
        study_date: row.get(6)?,
        study_description: row.get(7)?,
        number: row.get(8)?,
        description: row.get(9)?,
        body_part: row.get(10)?,
        manufacturer: row.get(11)?,
        model: row.get(12)?,
        instances: row.get::<_, i64>(13)? as u64,
        frames: row.get::<_, i64>(14)? as u64,
        matrix: matrix.0.zip(matrix.1),
        spacing_mm,
        state: row.get(20)?,
        findings: (row.get(21)?, row.get(22)?, row.get(23)?),
        latest_ms: row.get(24)?,
        stacks: row.get(25)?,
        facts: row.get(26)?,
    })
}
