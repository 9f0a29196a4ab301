//! What a snapshot would hold, and what it would not and why.

use std::collections::BTreeMap;

use super::snapshots::splits;
use crate::engine::freezing::{self, Prepared};
use crate::engine::query::{LeftOutGroup, PreviewSnapshot, SnapshotPreview};
use crate::engine::{EngineError, Session};
use crate::pipeline::freeze::NotFrozen;
use crate::workflow::CaseState;

pub fn preview(session: &Session, query: &PreviewSnapshot) -> Result<SnapshotPreview, EngineError> {
    let filter = freezing::filter(query.query.as_deref())?;
    let Prepared { members, left_out, record } =
        freezing::prepare(session, filter.as_ref(), query.split.as_ref(), false)?;
    let reader = session.engine.shared.catalog.read();
    let unread = reader.without_labels(filter.as_ref())?;
    let mut groups = grouped(&left_out);
    groups.extend(unread.into_iter().map(|(state, series, first)| LeftOutGroup {
        reason: unlabelled(state.as_deref()).into(),
        series,
        first,
    }));
    groups.sort_by(|a, b| b.series.cmp(&a.series).then_with(|| a.reason.cmp(&b.reason)));
    let same_as = reader.snapshots_with_id(&record.id)?.into_iter().next_back();
    Ok(SnapshotPreview {
        id: record.id,
        same_as,
        series: record.series,
        subjects: record.subjects,
        instances: record.instances,
        labels: record.labels,
        bytes: record.bytes,
        splits: splits(&members),
        left_out: groups,
    })
}

/// Series that have labels and are left out all the same, by why.
fn grouped(left_out: &[NotFrozen]) -> Vec<LeftOutGroup> {
    let mut groups: BTreeMap<&str, LeftOutGroup> = BTreeMap::new();
    for one in left_out {
        let group = groups.entry(&one.reason).or_insert_with(|| LeftOutGroup {
            reason: one.reason.clone(),
            series: 0,
            first: one.series_uid.clone(),
        });
        group.series += 1;
    }
    groups.into_values().collect()
}

/// Why a series has no accepted labels, by the state of its case.
fn unlabelled(state: Option<&str>) -> &'static str {
    match CaseState::ALL.into_iter().find(|s| Some(s.as_str()) == state) {
        None => "nobody is to read it: the plan asks for nothing, or it has not passed the line yet",
        Some(CaseState::Waiting) => "nobody has begun to read it",
        Some(CaseState::Reading) => "it is being read",
        Some(CaseState::Adjudicating) => "its readers do not agree yet",
        Some(CaseState::InReview) => "its read waits for a second look",
        Some(CaseState::Held) => "its task is held",
        Some(CaseState::Withdrawn) => "its subject has withdrawn",
        Some(CaseState::Accepted) => "its case is accepted, and nothing was said of this series",
    }
}
