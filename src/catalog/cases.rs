//! Cases and their tasks. What a case is and how it changes is said in `workflow`; here it is read and written.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{CatalogError, Filter, Reader, Tx, sittings};
use crate::workflow::{Accepted, Case, CaseRead, Cause, How, Purpose, Reservation, Step, Task, TaskState};

pub(super) const COLUMNS: &str = "t.id, t.step, t.slot, t.round, t.purpose, t.state, t.holder, t.lapsed, t.until_ms, t.done_ms, \
    t.reason, t.kept_for, t.kept_cause, t.level, t.escalated, t.priority, t.due_ms, t.guideline, t.plan_version, \
    t.created_ms, t.taken_ms, t.why, t.read";
/// Columns of a task, after which others may follow.
pub(super) const WIDTH: usize = 23;

fn unknown(column: usize, text: &str) -> rusqlite::Error {
    let why = format!("unknown value {text:?}");
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why.into())
}

pub(super) fn task(row: &Row<'_>) -> rusqlite::Result<Task> {
    let (step, purpose, state): (String, String, String) = (row.get(1)?, row.get(4)?, row.get(5)?);
    let holder: Option<String> = row.get(6)?;
    let reason = || row.get::<_, Option<String>>(10).map(Option::unwrap_or_default);
    let state = match &*state {
        "open" => TaskState::Open { lapsed: row.get(7)? },
        "claimed" => TaskState::Claimed {
            holder: holder.unwrap_or_default(),
            until_ms: row.get::<_, Option<i64>>(8)?.unwrap_or_default(),
        },
        "held" => TaskState::Held { holder, reason: reason()? },
        "done" => TaskState::Done {
            by: holder.unwrap_or_default(),
            at_ms: row.get::<_, Option<i64>>(9)?.unwrap_or_default(),
        },
        "cancelled" => TaskState::Cancelled { reason: reason()? },
        other => return Err(unknown(5, other)),
    };
    let kept_for: Option<String> = row.get(11)?;
    let cause: Option<String> = row.get(12)?;
    let reservation = kept_for.map(|reader| {
        let cause = if cause.as_deref() == Some("assigned") { Cause::Assigned } else { Cause::Theirs };
        Reservation { reader, cause }
    });
    let why: String = row.get(21)?;
    Ok(Task {
        id: row.get(0)?,
        step: Step::named(&step).ok_or_else(|| unknown(1, &step))?,
        slot: row.get(2)?,
        round: row.get(3)?,
        purpose: Purpose::named(&purpose).ok_or_else(|| unknown(4, &purpose))?,
        state,
        reservation,
        level: row.get(13)?,
        escalated: row.get(14)?,
        priority: row.get(15)?,
        due_ms: row.get(16)?,
        guideline: row.get(17)?,
        plan_version: row.get(18)?,
        created_ms: row.get(19)?,
        taken_ms: row.get(20)?,
        why: serde_json::from_str(&why).map_err(|_| unknown(21, "why"))?,
        read: row.get(22)?,
    })
}

