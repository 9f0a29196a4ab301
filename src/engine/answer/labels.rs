//! Reads, one by one.

use crate::catalog::{ImportRecord, Rated, ReadRecord, WhichReads};
use crate::engine::query::{ImportView, Page, RatedValue, ReadHistory, ReadView, Reads, Rows};
use crate::engine::{EngineError, Session};

const MAX_PAGE: u32 = 10_000;

pub fn reads(session: &Session, query: &Reads) -> Result<Rows<ReadView>, EngineError> {
    let which = WhichReads {
        reader: query.reader.clone(),
        structure: query.structure.clone(),
        series_uid: query.series_uid.clone(),
        history: query.history,
    };
    let reader = session.engine.shared.catalog.read();
    let (rows, total) = reader.reads(&which, query.page.offset, query.page.limit.min(MAX_PAGE))?;
    Ok(Rows { rows: rows.into_iter().map(view).collect(), total })
}

pub fn read(session: &Session, id: i64) -> Result<ReadHistory, EngineError> {
    let missing = || EngineError::NotFound { what: "read".into(), id: id.to_string() };
    let reader = session.engine.shared.catalog.read();
    let read = reader.read_record(id)?.map(view).ok_or_else(missing)?;
    let history = reader.read_history(id)?.into_iter().map(view).collect();
    Ok(ReadHistory { read, history })
}

pub fn imports(session: &Session, page: Page) -> Result<Rows<ImportView>, EngineError> {
    let (rows, total) =
        session.engine.shared.catalog.read().imports(page.offset, page.limit.min(MAX_PAGE))?;
    let view = |i: ImportRecord| ImportView {
        import: i.id,
        at_ms: i.at_ms,
        actor: i.actor,
        reads: i.reads,
        undone_ms: i.undone_ms,
    };
    Ok(Rows { rows: rows.into_iter().map(view).collect(), total })
}

fn view(record: ReadRecord) -> ReadView {
    let read = record.read;
    let said = |value| match value {
        Rated::Number(value) => RatedValue::Number { value },
        Rated::Category(value) => RatedValue::Category { value },
    };
    ReadView {
        id: record.id,
        reader: read.reader,
        guideline: read.guideline,
        item: item_name(&read.item.name).into(),
        series_uid: Some(read.item.series_uid).filter(|uid| !uid.is_empty()),
        structure: read.structure,
        state: if read.nothing { "nothing" } else { "found" }.into(),
        started_ms: read.started_ms,
        finished_ms: read.finished_ms,
        imported_ms: record.imported_ms,
        superseded_by: record.superseded_by,
        waiting: record.waiting,
        values: read.values.into_iter().map(|(name, value)| (name, said(value))).collect(),
        label: read.label,
    }
}

/// The name of an item for people.
pub fn item_name(name: &str) -> &str {
    if name.is_empty() { "series" } else { name }
}
