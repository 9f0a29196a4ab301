//! Answers to queries, one file per family.

mod agreement;
mod archive;
mod catalog;
mod deid;
mod drift;
mod findings;
mod harmonise;
mod intake;
mod labels;
mod overlap;
mod overview;
mod preview;
mod process;
mod provenance;
mod queue;
mod readers;
mod reconcile;
pub(in crate::engine) mod remotes;
mod retention;
mod snapshots;
mod stats;
mod subjects;
mod tokens;
mod trail;
mod verify;
mod work;

pub(super) use catalog::parse as parse_filter;
pub(super) use harmonise::{Survey, load_qc, load_rules};
pub(super) use intake::{choice_of, readable_key};
pub(super) use queue::{row as review_row, tab_tasks};
pub(super) use snapshots::{found as found_snapshot, view as snapshot_view};
pub(super) use work::{VALUE, label as label_view, line_of, line_of_review};

use serde::Serialize;
use serde_json::Value;

use super::query::{Measured, Query};
use super::{EngineError, Session};
use crate::measure::estimate::Estimate;

/// Answers a query in its wire form.
pub(super) fn answer(session: &Session, query: Query) -> Result<Value, EngineError> {
    match query {
        Query::Status(_) => wire(overview::status(session)?),
        Query::Overview(q) => wire(overview::overview(session, &q)?),
        Query::Sources(_) => wire(intake::sources(session)?),
        Query::IntakeGroups(q) => wire(intake::groups(session, &q)?),
        Query::IntakeFiles(q) => wire(intake::files(session, &q)?),
        Query::IntakeDetail(q) => wire(intake::detail(session, &q)?),
        Query::IntakeMasks(q) => wire(intake::masks(session, &q)?),
        Query::Facets(q) => wire(catalog::facets(session, &q)?),
        Query::SeriesPage(q) => wire(catalog::page(session, &q)?),
        Query::SeriesDetail(q) => wire(catalog::detail(session, &q.series_uid)?),
        Query::Complete(q) => wire(catalog::complete(session, &q)?),
        Query::Queue(q) => wire(queue::queue(session, &q)?),
        Query::Task(q) => wire(queue::task(session, q.id)?),
        Query::Stats(q) => wire(stats::stats(session, &q)?),
        Query::History(q) => wire(trail::history(session, &q)?),
        Query::CheckClock(_) => wire(trail::clock(session)?),
        Query::ParkedJobs(_) => wire(trail::parked(session)?),
        Query::Ledger(q) => wire(trail::ledger(session, &q)?),
        Query::SavedSearches(_) => wire(catalog::saved(session)?),
        Query::HarmoniseCoverage(q) => wire(harmonise::coverage(session, &q)?),
        Query::HarmoniseDryRun(q) => wire(harmonise::dry_run(session, &q)?),
        Query::LearnProtocol(q) => wire(harmonise::learn(session, &q)?),
        Query::VerifyTrail(q) => wire(trail::verify(session, &q)?),
        Query::Agreement(q) => wire(agreement::agreement(session, &q)?),
        Query::Drift(q) => wire(drift::drift(session, &q)?),
        Query::Process(q) => wire(process::process(session, &q)?),
        Query::Reads(q) => wire(labels::reads(session, &q)?),
        Query::Vault(_) => wire(trail::vault(session)?),
        Query::Subjects(_) => wire(subjects::subjects(session)?),
        Query::Verify(q) => wire(verify::verify(session, &q)?),
        Query::WhoAmI(_) => wire(overview::who(session)),
        Query::ProfileState(q) => wire(deid::profile_state(session, &q)?),
        Query::TakeCheckpoint(_) => wire(verify::checkpoint(session)?),
        Query::Sittings(q) => wire(work::sittings(session, &q)?),
        Query::SittingDetail(q) => wire(work::sitting(session, q.read)?),
        Query::Tasks(q) => wire(work::tasks(session, &q)?),
        Query::TaskHistory(q) => wire(work::task_history(session, q.task)?),
        Query::CaseDetail(q) => wire(work::case(session, &q)?),
        Query::Readers(_) => wire(work::readers(session)?),
        Query::PlanState(_) => wire(work::plan(session)?),
        Query::GoldCases(_) => wire(work::gold(session)?),
        Query::Activities(_) => wire(session.engine.activities.all()),
        Query::PreviewSnapshot(q) => wire(preview::preview(session, &q)?),
        Query::Exports(q) => wire(snapshots::exports(session, &q)?),
        Query::Snapshots(_) => wire(snapshots::list(session)?),
        Query::SnapshotDetail(q) => wire(snapshots::one(session, &q.name)?),
        Query::SnapshotMembers(q) => wire(snapshots::members(session, &q)?),
        Query::ProveMember(q) => wire(snapshots::prove(session, &q)?),
        Query::DiffSnapshots(q) => wire(snapshots::diff(session, &q)?),
        Query::VerifySnapshot(q) => wire(snapshots::verify(session, &q.name)?),
        Query::ProvenanceOf(q) => wire(provenance::provenance(session, &q)?),
        Query::RetentionDue(_) => wire(retention::due(session)?),
        Query::StoredStudies(q) => wire(archive::studies(session, &q)?),
        Query::StoredSeries(q) => wire(archive::series(session, &q)?),
        Query::StoredInstances(q) => wire(archive::instances(session, &q)?),
        Query::Tokens(_) => wire(tokens::list(session)?),
        Query::Remotes(_) => wire(remotes::remotes(session)),
        Query::Reconcile(q) => wire(reconcile::reconcile(session, &q)?),
        Query::EchoRemote(q) => wire(remotes::echo_remote(session, &q)?),
        Query::Withdrawals(_) => wire(snapshots::withdrawals(session)?),
        Query::Imports(q) => wire(labels::imports(session, q.page)?),
    }
}

pub(super) fn wire(value: impl Serialize) -> Result<Value, EngineError> {
    serde_json::to_value(value).map_err(|e| EngineError::Storage { why: e.to_string() })
}

/// An estimate as it goes over the wire.
fn measured(e: &Estimate) -> Measured {
    Measured {
        value: e.value,
        ci95: e.ci95.map(|c| (c[0], c[1])),
        n: e.n as u64,
        reason: e.reason.as_ref().map(|r| r.0.to_owned()),
    }
}