fn load(connection: &Connection, uid: &str) -> Result<Option<Case>, CatalogError> {
    let sql = "SELECT c.uid, c.series_uid, c.round, c.guideline, c.priority, c.level, c.routes, c.created_ms, \
               c.accepted_read, c.accepted_by, c.accepted_ms, c.accepted_how, s.site, s.region, s.family, \
               c.withdrawn FROM study_case c LEFT JOIN series s ON s.uid = c.series_uid WHERE c.uid = ?1";
    let row = |row: &Row<'_>| {
        let how: Option<String> = row.get(11)?;
        let accepted = row.get::<_, Option<i64>>(8)?.zip(how.as_deref().and_then(How::named));
        let accepted = match accepted {
            Some((read, how)) => Some(Accepted {
                read,
                by: row.get(9)?,
                at_ms: row.get::<_, Option<i64>>(10)?.unwrap_or_default(),
                how,
            }),
            None => None,
        };
        let routes: String = row.get(6)?;
        Ok(Case {
            uid: row.get(0)?,
            series_uid: row.get(1)?,
            round: row.get(2)?,
            guideline: row.get(3)?,
            priority: row.get(4)?,
            level: row.get(5)?,
            routes: serde_json::from_str(&routes).map_err(|_| unknown(6, "routes"))?,
            created_ms: row.get(7)?,
            withdrawn: row.get(15)?,
            accepted,
            site: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
            region: row.get(13)?,
            family: row.get(14)?,
            reads: Vec::new(),
            tasks: Vec::new(),
        })
    };
    let Some(mut case) = connection.prepare_cached(sql)?.query_row([uid], row).optional()? else {
        return Ok(None);
    };
    let sql = format!("SELECT {COLUMNS} FROM case_task t WHERE t.case_uid = ?1 ORDER BY t.id");
    case.tasks = connection.prepare_cached(&sql)?.query_map([uid], task)?.collect::<Result<_, _>>()?;
    for sitting in sittings::of_case(connection, uid)? {
        let structures = sittings::structures(connection, sitting.id)?;
        case.reads.push(CaseRead {
            id: sitting.id,
            reader: sitting.reader,
            at_ms: sitting.at_ms,
            round: sitting.round,
            task: sitting.task.unwrap_or_default(),
            guideline: sitting.guideline,
            findings: notable(&sitting.findings)?,
            structures,
            superseded: sitting.superseded_by.is_some(),
            for_case: sitting.purpose == Purpose::Case,
        });
    }
    Ok(Some(case))
}

/// The checks that found a warning or an error.
fn notable(findings: &str) -> Result<Vec<String>, CatalogError> {
    #[derive(serde::Deserialize)]
    struct Found {
        check: String,
        severity: String,
    }
    let found: Vec<Found> = serde_json::from_str(findings)?;
    Ok(found.into_iter().filter(|f| f.severity != "info").map(|f| f.check).collect())
}

