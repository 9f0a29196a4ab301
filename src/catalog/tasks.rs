//! Review tasks: claimed for a limited time, decided once, the decision undone by who made it.

use rusqlite::{OptionalExtension, ToSql, params};
use sha2::{Digest, Sha256};

use super::{CatalogError, Filter, Reader, Tx};

/// A task about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The series to look at.
    pub series_uid: String,
    /// Why it is here.
    pub why: String,
    /// The worst finding: 0 info, 1 warning, 2 error.
    pub severity: Option<u8>,
    /// When it is due, in milliseconds since 1970.
    pub due_ms: i64,
}

/// A task with what a list shows of its series.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskRecord {
    /// Its row.
    pub id: i64,
    /// The series.
    pub series_uid: String,
    /// `open`, `accepted`, `returned`.
    pub state: String,
    /// Who claimed or decided it.
    pub assignee: Option<String>,
    /// Until when the claim holds.
    pub claim_until_ms: Option<i64>,
    /// Why it is here.
    pub why: String,
    /// The worst finding.
    pub severity: Option<u8>,
    /// When it is due.
    pub due_ms: Option<i64>,
    /// When it was made.
    pub created_ms: i64,
    /// When it was decided.
    pub decided_ms: Option<i64>,
    /// Why it was returned.
    pub reason: Option<String>,
    /// What the reviewer said.
    pub comment: Option<String>,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Modality.
    pub modality: String,
    /// Body part.
    pub body_part: Option<String>,
    /// Series description.
    pub description: Option<String>,
    /// Frames.
    pub frames: u64,
    /// Which process and terminal claimed it, where that was noted.
    pub claim_session: Option<String>,
}

/// Which tasks, by state and claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// Claimed by this user.
    Mine(&'a str),
    /// Not decided, whoever holds them.
    Open,
    /// Open, and nobody holds them.
    Free,
    /// Open, and somebody holds them.
    Claimed,
    /// Open and past due.
    Overdue,
    /// Decided.
    Done,
    /// All.
    All,
}

impl Which<'_> {
    /// The condition, with `?1` for now and `?2` for the user.
    fn condition(self) -> &'static str {
        match self {
            Self::Mine(_) => "t.state = 'open' AND t.assignee = ?2 AND t.claim_until_ms > ?1",
            Self::Open => "t.state = 'open' AND ?1 = ?1",
            Self::Claimed => "t.state = 'open' AND t.claim_until_ms > ?1",
            Self::Free => "t.state = 'open' AND (t.claim_until_ms IS NULL OR t.claim_until_ms <= ?1)",
            Self::Overdue => "t.state = 'open' AND t.due_ms < ?1",
            Self::Done => "t.state <> 'open'",
            Self::All => "?1 = ?1",
        }
    }

    fn user(self) -> String {
        if let Self::Mine(user) = self { user.into() } else { String::new() }
    }
}

/// One decision, for the measures of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// The site of the series.
    pub site: String,
    /// Who decided.
    pub actor: String,
    /// It accepted.
    pub accepted: bool,
    /// It was the first on its task.
    pub first: bool,
    /// When the task was made.
    pub created_ms: i64,
    /// When it was decided.
    pub at_ms: i64,
}

const COLUMNS: &str = "t.id, t.series_uid, t.state, t.assignee, t.claim_until_ms, t.why, t.severity, t.due_ms, \
    t.created_ms, t.decided_ms, t.reason, t.comment, s.subject, s.site, s.modality, s.body_part, s.description, s.frames, t.claim_session";

