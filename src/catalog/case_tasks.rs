//! Tasks of cases in lists: what is next, what is late.

use rusqlite::{Connection, Row, ToSql, params};

use super::cases::{COLUMNS, WIDTH, task};
use super::{CatalogError, Filter, Reader, Tx};
use crate::workflow::{Reader as Person, Skill, Step, Task};

/// What a list of tasks is narrowed to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WhichTasks {
    /// Only this step.
    pub step: Option<Step>,
    /// Only in this state; without it what is done or cancelled is left out.
    pub state: Option<String>,
    /// Only those that this reader holds, has done, or that are kept for them.
    pub reader: Option<String>,
    /// Only of this case.
    pub case_uid: Option<String>,
    /// Only those that this reader may see: their own, and open ones that they may take.
    pub for_person: Option<Person>,
}

/// A task with the case that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseTaskRecord {
    /// The task.
    pub task: Task,
    /// The case.
    pub case_uid: String,
    /// The series that is read.
    pub series_uid: String,
}

fn with_case(row: &Row<'_>) -> rusqlite::Result<CaseTaskRecord> {
    Ok(CaseTaskRecord { task: task(row)?, case_uid: row.get(WIDTH)?, series_uid: row.get(WIDTH + 1)? })
}

/// Tasks that time has changed: case and number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LateTasks {
    /// Claims that have ended.
    pub ended: Vec<(String, i64)>,
    /// To be escalated.
    pub late: Vec<(String, i64)>,
}