impl Tx<'_> {
    /// A case with its tasks and reads.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case(&self, uid: &str) -> Result<Option<Case>, CatalogError> {
        load(&self.tx, uid)
    }

    /// The case of a task.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_of_task(&self, task: i64) -> Result<Option<Case>, CatalogError> {
        match case_uid_of(&self.tx, task)? {
            Some(uid) => self.case(&uid),
            None => Ok(None),
        }
    }

    /// Stores a case as it is now; `before` is as it was stored, so that only what has changed is written.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_case(&self, case: &Case, before: Option<&Case>) -> Result<(), CatalogError> {
        let accepted = case.accepted.as_ref();
        let sql = "INSERT INTO study_case (uid, series_uid, round, guideline, priority, level, routes, created_ms, state, \
                   accepted_read, accepted_by, accepted_ms, accepted_how, withdrawn) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,\
                   ?13,?14) \
                   ON CONFLICT (uid) DO UPDATE SET series_uid=?2, round=?3, guideline=?4, priority=?5, level=?6, routes=?7, \
                   state=?9, accepted_read=?10, accepted_by=?11, accepted_ms=?12, accepted_how=?13, withdrawn=?14";
        self.tx.prepare_cached(sql)?.execute(params![
            case.uid,
            case.series_uid,
            case.round,
            case.guideline,
            case.priority,
            case.level,
            serde_json::to_string(&case.routes)?,
            case.created_ms,
            case.state().as_str(),
            accepted.map(|a| a.read),
            accepted.and_then(|a| a.by.as_ref()),
            accepted.map(|a| a.at_ms),
            accepted.map(|a| a.how.as_str()),
            case.withdrawn,
        ])?;
        let known = |task: &&Task| before.and_then(|b| b.task(task.id)) == Some(task);
        for task in case.tasks.iter().filter(|task| !known(task)) {
            self.put_case_task(&case.uid, task)?;
        }
        Ok(())
    }

    fn put_case_task(&self, case_uid: &str, task: &Task) -> Result<(), CatalogError> {
        let state = &task.state;
        let (lapsed, until_ms, done_ms, reason) = match state {
            TaskState::Open { lapsed } => (lapsed.as_deref(), None, None, None),
            TaskState::Claimed { until_ms, .. } => (None, Some(*until_ms), None, None),
            TaskState::Held { reason, .. } | TaskState::Cancelled { reason } => {
                (None, None, None, Some(reason))
            }
            TaskState::Done { at_ms, .. } => (None, None, Some(*at_ms), None),
        };
        let kept = task.reservation.as_ref();
        let cause = kept.map(|r| match r.cause {
            Cause::Assigned => "assigned",
            Cause::Theirs => "theirs",
        });
        // A deadline that has moved begins to count anew.
        let sql = "INSERT INTO case_task (id, case_uid, step, slot, round, purpose, state, holder, lapsed, until_ms, done_ms, \
                   reason, kept_for, kept_cause, level, escalated, priority, due_ms, guideline, plan_version, created_ms, \
                   taken_ms, why, read) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,\
                   ?22,?23,?24) ON CONFLICT (id) DO UPDATE SET state=?7, holder=?8, lapsed=?9, until_ms=?10, done_ms=?11, \
                   reason=?12, kept_for=?13, kept_cause=?14, level=?15, escalated=?16, priority=?17, \
                   overdue = overdue AND due_ms IS ?18, due_ms=?18, guideline=?19, plan_version=?20, taken_ms=?22, why=?23, \
                   read=?24";
        self.tx.prepare_cached(sql)?.execute(params![
            task.id,
            case_uid,
            task.step.as_str(),
            task.slot,
            task.round,
            task.purpose.as_str(),
            state.as_str(),
            state.holder(),
            lapsed,
            until_ms,
            done_ms,
            reason,
            kept.map(|r| &r.reader),
            cause,
            task.level,
            task.escalated,
            task.priority,
            task.due_ms,
            task.guideline,
            task.plan_version,
            task.created_ms,
            task.taken_ms,
            serde_json::to_string(&task.why)?,
            task.read,
        ])?;
        Ok(())
    }

    /// UIDs of every case.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_uids(&self) -> Result<Vec<String>, CatalogError> {
        let mut statement = self.tx.prepare_cached("SELECT uid FROM study_case ORDER BY created_ms, uid")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The case that a series belongs to.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_of_series(&self, series_uid: &str) -> Result<Option<String>, CatalogError> {
        let sql =
            "SELECT c.uid FROM study_case c JOIN series s ON s.uid = ?1 WHERE c.uid IN (s.uid, s.study_uid)";
        Ok(self.tx.prepare_cached(sql)?.query_row([series_uid], |row| row.get(0)).optional()?)
    }

    /// Series that match, with their studies and states, by UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_series(
        &self,
        filter: &Filter,
        only: Option<&str>,
    ) -> Result<Vec<SeriesOfCase>, CatalogError> {
        let condition = filter.sql_from(2);
        let mut bound: Vec<&dyn ToSql> = vec![&only];
        bound.extend(condition.values.iter().map(|v| v as &dyn ToSql));
        // One series is found by its UID, whatever else is asked of it.
        let which = if only.is_some() { "uid = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT uid, study_uid, state, warnings + errors FROM series \
             WHERE {which} AND is_image AND subject NOT IN (SELECT subject FROM withdrawal) AND {} ORDER BY uid",
            condition.text
        );
        let row = |row: &Row<'_>| {
            Ok(SeriesOfCase {
                uid: row.get(0)?,
                study_uid: row.get(1)?,
                state: row.get(2)?,
                has_findings: row.get::<_, i64>(3)? > 0,
            })
        };
        Ok(self.tx.prepare_cached(&sql)?.query_map(&*bound, row)?.collect::<Result<_, _>>()?)
    }

    /// Whether a series matches.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn series_matches(&self, uid: &str, filter: &Filter) -> Result<bool, CatalogError> {
        Ok(!self.case_series(filter, Some(uid))?.is_empty())
    }

    /// Says which read of a case is known to be true.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn set_gold(&self, case_uid: &str, read: i64) -> Result<(), CatalogError> {
        let sql = "UPDATE study_case SET gold_read = ?2 WHERE uid = ?1";
        self.tx.prepare_cached(sql)?.execute(params![case_uid, read])?;
        Ok(())
    }

    /// Cases of known truth that a reader has neither read nor been given, by UID.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn gold_for(&self, reader: &str) -> Result<Vec<String>, CatalogError> {
        let sql = "SELECT c.uid FROM study_case c WHERE c.gold_read IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sitting s \
                   WHERE s.case_uid = c.uid AND s.reader = ?1) AND NOT EXISTS (SELECT 1 FROM case_task t \
                   WHERE t.case_uid = c.uid AND ?1 IN (t.holder, t.kept_for)) ORDER BY c.uid";
        Ok(self.tx.prepare_cached(sql)?.query_map([reader], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Reads that stand and are old enough to be repeated by their readers, and were not yet: case and reader.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn repeatable(&self, before_ms: i64) -> Result<Vec<(String, String)>, CatalogError> {
        let sql = "SELECT s.case_uid, s.reader FROM sitting s JOIN study_case c ON c.uid = s.case_uid \
                   WHERE s.purpose = 'case' AND s.superseded_by IS NULL AND s.at_ms <= ?1 AND c.state = 'accepted' \
                   AND s.round = c.round AND EXISTS (SELECT 1 FROM case_task t WHERE t.id = s.task AND t.step = 'read') \
                   AND NOT EXISTS (SELECT 1 FROM case_task t WHERE t.case_uid = s.case_uid AND t.purpose = 'repeat' \
                   AND t.round = s.round AND s.reader IN (t.holder, t.kept_for)) ORDER BY s.id";
        let mut statement = self.tx.prepare_cached(sql)?;
        Ok(statement
            .query_map([before_ms], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?)
    }
}

/// A series as far as cases go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesOfCase {
    /// The series.
    pub uid: String,
    /// Its study.
    pub study_uid: String,
    /// Its state.
    pub state: String,
    /// A check found a warning or an error.
    pub has_findings: bool,
}

fn case_uid_of(connection: &Connection, task: i64) -> Result<Option<String>, CatalogError> {
    let sql = "SELECT case_uid FROM case_task WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([task], |row| row.get(0)).optional()?)
}

impl Reader<'_> {
    /// A case with its tasks and reads.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case(&self, uid: &str) -> Result<Option<Case>, CatalogError> {
        load(self.connection(), uid)
    }

    /// The case of a task.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_of_task(&self, task: i64) -> Result<Option<Case>, CatalogError> {
        match case_uid_of(self.connection(), task)? {
            Some(uid) => self.case(&uid),
            None => Ok(None),
        }
    }

    /// The case that a series belongs to.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_of_series(&self, series_uid: &str) -> Result<Option<Case>, CatalogError> {
        let sql =
            "SELECT c.uid FROM study_case c JOIN series s ON s.uid = ?1 WHERE c.uid IN (s.uid, s.study_uid)";
        let found: Option<String> =
            self.connection().prepare_cached(sql)?.query_row([series_uid], |row| row.get(0)).optional()?;
        match found {
            Some(uid) => self.case(&uid),
            None => Ok(None),
        }
    }

    /// Cases of known truth, with the read that is true.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn gold_cases(&self) -> Result<Vec<(String, i64)>, CatalogError> {
        let sql = "SELECT uid, gold_read FROM study_case WHERE gold_read IS NOT NULL ORDER BY uid";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }
}
