//! Sittings: all that one reader said of one series under one guideline at once. A label is a row of `read` that names its
//! sitting; people call a sitting a read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::reads::{COLUMNS as LABEL_COLUMNS, FROM as LABEL_FROM, record as label, values};
use super::{CatalogError, NewRead, ReadRecord, Reader, Tx, WhichReads};
use crate::workflow::{PairAgreement, Purpose, StructureAgreement};

/// A sitting that a task brings.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSitting {
    /// The reader.
    pub reader: String,
    /// The series that was read.
    pub series_uid: String,
    /// The guideline's version.
    pub guideline: String,
    /// The case.
    pub case_uid: String,
    /// The task.
    pub task: Option<i64>,
    /// The case's round.
    pub round: u32,
    /// Why it was read.
    pub purpose: Purpose,
    /// The plan's version.
    pub plan_version: u32,
    /// How long it took.
    pub seconds: Option<f64>,
    /// What the checks say of it, as JSON.
    pub findings: String,
}

/// A sitting as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SittingRecord {
    /// Its number, which people know as the number of the read.
    pub id: i64,
    /// The reader.
    pub reader: String,
    /// The series; empty where the item belongs to none here.
    pub series_uid: String,
    /// The guideline's version.
    pub guideline: String,
    /// The case, where a task brought it.
    pub case_uid: Option<String>,
    /// The task.
    pub task: Option<i64>,
    /// The case's round.
    pub round: u32,
    /// Why it was read.
    pub purpose: Purpose,
    /// The plan's version.
    pub plan_version: Option<u32>,
    /// When it was read or came in, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took.
    pub seconds: Option<f64>,
    /// What the checks say of it, as JSON.
    pub findings: String,
    /// The read that has replaced it.
    pub superseded_by: Option<i64>,
}

const COLUMNS: &str = "s.id, s.reader, s.series_uid, s.guideline, s.case_uid, s.task, s.round, s.purpose, s.plan_version, \
    s.at_ms, s.seconds, s.findings, s.superseded_by";

fn record(row: &Row<'_>) -> rusqlite::Result<SittingRecord> {
    let purpose: String = row.get(7)?;
    Ok(SittingRecord {
        id: row.get(0)?,
        reader: row.get(1)?,
        series_uid: row.get(2)?,
        guideline: row.get(3)?,
        case_uid: row.get(4)?,
        task: row.get(5)?,
        round: row.get(6)?,
        purpose: Purpose::named(&purpose).unwrap_or_default(),
        plan_version: row.get(8)?,
        at_ms: row.get(9)?,
        seconds: row.get(10)?,
        findings: row.get(11)?,
        superseded_by: row.get(12)?,
    })
}

pub(super) fn of_case(connection: &Connection, uid: &str) -> Result<Vec<SittingRecord>, CatalogError> {
    let sql = format!("SELECT {COLUMNS} FROM sitting s WHERE s.case_uid = ?1 ORDER BY s.id");
    Ok(connection.prepare_cached(&sql)?.query_map([uid], record)?.collect::<Result<_, _>>()?)
}

fn labels(connection: &Connection, sitting: i64) -> Result<Vec<ReadRecord>, CatalogError> {
    let sql = format!("SELECT {LABEL_COLUMNS} {LABEL_FROM} WHERE r.sitting = ?1 ORDER BY r.id");
    let mut rows =
        connection.prepare_cached(&sql)?.query_map([sitting], label)?.collect::<Result<Vec<_>, _>>()?;
    for row in &mut rows {
        row.read.values = values(connection, row.id)?;
    }
    Ok(rows)
}

