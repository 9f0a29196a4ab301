//! Reads, one by one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::catalog::{ImportRecord, Rated, ReadRecord, WhichReads};
use crate::engine::query::{ImportView, Page, RatedValue, ReadView, Reads, Rows};
use crate::engine::scope::{Scope, note_look, still_blinded};
use crate::engine::{EngineError, Session};

const MAX_PAGE: u32 = 10_000;

pub fn reads(session: &Session, query: &Reads) -> Result<Rows<ReadView>, EngineError> {
    let which = WhichReads {
        reader: query.reader.clone(),
        structure: query.structure.clone(),
        series_uid: query.series_uid.clone(),
        history: query.history,
    };
    let scope = Scope::of(session)?;
    let reader = session.engine.shared.catalog.read();
    let (rows, total) = reader.reads(&which, query.page.offset, query.page.limit.min(MAX_PAGE))?;
    let (mut seen, mut looked, mut known) = (Vec::new(), Vec::new(), HashMap::new());
    for row in rows {
        if let Entry::Vacant(unknown) = known.entry(row.sitting) {
            let sitting = reader.sitting(row.sitting)?;
            let case = sitting.as_ref().and_then(|s| s.case_uid.as_deref());
            let case = case.map(|uid| reader.case(uid)).transpose()?.flatten();
            let is_seen = sitting.as_ref().is_some_and(|s| scope.sees(case.as_ref(), s));
            let name = sitting.as_ref().map(|s| scope.reader_of(case.as_ref(), s));
            let plan = session.engine.shared.plan();
            looked.extend(still_blinded(plan.as_deref(), [(case.as_ref(), row.sitting)].into_iter()));
            unknown.insert((is_seen, name));
        }
        if let Some((true, name)) = known.get(&row.sitting) {
            let mut view = view(row);
            if let Some(name) = name {
                view.reader.clone_from(name);
            }
            seen.push(view);
        }
    }
    drop(reader);
    if scope.all {
        note_look(session, "list", &looked)?;
    }
    let total = if scope.all { total } else { seen.len() as u64 };
    Ok(Rows { rows: seen, total })
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
