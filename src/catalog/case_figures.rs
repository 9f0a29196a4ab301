//! Figures of cases: how reading goes, and what stands.

use rusqlite::Row;

use super::{CatalogError, Reader};
use crate::workflow::Step;

/// What stands of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRow {
    /// The case.
    pub case_uid: String,
    /// The read.
    pub read: i64,
    /// Who decided.
    pub by: Option<String>,
    /// How, by its name.
    pub how: Option<String>,
}

/// A read task that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneRead {
    /// Who read.
    pub reader: String,
    /// The guideline's version.
    pub guideline: String,
    /// The plan's version.
    pub plan_version: u32,
    /// Its case is accepted.
    pub is_decided: bool,
    /// How often it was handed in: more than once where it was returned.
    pub sittings: u32,
    /// It is the read that stands.
    pub stands: bool,
    /// How long the reader says that it took.
    pub seconds: Option<f64>,
    /// How long the reader had it.
    pub held_ms: Option<i64>,
}

impl Reader<'_> {
    /// How many cases are in each state.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_counts(&self) -> Result<Vec<(String, u64)>, CatalogError> {
        let sql = "SELECT state, count(*) FROM study_case GROUP BY state ORDER BY state";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64));
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }

    /// Every read task that is done, of those that count for their cases.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn done_reads(&self) -> Result<Vec<DoneRead>, CatalogError> {
        let sql = "SELECT t.holder, t.guideline, t.plan_version, c.state = 'accepted', \
                   (SELECT count(*) FROM sitting s WHERE s.task = t.id), t.read = c.accepted_read, \
                   (SELECT s.seconds FROM sitting s WHERE s.id = t.read), t.done_ms - t.taken_ms \
                   FROM case_task t JOIN study_case c ON c.uid = t.case_uid \
                   WHERE t.state = 'done' AND t.step = 'read' AND t.purpose = 'case' ORDER BY t.id";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            Ok(DoneRead {
                reader: row.get(0)?,
                guideline: row.get(1)?,
                plan_version: row.get(2)?,
                is_decided: row.get(3)?,
                sittings: row.get(4)?,
                stands: row.get::<_, Option<bool>>(5)?.unwrap_or_default(),
                seconds: row.get(6)?,
                held_ms: row.get(7)?,
            })
        };
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }

    /// When each task of a step was made and done (`None` while it is not), and how many cases were adjudicated and
    /// judged at all.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn step_times(&self, step: Step) -> Result<Vec<(i64, Option<i64>)>, CatalogError> {
        let sql =
            "SELECT created_ms, done_ms FROM case_task WHERE step = ?1 AND state <> 'cancelled' ORDER BY id";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(statement.query_map([step.as_str()], row)?.collect::<Result<_, _>>()?)
    }

    /// Cases that were read by several readers to the end, and how many of them went to an adjudicator.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn adjudicated_cases(&self) -> Result<(u64, u64), CatalogError> {
        let sql = "SELECT count(*), coalesce(sum(adjudicated), 0) FROM (SELECT EXISTS (SELECT 1 FROM case_task a \
                   WHERE a.case_uid = c.uid AND a.step = 'adjudicate' AND a.state <> 'cancelled') AS adjudicated \
                   FROM study_case c WHERE (SELECT count(*) FROM case_task t WHERE t.case_uid = c.uid AND t.step = 'read' \
                   AND t.purpose = 'case' AND t.state = 'done' AND t.round = c.round) > 1 AND c.state IN ('accepted', \
                   'adjudicating', 'in_review'))";
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
        Ok(self.connection().prepare_cached(sql)?.query_row([], row)?)
    }

    /// What stands of each case that was ever accepted: case, read, who decided, how.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn accepted_cases(&self) -> Result<Vec<AcceptedRow>, CatalogError> {
        let sql = "SELECT uid, accepted_read, accepted_by, accepted_how FROM study_case \
                   WHERE accepted_read IS NOT NULL ORDER BY uid";
        let mut statement = self.connection().prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            Ok(AcceptedRow { case_uid: row.get(0)?, read: row.get(1)?, by: row.get(2)?, how: row.get(3)? })
        };
        Ok(statement.query_map([], row)?.collect::<Result<_, _>>()?)
    }
}