pub(super) fn structures(connection: &Connection, sitting: i64) -> Result<Vec<String>, CatalogError> {
    let sql = "SELECT DISTINCT structure FROM read WHERE sitting = ?1 ORDER BY structure";
    Ok(connection.prepare_cached(sql)?.query_map([sitting], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn agreements(connection: &Connection, case_uid: &str) -> Result<Vec<PairAgreement>, CatalogError> {
    let sql = "SELECT g.a, g.b, g.structures FROM read_agreement g JOIN sitting a ON a.id = g.a \
               JOIN sitting b ON b.id = g.b WHERE a.case_uid = ?1 AND a.superseded_by IS NULL \
               AND b.superseded_by IS NULL AND a.round = b.round ORDER BY g.a, g.b";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([case_uid])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let structures: Vec<StructureAgreement> = serde_json::from_str(&row.get::<_, String>(2)?)?;
        found.push(PairAgreement { a: row.get(0)?, b: row.get(1)?, structures });
    }
    Ok(found)
}

impl Tx<'_> {
    /// Stores a sitting and gives its number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_sitting(&self, new: &NewSitting, now_ms: i64) -> Result<i64, CatalogError> {
        let sql = "INSERT INTO sitting (reader, series_uid, item, guideline, case_uid, task, round, purpose, plan_version, \
                   at_ms, seconds, findings) VALUES (?1,?2,'',?3,?4,?5,?6,?7,?8,?9,?10,?11) RETURNING id";
        let values = params![
            new.reader,
            new.series_uid,
            new.guideline,
            new.case_uid,
            new.task,
            new.round,
            new.purpose.as_str(),
            new.plan_version,
            now_ms,
            new.seconds,
            new.findings
        ];
        Ok(self.tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// A later sitting of the same task has replaced one; those of its labels that still stand no longer do.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn supersede_sitting(&self, old: i64, by: i64) -> Result<(), CatalogError> {
        let sql = "UPDATE sitting SET superseded_by = ?2 WHERE id = ?1 AND superseded_by IS NULL";
        self.tx.prepare_cached(sql)?.execute([old, by])?;
        let sql = "UPDATE read SET superseded_by = coalesce((SELECT min(id) FROM read WHERE sitting = ?2), id) \
                   WHERE sitting = ?1 AND superseded_by IS NULL";
        self.tx.prepare_cached(sql)?.execute([old, by])?;
        Ok(())
    }

    /// The labels of a sitting, as this transaction sees them.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn labels_of(&self, sitting: i64) -> Result<Vec<ReadRecord>, CatalogError> {
        labels(&self.tx, sitting)
    }

    /// The sitting that an import brings of a reader, series and guideline.
    pub(super) fn sitting_of_import(
        &self,
        import: i64,
        new: &NewRead,
        now_ms: i64,
    ) -> Result<i64, CatalogError> {
        let item = if new.item.series_uid.is_empty() { new.item.name.as_str() } else { "" };
        let key = params![import, new.reader, new.item.series_uid, item, new.guideline];
        let sql = "SELECT id FROM sitting WHERE import = ?1 AND reader = ?2 AND series_uid = ?3 AND item = ?4 \
                   AND guideline = ?5";
        let known = self.tx.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        let sql = "INSERT INTO sitting (import, reader, series_uid, item, guideline, at_ms, seconds) \
                   VALUES (?1,?2,?3,?4,?5,?6,?7) RETURNING id";
        let took = new.started_ms.zip(new.finished_ms).map(|(from, to)| (to - from) as f64 / 1e3);
        let at_ms = new.finished_ms.unwrap_or(now_ms);
        let values = params![import, new.reader, new.item.series_uid, item, new.guideline, at_ms, took];
        Ok(self.tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// A sitting stands while one of its labels does.
    pub(super) fn settle_sitting(&self, sitting: i64) -> Result<(), CatalogError> {
        let sql = "UPDATE sitting SET superseded_by = CASE \
                   WHEN EXISTS (SELECT 1 FROM read WHERE sitting = ?1 AND superseded_by IS NULL) THEN NULL \
                   ELSE coalesce((SELECT n.sitting FROM read o JOIN read n ON n.id = o.superseded_by \
                   WHERE o.sitting = ?1 ORDER BY n.id DESC LIMIT 1), ?1) END WHERE id = ?1";
        self.tx.prepare_cached(sql)?.execute([sitting])?;
        Ok(())
    }

    /// Keeps how far two reads of a case agree.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_agreement(&self, pair: &PairAgreement) -> Result<(), CatalogError> {
        let sql = "INSERT OR REPLACE INTO read_agreement (a, b, structures) VALUES (?1, ?2, ?3)";
        let structures = serde_json::to_string(&pair.structures)?;
        self.tx.prepare_cached(sql)?.execute(params![pair.a.min(pair.b), pair.a.max(pair.b), structures])?;
        Ok(())
    }
}

impl Reader<'_> {
    /// A sitting by its number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sitting(&self, id: i64) -> Result<Option<SittingRecord>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM sitting s WHERE s.id = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([id], record).optional()?)
    }

    /// The sittings in which this blob was drawn.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sittings_of_blob(&self, blob: &str) -> Result<Vec<SittingRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sitting s WHERE s.id IN (SELECT sitting FROM read WHERE label = ?1) ORDER BY s.id"
        );
        Ok(self.connection().prepare_cached(&sql)?.query_map([blob], record)?.collect::<Result<_, _>>()?)
    }

    /// The labels of a sitting.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn labels_of(&self, sitting: i64) -> Result<Vec<ReadRecord>, CatalogError> {
        labels(self.connection(), sitting)
    }

    /// Sittings, the latest first, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sittings(
        &self,
        which: &WhichReads,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<SittingRecord>, u64), CatalogError> {
        let condition = "FROM sitting s WHERE (?1 IS NULL OR s.reader = ?1) AND (?2 IS NULL OR EXISTS \
             (SELECT 1 FROM read r WHERE r.sitting = s.id AND r.structure = ?2)) \
             AND (?3 IS NULL OR s.series_uid = ?3) AND (?4 OR s.superseded_by IS NULL)";
        let bound = params![which.reader, which.structure, which.series_uid, which.history];
        let sql = format!("SELECT {COLUMNS} {condition} ORDER BY s.id DESC LIMIT {limit} OFFSET {offset}");
        let rows = self
            .connection()
            .prepare_cached(&sql)?
            .query_map(bound, record)?
            .collect::<Result<Vec<_>, _>>()?;
        let total: i64 = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) {condition}"))?
            .query_row(bound, |row| row.get(0))?;
        Ok((rows, total as u64))
    }

    /// Every sitting of the same reader and series as one, the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn sitting_history(&self, id: i64) -> Result<Vec<SittingRecord>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sitting s JOIN sitting k ON k.id = ?1 AND s.reader = k.reader \
             AND s.series_uid = k.series_uid AND s.item = k.item ORDER BY s.id DESC"
        );
        Ok(self.connection().prepare_cached(&sql)?.query_map([id], record)?.collect::<Result<_, _>>()?)
    }

    /// How far the reads of a case's rounds agree.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn agreements_of(&self, case_uid: &str) -> Result<Vec<PairAgreement>, CatalogError> {
        agreements(self.connection(), case_uid)
    }
}
