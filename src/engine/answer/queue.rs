//! Review tasks.

use super::catalog::{detail, parse, severity};
use crate::catalog::{CatalogError, Filter, Reader, TaskRecord, Which};
use crate::engine::query::{Queue, QueueTab, QueueView, TaskRow, TaskView};
use crate::engine::{EngineError, Session};

const MAX_PAGE: u32 = 10_000;

pub fn queue(session: &Session, query: &Queue) -> Result<QueueView, EngineError> {
    let filter = parse(&query.filter)?;
    let reader = session.engine.shared.catalog.read();
    let limit = query.page.limit.min(MAX_PAGE);
    let (rows, total) =
        tab_tasks(&reader, query.view, &session.user, &filter, (query.now_ms, query.page.offset, limit))?;
    let counts = QueueTab::EVERY
        .into_iter()
        .map(|tab| Ok((tab, reader.task_count(which(tab, &session.user), query.now_ms)?)))
        .collect::<Result<_, CatalogError>>()?;
    Ok(QueueView { rows: rows.iter().map(|t| row(t, query.now_ms)).collect(), total, counts })
}

/// The tasks of a tab.
pub fn tab_tasks(
    reader: &Reader<'_>,
    tab: QueueTab,
    user: &str,
    filter: &Filter,
    (now_ms, offset, limit): (i64, u64, u32),
) -> Result<(Vec<TaskRecord>, u64), CatalogError> {
    reader.tasks(which(tab, user), filter, now_ms, offset, limit)
}

pub fn task(session: &Session, id: i64) -> Result<TaskView, EngineError> {
    let missing = || EngineError::NotFound { what: "task".into(), id: id.to_string() };
    let record = session.engine.shared.catalog.read().task(id)?.ok_or_else(missing)?;
    Ok(TaskView {
        row: row(&record, crate::pipeline::now_ms()),
        series: detail(session, &record.series_uid)?,
        return_reasons: session.engine.shared.config().review.return_reasons.clone(),
    })
}

fn which(tab: QueueTab, user: &str) -> Which<'_> {
    match tab {
        QueueTab::Mine => Which::Mine(user),
        QueueTab::Open => Which::Open,
        QueueTab::Free => Which::Free,
        QueueTab::Claimed => Which::Claimed,
        QueueTab::Overdue => Which::Overdue,
        QueueTab::Done => Which::Done,
        QueueTab::All => Which::All,
    }
}

pub fn row(t: &TaskRecord, now_ms: i64) -> TaskRow {
    let claimed = t.state == "open" && t.claim_until_ms.is_some_and(|until| until > now_ms);
    let decision = match (&t.reason, &t.comment) {
        (Some(reason), Some(comment)) => Some(format!("{reason}: {comment}")),
        (reason, comment) => reason.clone().or_else(|| comment.clone()),
    };
    TaskRow {
        id: t.id,
        series_uid: t.series_uid.clone(),
        subject: t.subject.clone(),
        site: t.site.clone(),
        modality: t.modality.clone(),
        body_part: t.body_part.clone(),
        description: t.description.clone(),
        frames: t.frames,
        state: if claimed { "claimed".into() } else { t.state.clone() },
        assignee: if claimed || t.state != "open" { t.assignee.clone() } else { None },
        claim_until_ms: t.claim_until_ms.filter(|_| claimed),
        why: t.why.clone(),
        severity: t.severity.map(severity),
        due_ms: t.due_ms,
        created_ms: t.created_ms,
        decision,
    }
}
