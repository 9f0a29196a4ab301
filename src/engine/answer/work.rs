//! Cases, tasks, reads, readers and the plan, as far as who asks may see them.

use std::collections::{BTreeMap, HashMap};

use super::labels::item_name;
use super::queue::{row as review_row, tab_tasks};
use crate::catalog::{Filter, Rated, ReadRecord, Reader, SittingRecord, WhichReads, WhichTasks};
use crate::engine::query::{
    AcceptedView, CaseDetail, CaseView, GoldView, LabelView, PlanView, QueueTab, ReaderView, Rows,
    SittingHistory, SittingView, Sittings, TaskActView, TaskHistoryView, TaskLine, TaskRow, Tasks,
};
use crate::engine::scope::{Scope, note_look, still_blinded};
use crate::engine::{EngineError, Session};
use crate::label::stored;
use crate::pipeline::now_ms;
use crate::workflow::{Case, CaseState, Said, Step, Task, TaskState};

pub(in crate::engine) use crate::catalog::VALUE;

const MAX_PAGE: u32 = 100_000;
/// Tasks that are fetched at a time where not all of them may be seen.
const AT_ONCE: u32 = 1_000;
/// Acts on a case that are looked through.
const MOST_ACTS: u32 = 10_000;

/// A task of a case.
pub(in crate::engine) fn line_of(case_uid: &str, series_uid: &str, task: &Task) -> TaskLine {
    TaskLine {
        task: task.id,
        case: case_uid.into(),
        series_uid: series_uid.into(),
        step: task.step.as_str().into(),
        slot: task.slot,
        state: task.state.as_str().into(),
        reader: task.belongs_to().map(str::to_owned),
        level: task.level,
        priority: task.priority,
        due_ms: task.due_ms,
        why: why_of(task),
        guideline: Some(task.guideline.clone()).filter(|g| !g.is_empty()),
        plan_version: Some(task.plan_version),
    }
}

/// Why a task is there, the most urgent first.
fn why_of(task: &Task) -> Vec<String> {
    let mut why = Vec::new();
    if task.is_overdue(now_ms()) {
        why.push("overdue".to_owned());
    }
    match &task.state {
        TaskState::Held { reason, .. } => why.push(format!("held: {reason}")),
        TaskState::Cancelled { reason } => why.push(format!("cancelled: {reason}")),
        _ => {}
    }
    why.extend(task.why.iter().cloned());
    why
}

/// A look at a series, as a task like any other.
pub(in crate::engine) fn line_of_review(row: &TaskRow) -> TaskLine {
    let state = match &*row.state {
        "open" | "claimed" => row.state.as_str(),
        _ => "done",
    };
    TaskLine {
        task: row.id,
        case: row.series_uid.clone(),
        series_uid: row.series_uid.clone(),
        step: Step::SeriesReview.as_str().into(),
        slot: 1,
        state: state.into(),
        reader: row.assignee.clone(),
        level: 2,
        priority: 0,
        due_ms: row.due_ms,
        why: vec![row.why.clone()],
        guideline: None,
        plan_version: None,
    }
}

