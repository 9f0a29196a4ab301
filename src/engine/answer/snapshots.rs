//! Snapshots told, compared and verified.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::catalog::{CatalogError, CountedRun, ExportRun, SnapshotRecord};
use crate::engine::query::{
    ActivityKind, Diff, DiffSnapshots, ExportRunView, ExportView, Exports, MemberView, ProveMember, Rows,
    SnapshotMembers, SnapshotProof, SnapshotVerified, SnapshotView, SplitCount, WithdrawalView,
};
use crate::engine::{EngineError, Session};
use crate::pipeline::verify::snapshots::verify_snapshot;
use crate::snapshot::{Content, Member, Side, path_of, root_of};

/// The snapshot of a name or identifier.
pub(in crate::engine) fn found(session: &Session, name: &str) -> Result<SnapshotRecord, EngineError> {
    let found = session.engine.shared.catalog.read().snapshot(name)?;
    found.ok_or_else(|| EngineError::NotFound { what: "snapshot".into(), id: name.into() })
}

/// A snapshot with its splits.
pub(in crate::engine) fn view(
    session: &Session,
    record: SnapshotRecord,
) -> Result<SnapshotView, EngineError> {
    let members = session.engine.shared.catalog.read().members_of(&record.name)?;
    Ok(SnapshotView {
        splits: splits(&members),
        options: serde_json::from_str(&record.options).unwrap_or_default(),
        left_out: serde_json::from_str(&record.left_out).unwrap_or_default(),
        signed: !record.signature.is_empty(),
        name: record.name,
        id: record.id,
        root: record.root,
        series: record.series,
        subjects: record.subjects,
        instances: record.instances,
        labels: record.labels,
        bytes: record.bytes,
        query: record.query,
        note: record.note,
        created_ms: record.created_ms,
        by: record.actor,
        version: record.version,
    })
}

pub(super) fn splits(members: &[Member]) -> BTreeMap<String, SplitCount> {
    let mut subjects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<String, SplitCount> = BTreeMap::new();
    for member in members {
        let Some(split) = member.split.as_deref() else { continue };
        subjects.entry(split).or_default().insert(&member.subject);
        counts.entry(split.to_owned()).or_default().series += 1;
    }
    for (split, count) in &mut counts {
        count.subjects = subjects.get(split.as_str()).map_or(0, BTreeSet::len) as u64;
    }
    counts
}

pub fn list(session: &Session) -> Result<Vec<SnapshotView>, EngineError> {
    let all = session.engine.shared.catalog.read().snapshots()?;
    all.into_iter().map(|record| view(session, record)).collect()
}

pub fn one(session: &Session, name: &str) -> Result<SnapshotView, EngineError> {
    view(session, found(session, name)?)
}

pub fn members(session: &Session, query: &SnapshotMembers) -> Result<Rows<MemberView>, EngineError> {
    let record = found(session, &query.name)?;
    let all = session.engine.shared.catalog.read().members_of(&record.name)?;
    let total = all.len() as u64;
    let page = all.into_iter().skip(query.page.offset as usize).take(query.page.limit as usize);
    let rows = page
        .map(|m| MemberView { series_uid: m.series_uid, subject: m.subject, site: m.site, split: m.split })
        .collect();
    Ok(Rows { rows, total })
}

pub fn prove(session: &Session, query: &ProveMember) -> Result<SnapshotProof, EngineError> {
    let record = found(session, &query.name)?;
    let members = session.engine.shared.catalog.read().members_of(&record.name)?;
    let missing =
        || EngineError::NotFound { what: format!("series of {}", record.name), id: query.series_uid.clone() };
    let at = members.iter().position(|m| m.series_uid == query.series_uid).ok_or_else(missing)?;
    let path = path_of(&members, at).ok_or_else(missing)?;
    let member = &members[at];
    Ok(SnapshotProof {
        leaf: hex::encode(root_of(std::slice::from_ref(member))),
        path: path.iter().map(hex::encode).collect(),
        index: at as u64,
        series: members.len() as u64,
        series_uid: member.series_uid.clone(),
        subject: member.subject.clone(),
        site: member.site.clone(),
        split: member.split.clone(),
        digest: hex::encode(member.digest),
        snapshot: record.name,
        id: record.id,
        root: record.root,
    })
}

