//! What is stored, study by study.

use crate::access::Role;
use crate::catalog::ArchiveFilter;
use crate::engine::query::{
    StoredInstanceView, StoredInstances, StoredSeries, StoredSeriesView, StoredStudies, StoredStudy,
    WhichSeries,
};
use crate::engine::{EngineError, Session};
use crate::pipeline::one_of_each;

/// Studies or series of a page, at most.
const MOST: u32 = 1_000;

/// What may be asked for: a reader sees the cases that they hold, and others' labels in no case.
fn filter(session: &Session, which: &WhichSeries) -> Result<ArchiveFilter, EngineError> {
    let is_reader = session.acting()?.roles.iter().all(|role| *role == Role::Reader);
    let held_by = if is_reader { Some(session.person()?.map_or_else(String::new, |p| p.id)) } else { None };
    Ok(ArchiveFilter {
        study: which.study_uid.clone(),
        series: which.series_uid.clone(),
        instance: which.sop_uid.clone(),
        subject: which.subject.clone(),
        modality: which.modality.clone(),
        held_by,
    })
}

pub fn studies(session: &Session, query: &StoredStudies) -> Result<Vec<StoredStudy>, EngineError> {
    let of = filter(session, &query.which)?;
    let shared = &session.engine.shared;
    let reader = shared.catalog.read();
    let page = reader.archive_studies(&of, query.page.offset, query.page.limit.min(MOST))?;
    drop(reader);
    let mut all = Vec::with_capacity(page.len());
    for study_uid in page {
        // All of its series, not only those by which it was found.
        let whole = ArchiveFilter {
            study: Some(study_uid.clone()),
            held_by: of.held_by.clone(),
            ..ArchiveFilter::default()
        };
        let series = seen(session, &whole, 0, u32::MAX)?;
        all.push(StoredStudy { study_uid, series });
    }
    Ok(all)
}

pub fn series(session: &Session, query: &StoredSeries) -> Result<Vec<StoredSeriesView>, EngineError> {
    let of = filter(session, &query.which)?;
    seen(session, &of, query.page.offset, query.page.limit.min(MOST))
}

/// Series of which nothing is to be cleaned: what another instance of a study names may stand in one.
fn seen(
    session: &Session,
    of: &ArchiveFilter,
    offset: u64,
    limit: u32,
) -> Result<Vec<StoredSeriesView>, EngineError> {
    let shared = &session.engine.shared;
    let found = shared.catalog.read().archive_series(of, offset, limit)?;
    let mut all = Vec::with_capacity(found.len());
    for one in found {
        let is_clean = shared.known.is_clean(&one.study_uid, &shared.catalog)?;
        let instances = if is_clean { one.instances } else { 0 };
        all.push(StoredSeriesView {
            study_uid: one.study_uid,
            series_uid: one.uid,
            modality: one.modality,
            instances,
        });
    }
    Ok(all)
}

pub fn instances(session: &Session, query: &StoredInstances) -> Result<Vec<StoredInstanceView>, EngineError> {
    let which = WhichSeries { series_uid: Some(query.series_uid.clone()), ..WhichSeries::default() };
    let found = seen(session, &filter(session, &which)?, 0, 1)?;
    if found.first().is_none_or(|series| series.instances == 0) {
        return Ok(Vec::new());
    }
    let records = one_of_each(&session.engine.shared, &query.series_uid)?;
    Ok(records.into_iter().map(|r| StoredInstanceView { sop_uid: r.sop_uid, blob: r.blob }).collect())
}