pub fn tasks(session: &Session, query: &Tasks) -> Result<Rows<TaskLine>, EngineError> {
    let filter = super::parse_filter(&query.filter)?;
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let limit = query.page.limit.min(MAX_PAGE);
    let mut found = Rows { rows: Vec::new(), total: 0 };
    if query.step.is_none_or(|step| step == Step::SeriesReview)
        && query.reader.is_none()
        && may_review(&scope)
    {
        series_reviews(&reader, session, query, &filter, &mut found)?;
    }
    if query.step == Some(Step::SeriesReview) {
        return Ok(found);
    }
    let which = WhichTasks {
        step: query.step,
        state: query.state.clone(),
        reader: query.reader.clone(),
        case_uid: query.case.clone(),
        for_person: if scope.all { None } else { scope.person.clone() },
    };
    // Looks at series come first; the page goes on behind them.
    let offset = query.page.offset.saturating_sub(found.total);
    let limit = limit.saturating_sub(found.rows.len() as u32);
    if scope.all {
        let (rows, total) = reader.case_tasks(&which, &filter, offset, limit)?;
        found.rows.extend(rows.iter().map(|r| line_of(&r.case_uid, &r.series_uid, &r.task)));
        found.total += total;
        return Ok(found);
    }
    let limit = limit as usize + found.rows.len();
    // What may be seen is only known task by task.
    let (mut offset, mut skip) = (0, offset);
    loop {
        let (rows, _) = reader.case_tasks(&which, &filter, offset, AT_ONCE)?;
        offset += rows.len() as u64;
        for row in &rows {
            let Some(case) = reader.case(&row.case_uid)? else { continue };
            if !scope.sees_task(&case, &row.task) {
                continue;
            }
            found.total += 1;
            if skip > 0 {
                skip -= 1;
            } else if found.rows.len() < limit {
                found.rows.push(line_of(&row.case_uid, &row.series_uid, &row.task));
            }
        }
        if rows.len() < AT_ONCE as usize || found.rows.len() >= limit {
            return Ok(found);
        }
    }
}

/// Whether looks at series are among what somebody does.
fn may_review(scope: &Scope) -> bool {
    scope.all || scope.person.as_ref().is_none_or(|p| p.level >= 2)
}

fn series_reviews(
    reader: &Reader<'_>,
    session: &Session,
    query: &Tasks,
    filter: &Filter,
    found: &mut Rows<TaskLine>,
) -> Result<(), EngineError> {
    let tab = match query.state.as_deref() {
        None => QueueTab::Open,
        Some("open") => QueueTab::Free,
        Some("claimed") => QueueTab::Claimed,
        Some("done") => QueueTab::Done,
        Some(_) => return Ok(()),
    };
    let now = now_ms();
    let page = (now, query.page.offset, query.page.limit.min(MAX_PAGE));
    let (rows, total) = tab_tasks(reader, tab, &session.user, filter, page)?;
    let of_case = |line: &TaskLine| query.case.as_ref().is_none_or(|case| *case == line.case);
    let lines = rows.iter().map(|t| line_of_review(&review_row(t, now))).filter(of_case);
    let before = found.rows.len();
    found.rows.extend(lines);
    found.total += if query.case.is_some() { (found.rows.len() - before) as u64 } else { total };
    Ok(())
}

pub fn task_history(session: &Session, task: i64) -> Result<TaskHistoryView, EngineError> {
    let missing = || EngineError::NotFound { what: "task".into(), id: task.to_string() };
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let (object, line) = match reader.case_of_task(task)? {
        Some(case) => {
            let found = case.task(task).ok_or_else(missing)?;
            if !scope.sees_task(&case, found) {
                let why = format!("task {task} is not yours");
                return Err(EngineError::Forbidden { why });
            }
            (case.uid.clone(), line_of(&case.uid, &case.series_uid, found))
        }
        None => {
            let found = reader.task(task)?.ok_or_else(missing)?;
            (found.series_uid.clone(), line_of_review(&review_row(&found, now_ms())))
        }
    };
    let (entries, _) = reader.trail(Some(&object), "", 0, MOST_ACTS)?;
    let mut history = Vec::new();
    for entry in entries.into_iter().rev() {
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        if detail["task"].as_i64() == Some(task) {
            history.push(TaskActView {
                at_ms: entry.at_ms,
                actor: entry.actor,
                action: entry.action,
                detail,
            });
        }
    }
    Ok(TaskHistoryView { line, history })
}