impl Tx<'_> {
    /// Makes a task, or brings an open one up to date; a decided one is opened again, since its series has changed.
    /// Returns its row.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn put_task(&self, new: &NewTask, now_ms: i64) -> Result<i64, CatalogError> {
        let known = "SELECT id FROM task WHERE series_uid = ?1";
        let known: Option<i64> =
            self.tx.prepare_cached(known)?.query_row([&new.series_uid], |row| row.get(0)).optional()?;
        let id = known.map_or_else(|| self.task_numbers(1), Ok)?;
        Ok(self
            .tx
            .prepare_cached(
                "INSERT INTO task (id, series_uid, state, why, severity, due_ms, created_ms) \
                 VALUES (?6,?1,'open',?2,?3,?4,?5) \
                 ON CONFLICT (series_uid) DO UPDATE SET why = ?2, severity = ?3, \
                 state = 'open', decided_ms = NULL, reason = NULL, comment = NULL, command_key = NULL, \
                 decided_on = NULL RETURNING id",
            )?
            .query_row(params![new.series_uid, new.why, new.severity, new.due_ms, now_ms, id], |row| {
                row.get(0)
            })?)
    }

    /// Takes numbers for so many tasks, and gives the first. A number is given once.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task_numbers(&self, count: usize) -> Result<i64, CatalogError> {
        let sql = "UPDATE task_number SET next = next + ?1 RETURNING next - ?1";
        Ok(self.tx.prepare_cached(sql)?.query_row([count as i64], |row| row.get(0))?)
    }

    /// Whether a series has a review task.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_task(&self, series_uid: &str) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM task WHERE series_uid = ?1)";
        Ok(self.tx.prepare_cached(sql)?.query_row([series_uid], |row| row.get(0))?)
    }

    /// The task of a series is not wanted any more, where nobody has decided it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn drop_open_task(&self, series_uid: &str) -> Result<(), CatalogError> {
        self.tx
            .prepare_cached("DELETE FROM task WHERE series_uid = ?1 AND state = 'open'")?
            .execute([series_uid])?;
        Ok(())
    }

    /// One task, as this transaction sees it.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task(&self, id: i64) -> Result<Option<TaskRecord>, CatalogError> {
        let sql =
            format!("SELECT {COLUMNS} FROM task t JOIN series s ON s.uid = t.series_uid WHERE t.id = ?1");
        Ok(self.tx.prepare_cached(&sql)?.query_row([id], record).optional()?)
    }

    /// Claims a task for a user and a session of theirs; the series it is about.
    ///
    /// # Errors
    /// It is decided, somebody else holds it, or SQLite refuses.
    pub fn claim(
        &self,
        id: i64,
        (user, claim_session): (&str, Option<&str>),
        until_ms: i64,
        now_ms: i64,
    ) -> Result<String, CatalogError> {
        let task = self.held_or_free(id, user, now_ms)?;
        self.tx
            .prepare_cached(
                "UPDATE task SET assignee = ?2, claim_until_ms = ?3, claim_session = ?4 WHERE id = ?1",
            )?
            .execute(params![id, user, until_ms, claim_session])?;
        Ok(task.series_uid)
    }

    /// Gives a claim back; the series it is about.
    ///
    /// # Errors
    /// Somebody else holds it, or SQLite refuses.
    pub fn unclaim(&self, id: i64, user: &str, now_ms: i64) -> Result<String, CatalogError> {
        let task = self.held_or_free(id, user, now_ms)?;
        self.tx
            .prepare_cached(
                "UPDATE task SET assignee = NULL, claim_until_ms = NULL, claim_session = NULL WHERE id = ?1",
            )?
            .execute([id])?;
        Ok(task.series_uid)
    }

    /// Decides a task; the series it is about. `None` when this very command was carried out before.
    ///
    /// # Errors
    /// It is decided, somebody else holds it, or SQLite refuses.
    pub fn decide(
        &self,
        id: i64,
        user: &str,
        accepted: bool,
        (reason, comment): (Option<&str>, Option<&str>),
        key: &str,
        now_ms: i64,
    ) -> Result<Option<String>, CatalogError> {
        let done: Option<String> = self
            .tx
            .prepare_cached("SELECT command_key FROM task WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .flatten();
        if done.as_deref() == Some(key) {
            return Ok(None);
        }
        let task = self.held_or_free(id, user, now_ms)?;
        let state = if accepted { "accepted" } else { "returned" };
        let basis = self.basis(&task.series_uid)?;
        self.tx
            .prepare_cached(
                "UPDATE task SET state = ?2, assignee = ?3, claim_until_ms = NULL, claim_session = NULL, \
                 decided_ms = ?4, reason = ?5, comment = ?6, command_key = ?7, decided_on = ?8 WHERE id = ?1",
            )?
            .execute(params![id, state, user, now_ms, reason, comment, key, basis])?;
        self.tx
            .prepare_cached("INSERT INTO decision (task, actor, accepted, at_ms) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, user, accepted, now_ms])?;
        self.set_series_state(&task.series_uid, state)?;
        Ok(Some(task.series_uid))
    }

    /// Takes a user's own decision back and gives the task back to them; the series it is about.
    ///
    /// # Errors
    /// It is not decided, somebody else decided it, or SQLite refuses.
    pub fn undo(
        &self,
        id: i64,
        (user, claim_session): (&str, Option<&str>),
        until_ms: i64,
    ) -> Result<String, CatalogError> {
        let task = self.task(id)?.ok_or_else(|| no_task(id))?;
        if task.state == "open" {
            return Err(CatalogError::Refused("there is no decision to undo".into()));
        }
        if task.assignee.as_deref() != Some(user) {
            return Err(CatalogError::Refused("only who decided can undo".into()));
        }
        self.tx
            .prepare_cached(
                "UPDATE task SET state = 'open', claim_until_ms = ?2, decided_ms = NULL, reason = NULL, comment = NULL, \
                 command_key = NULL, decided_on = NULL, claim_session = ?3 WHERE id = ?1",
            )?
            .execute(params![id, until_ms, claim_session])?;
        self.tx
            .prepare_cached(
                "UPDATE decision SET undone = 1 WHERE id = (SELECT max(id) FROM decision WHERE task = ?1 AND undone = 0)",
            )?
            .execute([id])?;
        self.set_series_state(&task.series_uid, "in_review")?;
        Ok(task.series_uid)
    }

    /// Lets the decision on a series stand where its pixels and findings are those it was made on, and says so in the
    /// series' state; the task. `None` where there is no decision, or what it was made on has changed.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn keep_decision(&self, series_uid: &str) -> Result<Option<i64>, CatalogError> {
        let Some(basis) = self.basis(series_uid)? else { return Ok(None) };
        let decided: Option<(i64, String)> = self
            .tx
            .prepare_cached(
                "SELECT id, state FROM task WHERE series_uid = ?1 AND state <> 'open' AND decided_on = ?2",
            )?
            .query_row(params![series_uid, basis], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((id, state)) = decided else { return Ok(None) };
        self.set_series_state(series_uid, &state)?;
        Ok(Some(id))
    }

    /// A digest of all that a decision on a series is made on: its frames, their pixels and its findings. Findings of
    /// its study come and go with other series, and leave a decision alone. `None` where its pixels have no
    /// fingerprint: nothing can be said of them later.
    fn basis(&self, series_uid: &str) -> Result<Option<[u8; 32]>, CatalogError> {
        let pixels: Option<(String, i64)> = self
            .tx
            .prepare_cached(
                "SELECT m.fingerprint, s.frames FROM image_stats m JOIN series s ON s.uid = m.series_uid \
                 WHERE m.series_uid = ?1 AND m.fingerprint IS NOT NULL",
            )?
            .query_row([series_uid], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((fingerprint, frames)) = pixels else { return Ok(None) };
        let mut hash = Sha256::new();
        hash.update(fingerprint.as_bytes());
        hash.update(frames.to_be_bytes());
        hash.update(super::findings::stored_root(&self.tx, series_uid, 0)?);
        Ok(Some(hash.finalize().into()))
    }

    fn held_or_free(&self, id: i64, user: &str, now_ms: i64) -> Result<TaskRecord, CatalogError> {
        let task = self.task(id)?.ok_or_else(|| no_task(id))?;
        if task.state != "open" {
            return Err(CatalogError::Refused(format!("the task is {} already", task.state)));
        }
        match &task.assignee {
            Some(other) if other != user && task.claim_until_ms.is_some_and(|until| until > now_ms) => {
                Err(CatalogError::Refused(format!("{other} holds the task")))
            }
            _ => Ok(task),
        }
    }
}

fn no_task(id: i64) -> CatalogError {
    CatalogError::Refused(format!("there is no task {id}"))
}

impl Reader<'_> {
    /// One task.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task(&self, id: i64) -> Result<Option<TaskRecord>, CatalogError> {
        let sql =
            format!("SELECT {COLUMNS} FROM task t JOIN series s ON s.uid = t.series_uid WHERE t.id = ?1");
        Ok(self.connection().prepare_cached(&sql)?.query_row([id], record).optional()?)
    }

    /// The task of a series.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task_of(&self, series_uid: &str) -> Result<Option<i64>, CatalogError> {
        let mut statement = self.connection().prepare_cached("SELECT id FROM task WHERE series_uid = ?1")?;
        Ok(statement.query_row([series_uid], |row| row.get(0)).optional()?)
    }

    /// Tasks whose series match: open ones the most urgent first, decided ones the latest first.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn tasks(
        &self,
        which: Which<'_>,
        filter: &Filter,
        now_ms: i64,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<TaskRecord>, u64), CatalogError> {
        let series = filter.sql_from(3);
        // Without a filter no series needs to be looked at.
        let matching = if *filter == Filter::default() {
            "1".to_string()
        } else {
            format!("s.id IN (SELECT id FROM series WHERE {})", series.text)
        };
        let user = which.user();
        let mut bound: Vec<&dyn ToSql> = vec![&now_ms, &user];
        bound.extend(series.values.iter().map(|v| v as &dyn ToSql));
        // Every parameter stands in the statement, whichever condition it is.
        let from = format!(
            "FROM task t JOIN series s ON s.uid = t.series_uid \
             WHERE ?2 = ?2 AND {} AND {matching}",
            which.condition()
        );
        let order = match which {
            Which::Done => "t.decided_ms DESC, t.id DESC",
            _ => "t.state <> 'open', t.severity DESC, t.due_ms, t.id",
        };
        let rows = self
            .connection()
            .prepare_cached(&format!(
                "SELECT {COLUMNS} {from} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
            ))?
            .query_map(&*bound, record)?
            .collect::<Result<_, _>>()?;
        let total: i64 = self
            .connection()
            .prepare_cached(&format!("SELECT count(*) {from}"))?
            .query_row(&*bound, |row| row.get(0))?;
        Ok((rows, total as u64))
    }

    /// How many tasks there are of this kind.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task_count(&self, which: Which<'_>, now_ms: i64) -> Result<u64, CatalogError> {
        let sql = format!("SELECT count(*) FROM task t WHERE ?2 = ?2 AND {}", which.condition());
        let n: i64 =
            self.connection().prepare_cached(&sql)?.query_row(params![now_ms, which.user()], |r| r.get(0))?;
        Ok(n as u64)
    }

    /// When each task was made and decided (`None` while open), since a time.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn task_times(&self) -> Result<Vec<(i64, Option<i64>)>, CatalogError> {
        let mut statement = self.connection().prepare_cached("SELECT created_ms, decided_ms FROM task")?;
        Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Every decision that stands, in order.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn decisions(&self) -> Result<Vec<DecisionRecord>, CatalogError> {
        let mut statement = self.connection().prepare_cached(
            "SELECT s.site, d.actor, d.accepted, \
             d.id = (SELECT min(id) FROM decision WHERE task = d.task AND undone = 0), t.created_ms, d.at_ms \
             FROM decision d JOIN task t ON t.id = d.task JOIN series s ON s.uid = t.series_uid \
             WHERE d.undone = 0 ORDER BY d.id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(DecisionRecord {
                site: row.get(0)?,
                actor: row.get(1)?,
                accepted: row.get(2)?,
                first: row.get(3)?,
                created_ms: row.get(4)?,
                at_ms: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<TaskRecord> {
    Ok(TaskRecord {
        id: row.get(0)?,
        series_uid: row.get(1)?,
        state: row.get(2)?,
        assignee: row.get(3)?,
        claim_until_ms: row.get(4)?,
        why: row.get(5)?,
        severity: row.get(6)?,
        due_ms: row.get(7)?,
        created_ms: row.get(8)?,
        decided_ms: row.get(9)?,
        reason: row.get(10)?,
        comment: row.get(11)?,
        subject: row.get(12)?,
        site: row.get(13)?,
        modality: row.get(14)?,
        body_part: row.get(15)?,
        description: row.get(16)?,
        frames: row.get::<_, i64>(17)? as u64,
        claim_session: row.get(18)?,
    })
}
