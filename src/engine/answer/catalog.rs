//! Facets, pages of series, one series.

use crate::catalog::{Filter, NewFinding, SeriesRecord};
use crate::engine::query::{
    Complete, Facet, Facets, FindingView, Rows, SeriesPage, SeriesRow, SeriesSort, SeriesView, Severity,
};
use crate::engine::{EngineError, Session};

/// Rows of a page, at most.
const MAX_PAGE: u32 = 10_000;
const HISTORY: u32 = 50;

pub fn facets(session: &Session, query: &Facets) -> Result<Vec<Facet>, EngineError> {
    let filter = parse(&query.filter)?;
    let facets = session.engine.shared.catalog.read().facets(&filter)?;
    Ok(facets.into_iter().map(|(name, values)| Facet { name: name.into(), values }).collect())
}

pub fn page(session: &Session, query: &SeriesPage) -> Result<Rows<SeriesRow>, EngineError> {
    let filter = parse(&query.filter)?;
    let order = match query.sort {
        SeriesSort::Subject => "subject, study_date, study_uid, number, uid",
        SeriesSort::Newest => "latest_ms DESC, uid",
        SeriesSort::Severity => "errors DESC, warnings DESC, notes DESC, uid",
        SeriesSort::Size => "instances DESC, uid",
    };
    let reader = session.engine.shared.catalog.read();
    let (rows, total) = reader.search(&filter, order, query.page.offset, query.page.limit.min(MAX_PAGE))?;
    Ok(Rows { rows: rows.iter().map(row).collect(), total })
}

pub fn detail(session: &Session, series_uid: &str) -> Result<SeriesView, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let missing = || EngineError::NotFound { what: "series".into(), id: series_uid.into() };
    let record = reader.series(series_uid)?.ok_or_else(missing)?;
    let (history, _) = reader.trail(Some(series_uid), "", 0, HISTORY)?;
    let unreadable = |e: serde_json::Error| EngineError::Storage { why: e.to_string() };
    Ok(SeriesView {
        row: row(&record),
        stacks: serde_json::from_str(&record.stacks).map_err(unreadable)?,
        findings: reader.findings(series_uid)?.iter().map(finding).collect(),
        facts: serde_json::from_str(&record.facts).map_err(unreadable)?,
        linked: reader.linked(series_uid)?,
        history: history.into_iter().map(super::trail::entry).collect(),
        task: reader.task_of(series_uid)?,
    })
}

pub fn complete(session: &Session, query: &Complete) -> Result<Vec<String>, EngineError> {
    let word = query.text.rsplit(' ').next().unwrap_or_default().trim_start_matches('-');
    let Some((name, value)) = word.split_once(':') else { return Ok(Filter::complete_field(&query.text)) };
    let Some(column) = Filter::text_column(name) else { return Ok(Vec::new()) };
    let last = value.rsplit(',').next().unwrap_or_default();
    let values = session.engine.shared.catalog.read().complete_value(column, last)?;
    let before = &word[..word.len() - last.len()];
    Ok(values
        .into_iter()
        .map(|v| if v.contains(' ') { format!("{before}\"{v}\"") } else { format!("{before}{v}") })
        .collect())
}

pub fn parse(filter: &str) -> Result<Filter, EngineError> {
    Filter::parse(filter).map_err(|e| EngineError::Invalid { why: e.to_string() })
}

pub fn severity(level: u8) -> Severity {
    match level {
        0 => Severity::Info,
        1 => Severity::Warning,
        _ => Severity::Error,
    }
}

fn row(s: &SeriesRecord) -> SeriesRow {
    SeriesRow {
        subject: s.subject.clone(),
        study_uid: s.study_uid.clone(),
        study_date: s.study_date.clone(),
        study_description: s.study_description.clone(),
        series_uid: s.uid.clone(),
        series_number: s.number,
        modality: s.modality.clone(),
        body_part: s.body_part.clone(),
        description: s.description.clone(),
        site: s.site.clone(),
        instances: s.instances,
        frames: s.frames,
        matrix: s.matrix,
        spacing_mm: s.spacing_mm,
        findings: s.findings,
        state: s.state.clone(),
        latest_ms: s.latest_ms,
    }
}

fn finding(f: &NewFinding) -> FindingView {
    FindingView {
        check: f.check.clone(),
        severity: severity(f.severity),
        message: f.message.clone(),
        evidence: serde_json::from_str(&f.evidence).unwrap_or_default(),
        slices: serde_json::from_str(&f.slices).unwrap_or_default(),
    }
}