pub fn case(session: &Session, query: &CaseDetail) -> Result<Option<CaseView>, EngineError> {
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let found = match reader.case(&query.uid)? {
        Some(case) => Some(case),
        None => reader.case_of_series(&query.uid)?,
    };
    let Some(case) = found else { return awaited(session, &reader, &query.uid) };
    let mut reads = Vec::new();
    for read in &case.reads {
        let Some(sitting) = reader.sitting(read.id)? else { continue };
        if scope.sees(Some(&case), &sitting) {
            reads.push(view(session, &reader, &scope, Some(&case), sitting)?);
        }
    }
    let seen = |id: i64| reads.iter().any(|r| r.read == id);
    let agreement = reader.agreements_of(&case.uid)?.into_iter().filter(|p| seen(p.a) && seen(p.b)).collect();
    let tasks = case.tasks.iter().filter(|t| scope.sees_task(&case, t));
    let tells = scope.sees_outcome(&case);
    let accepted = case.accepted.clone().filter(|_| tells).map(|a| AcceptedView {
        read: a.read,
        by: a.by,
        at_ms: a.at_ms,
        how: a.how,
    });
    let state = case.state();
    Ok(Some(CaseView {
        case: case.uid.clone(),
        case_state: if tells { state } else { CaseState::Reading },
        round: case.round,
        guideline: Some(case.guideline.clone()).filter(|g| !g.is_empty()),
        tasks: tasks.map(|t| line_of(&case.uid, &case.series_uid, t)).collect(),
        reads,
        agreement,
        accepted,
    }))
}

/// A series of the plan whose reads are not open yet.
fn awaited(session: &Session, reader: &Reader<'_>, uid: &str) -> Result<Option<CaseView>, EngineError> {
    let Some(plan) = session.engine.shared.plan() else { return Ok(None) };
    if reader.series(uid)?.is_none() || !reader.series_uids(plan.filter())?.iter().any(|known| known == uid) {
        return Ok(None);
    }
    Ok(Some(CaseView {
        case: uid.into(),
        case_state: CaseState::Waiting,
        round: 0,
        guideline: Some(plan.guideline_at(now_ms()).to_owned()).filter(|g| !g.is_empty()),
        reads: Vec::new(),
        tasks: Vec::new(),
        agreement: Vec::new(),
        accepted: None,
    }))
}

pub fn sittings(session: &Session, query: &Sittings) -> Result<Rows<SittingView>, EngineError> {
    let scope = Scope::of(session)?;
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let which = WhichReads {
        reader: query.reader.clone(),
        structure: query.structure.clone(),
        series_uid: query.series_uid.clone(),
        history: query.history,
    };
    let limit = query.page.limit.min(MAX_PAGE);
    let mut found = Rows { rows: Vec::new(), total: 0 };
    let (mut offset, mut skip) = if scope.all { (query.page.offset, 0) } else { (0, query.page.offset) };
    let mut cases: HashMap<String, Option<Case>> = HashMap::new();
    loop {
        let wanted = if scope.all { limit } else { AT_ONCE };
        let (rows, total) = reader.sittings(&which, offset, wanted)?;
        let n = rows.len();
        offset += n as u64;
        for sitting in rows {
            if let Some(uid) = &sitting.case_uid
                && !cases.contains_key(uid)
            {
                cases.insert(uid.clone(), reader.case(uid)?);
            }
            let case = sitting.case_uid.as_ref().and_then(|uid| cases.get(uid)?.as_ref());
            if !scope.sees(case, &sitting) {
                continue;
            }
            found.total += 1;
            if skip > 0 {
                skip -= 1;
            } else if found.rows.len() < limit as usize {
                found.rows.push(view(session, &reader, &scope, case, sitting)?);
            }
        }
        if scope.all {
            found.total = total;
            break;
        }
        if n < AT_ONCE as usize || found.rows.len() >= limit as usize {
            break;
        }
    }
    if scope.all {
        let shown = found.rows.iter().map(|row| {
            let case = cases.values().flatten().find(|c| c.read(row.read).is_some());
            (case, row.read)
        });
        let plan = shared.plan();
        let looked = still_blinded(plan.as_deref(), shown);
        drop(reader);
        note_look(session, "list", &looked)?;
    }
    Ok(found)
}