impl Tx<'_> {
    /// Open tasks that a reader may be able to take, the most urgent first, `limit` from `offset`.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn candidates(
        &self,
        person: &Person,
        step: Option<Step>,
        offset: usize,
        limit: usize,
    ) -> Result<Vec<CaseTaskRecord>, CatalogError> {
        let which = WhichTasks {
            step,
            state: Some("open".into()),
            for_person: Some(person.clone()),
            ..WhichTasks::default()
        };
        Ok(tasks(&self.tx, &which, &Filter::default(), offset as u64, limit as u32, false)?.0)
    }

    /// Open tasks that are kept for a reader: case and number.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn kept_tasks(&self, reader: &str) -> Result<Vec<(String, i64)>, CatalogError> {
        let sql = "SELECT case_uid, id FROM case_task WHERE kept_for = ?1 AND state = 'open' ORDER BY id";
        let mut statement = self.tx.prepare_cached(sql)?;
        Ok(statement.query_map([reader], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Marks what has become overdue, and gives the tasks whose claim has ended or that are to be escalated.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn late_tasks(&self, now_ms: i64, escalate_after_ms: Option<i64>) -> Result<LateTasks, CatalogError> {
        let sql = "UPDATE case_task INDEXED BY case_task_due SET overdue = 1 WHERE state IN ('open', 'claimed') AND overdue = 0 AND due_ms < ?1";
        self.tx.prepare_cached(sql)?.execute([now_ms])?;
        let ids = |sql: &str, at: i64| -> Result<Vec<(String, i64)>, CatalogError> {
            let mut statement = self.tx.prepare_cached(sql)?;
            Ok(statement.query_map([at], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
        };
        let ended = ids(
            "SELECT case_uid, id FROM case_task INDEXED BY case_task_claims WHERE state = 'claimed' AND until_ms <= ?1 ORDER BY id LIMIT 500",
            now_ms,
        )?;
        let late = match escalate_after_ms {
            Some(after) => ids(
                "SELECT case_uid, id FROM case_task INDEXED BY case_task_late WHERE state = 'open' AND escalated = 0 AND due_ms <= ?1 ORDER BY id \
                 LIMIT 500",
                now_ms.saturating_sub(after),
            )?,
            None => Vec::new(),
        };
        Ok(LateTasks { ended, late })
    }
}

/// Tasks, the most urgent first, and how many there are where they are counted.
fn tasks(
    connection: &Connection,
    which: &WhichTasks,
    filter: &Filter,
    offset: u64,
    limit: u32,
    counts: bool,
) -> Result<(Vec<CaseTaskRecord>, u64), CatalogError> {
    let mut terms: Vec<String> = Vec::new();
    let mut bound: Vec<Box<dyn ToSql>> = Vec::new();
    let mut put = |term: &str, value: Box<dyn ToSql>| {
        bound.push(value);
        terms.push(term.replace('#', &format!("?{}", bound.len())));
    };
    if let Some(step) = which.step {
        put("t.step = #", Box::new(step.as_str()));
    }
    if let Some(state) = &which.state {
        put("t.state = #", Box::new(state.clone()));
    }
    if let Some(reader) = &which.reader {
        put("# IN (t.holder, t.kept_for)", Box::new(reader.clone()));
    }
    if let Some(case) = &which.case_uid {
        put("t.case_uid = #", Box::new(case.clone()));
    }
    if let Some(person) = &which.for_person {
        // What can be said of many at once; the rest is said by `workflow::may`.
        put("(t.state <> 'open' OR t.level <= #)", Box::new(person.level));
        let theirs = "(t.holder = # OR (t.state = 'open' AND (t.kept_for IS NULL OR t.kept_for = #) AND NOT EXISTS \
             (SELECT 1 FROM case_task o WHERE o.case_uid = t.case_uid AND o.id <> t.id AND o.round = t.round \
             AND o.step = 'read' AND o.purpose = 'case' AND t.kept_for IS NOT # AND o.state <> 'cancelled' \
             AND # IN (o.holder, o.kept_for))))";
        put(theirs, Box::new(person.id.clone()));
        let of_case = |skill: fn(Skill) -> Option<&'static str>| -> Vec<String> {
            let parsed = person.skills.iter().filter_map(|text| Skill::parse(text));
            parsed.filter_map(skill).map(str::to_owned).collect()
        };
        let (regions, families) = (of_case(Skill::region), of_case(Skill::family));
        for (column, among) in [("site", &person.sites), ("region", &regions), ("family", &families)] {
            if !among.is_empty() {
                let of_series = format!(
                    "(t.state <> 'open' OR EXISTS (SELECT 1 FROM series p WHERE p.uid = (SELECT series_uid FROM study_case \
                     WHERE uid = t.case_uid) AND p.{column} IN (SELECT value FROM json_each(#))))"
                );
                put(&of_series, Box::new(serde_json::to_string(among)?));
            }
        }
    }
    if which.state.is_none() {
        terms.push("t.state IN ('open', 'claimed', 'held')".into());
    }
    let condition = filter.sql_from(bound.len() + 1);
    if terms.is_empty() {
        terms.push("1".into());
    }
    let mut text = terms.join(" AND ");
    if *filter != Filter::default() {
        text += &format!(" AND s.id IN (SELECT id FROM series WHERE {})", condition.text);
        bound.extend(condition.values.into_iter().map(|v| Box::new(v) as Box<dyn ToSql>));
    }
    // Everything that is to be done lies in its order in an index of its own.
    let is_whole = which.state.is_none() && which.case_uid.is_none() && which.reader.is_none();
    let tasks = if is_whole { "FROM case_task t INDEXED BY case_task_active" } else { "FROM case_task t" };
    let series = if *filter == Filter::default() { "" } else { "JOIN series s ON s.uid = c.series_uid" };
    let from = format!("{tasks} JOIN study_case c ON c.uid = t.case_uid {series}");
    let order = match which.state.as_deref() {
        Some("done") => "t.done_ms DESC, t.id DESC",
        _ => "t.overdue DESC, t.priority DESC, t.created_ms, t.id",
    };
    let values: Vec<&dyn ToSql> = bound.iter().map(|v| &**v).collect();
    let sql = format!(
        "SELECT {COLUMNS}, t.case_uid, c.series_uid {from} WHERE {text} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
    );
    let rows =
        connection.prepare_cached(&sql)?.query_map(&*values, with_case)?.collect::<Result<Vec<_>, _>>()?;
    if !counts {
        return Ok((rows, 0));
    }
    // Every task has its case: where nothing is asked of the series, tasks alone are counted.
    let from = if *filter == Filter::default() { tasks } else { &from };
    let sql = format!("SELECT count(*) {from} WHERE {text}");
    let total: i64 = connection.prepare_cached(&sql)?.query_row(&*values, |row| row.get(0))?;
    Ok((rows, total as u64))
}

impl Reader<'_> {
    /// Tasks, the most urgent first, and how many there are.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn case_tasks(
        &self,
        which: &WhichTasks,
        filter: &Filter,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<CaseTaskRecord>, u64), CatalogError> {
        tasks(self.connection(), which, filter, offset, limit, true)
    }

    /// Whether time has changed a task: a claim that has ended, a deadline that has passed, something to be escalated.
    ///
    /// # Errors
    /// SQLite refuses.
    pub fn has_late_tasks(&self, now_ms: i64, escalate_after_ms: Option<i64>) -> Result<bool, CatalogError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM case_task INDEXED BY case_task_claims WHERE state = 'claimed' \
                   AND until_ms <= ?1) OR EXISTS (SELECT 1 FROM case_task INDEXED BY case_task_due WHERE state IN ('open', 'claimed') AND overdue = 0 AND due_ms < ?1) \
                   OR (?2 IS NOT NULL AND EXISTS (SELECT 1 FROM case_task INDEXED BY case_task_late WHERE state = 'open' AND escalated = 0 \
                   AND due_ms <= ?2))";
        let before = escalate_after_ms.map(|after| now_ms.saturating_sub(after));
        Ok(self.connection().prepare_cached(sql)?.query_row(params![now_ms, before], |row| row.get(0))?)
    }
}