pub fn verify(session: &Session, name: &str) -> Result<SnapshotVerified, EngineError> {
    let shared = &session.engine.shared;
    let _still = shared.store_retention_lock.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    let record = found(session, name)?;
    let activity = session.engine.activities.begin(ActivityKind::Verify, &record.name, &session.user);
    Ok(verify_snapshot(shared, &record, &activity.progress)?)
}

pub fn diff(session: &Session, query: &DiffSnapshots) -> Result<Diff, EngineError> {
    let (first, second) = (found(session, &query.first)?, found(session, &query.second)?);
    let reader = session.engine.shared.catalog.read();
    let (a, b) = (reader.members_of(&first.name)?, reader.members_of(&second.name)?);
    let content = |member: &Member| -> Result<Option<Content>, CatalogError> {
        let stored = reader.content(&member.digest)?.filter(|s| s.gone.is_none());
        Ok(stored.and_then(|s| serde_json::from_str(&s.content).ok()))
    };
    let alone = |side, member: &Member| -> Result<String, CatalogError> {
        let other = if side == Side::First { &second } else { &first };
        if reader.withdrawal(&member.subject)?.is_some() {
            return Ok("its subject has withdrawn".into());
        }
        let standing = content(member)?.and_then(|c| c.standing);
        Ok(match (standing, &other.query) {
            (Some(standing), _) if standing.at_ms > other.created_ms => {
                let day = day(standing.at_ms);
                format!("its labels were accepted on {day}, after {} was made", other.name)
            }
            (_, Some(query)) => format!("it was not among the series of {} (query: {query})", other.name),
            (_, None) => format!("it had no accepted labels when {} was made", other.name),
        })
    };
    let both = |x: &Member, y: &Member| -> Result<Option<(Content, Content)>, CatalogError> {
        Ok(content(x)?.zip(content(y)?))
    };
    Ok(crate::snapshot::diff(&a, &b, alone, both)?)
}

/// The day of a time, in UTC.
fn day(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

pub fn exports(session: &Session, query: &Exports) -> Result<Vec<ExportView>, EngineError> {
    let runs = session.engine.shared.catalog.read().export_runs(query.snapshot.as_deref())?;
    let view = |r: CountedRun| ExportView {
        run: r.run.into(),
        series: r.series,
        subjects: r.subjects,
        withdrawn: r.withdrawn,
    };
    Ok(runs.into_iter().map(view).collect())
}

pub fn withdrawals(session: &Session) -> Result<Vec<WithdrawalView>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let mut views = Vec::new();
    for w in reader.withdrawals()? {
        let snapshots = reader.snapshots_of_subject(&w.subject)?;
        views.push(WithdrawalView {
            subject: w.subject,
            reason: w.reason,
            at_ms: w.at_ms,
            by: w.actor,
            erased_ms: w.erased_ms,
            snapshots,
        });
    }
    Ok(views)
}

impl From<&SnapshotRecord> for crate::dataset::documents::Snapshot {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            name: record.name.clone(),
            id: record.id.clone(),
            root: record.root.clone(),
            query: record.query.clone(),
            note: record.note.clone(),
            created_ms: record.created_ms,
            series: record.series,
            subjects: record.subjects,
            instances: record.instances,
            labels: record.labels,
            bytes: record.bytes,
        }
    }
}

impl From<ExportRun> for ExportRunView {
    fn from(run: ExportRun) -> Self {
        Self {
            snapshot: run.snapshot,
            to: run.place,
            formats: run.formats,
            manifest_sha256: run.manifest_sha256,
            at_ms: run.at_ms,
            by: run.actor,
        }
    }
}