pub fn sitting(session: &Session, id: i64) -> Result<SittingHistory, EngineError> {
    let missing = || EngineError::NotFound { what: "read".into(), id: id.to_string() };
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let found = reader.sitting(id)?.ok_or_else(missing)?;
    let case = found.case_uid.as_deref().map(|uid| reader.case(uid)).transpose()?.flatten();
    if !scope.sees(case.as_ref(), &found) {
        let why = format!("read {id} is another reader's, and you may not see it yet");
        return Err(EngineError::Forbidden { why });
    }
    let mut history = Vec::new();
    for earlier in reader.sitting_history(id)? {
        if scope.sees(case.as_ref(), &earlier) {
            history.push(view(session, &reader, &scope, case.as_ref(), earlier)?);
        }
    }
    let read = view(session, &reader, &scope, case.as_ref(), found)?;
    drop(reader);
    if scope.all {
        let plan = session.engine.shared.plan();
        let looked = still_blinded(plan.as_deref(), [(case.as_ref(), id)].into_iter());
        note_look(session, "show", &looked)?;
    }
    Ok(SittingHistory { read, history })
}

/// A read with its labels.
fn view(
    session: &Session,
    reader: &Reader<'_>,
    scope: &Scope,
    case: Option<&Case>,
    sitting: SittingRecord,
) -> Result<SittingView, EngineError> {
    let rows = reader.labels_of(sitting.id)?;
    let waiting = rows.iter().any(|r| r.waiting);
    let labels = rows.into_iter().map(|row| label(session, row)).collect();
    Ok(SittingView {
        read: sitting.id,
        reader: scope.reader_of(case, &sitting),
        series_uid: Some(sitting.series_uid).filter(|uid| !uid.is_empty()),
        guideline: sitting.guideline,
        plan_version: sitting.plan_version,
        at_ms: sitting.at_ms,
        seconds: sitting.seconds,
        labels,
        findings: serde_json::from_str(&sitting.findings).unwrap_or_default(),
        superseded_by: sitting.superseded_by,
        waiting,
    })
}

/// One label of a read.
pub(in crate::engine) fn label(session: &Session, row: ReadRecord) -> LabelView {
    let read = row.read;
    let said = |value| match value {
        Rated::Number(number) => Said::Number(number),
        Rated::Category(word) => Said::Word(word),
    };
    let values: BTreeMap<String, Said> =
        read.values.into_iter().map(|(name, value)| (name, said(value))).collect();
    let drawn = read.label.as_ref().and_then(|blob| session.engine.shared.store.read(blob).ok());
    let voxels = drawn.and_then(|bytes| stored::decode(&bytes)).map(|(_, mask)| mask.voxels());
    let value = values.get(VALUE).cloned().or_else(|| {
        let only = values.values().next().filter(|_| values.len() == 1 && read.label.is_none());
        only.cloned()
    });
    LabelView {
        structure: read.structure,
        item: Some(item_name(&read.item.name).to_owned()).filter(|_| !read.item.name.is_empty()),
        state: if read.nothing { "none" } else { "found" }.into(),
        value,
        values,
        voxels: if read.nothing { Some(0) } else { voxels },
        sha256: read.label,
    }
}

pub fn readers(session: &Session) -> Result<Vec<ReaderView>, EngineError> {
    let now = now_ms();
    let all = session.engine.shared.catalog.read().people()?;
    Ok(all
        .into_iter()
        .map(|record| {
            let away = record.person.is_away(now);
            ReaderView { open: record.open, done: record.done, away, ..record.person.into() }
        })
        .collect())
}

pub fn plan(session: &Session) -> Result<Option<PlanView>, EngineError> {
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let (Some(plan), Some(record)) = (shared.plan(), reader.plan()?) else { return Ok(None) };
    Ok(Some(PlanView {
        plan: plan.plan.clone(),
        version: plan.version,
        guideline_in_force: Some(plan.guideline_at(now_ms()).to_owned()).filter(|g| !g.is_empty()),
        applied_ms: record.applied_ms,
        applied_by: record.actor,
        text: record.text,
        cases: reader.case_counts()?.into_iter().collect(),
    }))
}

pub fn gold(session: &Session) -> Result<Vec<GoldView>, EngineError> {
    let all = session.engine.shared.catalog.read().gold_cases()?;
    Ok(all.into_iter().map(|(case, read)| GoldView { case, read }).collect())
}
