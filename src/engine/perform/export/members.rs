//! Which series go out, and what of them.

use std::collections::BTreeMap;

use super::left_out;
use crate::catalog::{Filter, Order, Reader, SeriesRecord, SnapshotRecord};
use crate::dataset::export::{LeftOut, StructureInfo, SubjectInfo, Whole};
use crate::engine::answer::found_snapshot;
use crate::engine::command::Export;
use crate::engine::{EngineError, Session};
use crate::pipeline::freeze::content_now;
use crate::pipeline::frozen::{FrozenSeries, NoSeries, frozen};
use crate::snapshot::{Content, ImageRef};

/// Series looked up at a time.
const AT_ONCE: u32 = 500;
/// Without a query, what was accepted goes out.
const ACCEPTED: &str = "state:accepted";
/// Why a series stays here.
const TO_BE_CLEANED: &str = "to be cleaned of what another instance of its study names (job clean)";

/// A series that goes out.
pub struct Member {
    pub content: Content,
    pub images: Vec<ImageRef>,
    pub split: Option<String>,
    /// Where it stands in the workspace; of a snapshot, where it stood.
    pub state: String,
}

impl Member {
    /// Memory that writing it takes, about: its decoded pixels and twice as much to work with.
    pub fn memory(&self) -> u64 {
        let (rows, columns) = self.content.matrix.unwrap_or((512, 512));
        u64::from(rows).saturating_mul(columns.into()).saturating_mul(self.content.frames).saturating_mul(8)
    }
}

/// Series that go out, in the order of their UIDs, and those that do not.
pub struct Members {
    pub snapshot: Option<SnapshotRecord>,
    pub series: Vec<Member>,
    pub left_out: Vec<LeftOut>,
}

pub fn of(session: &Session, command: &Export) -> Result<Members, EngineError> {
    let mut members = match &command.snapshot {
        Some(name) => of_snapshot(session, name, command.filter.as_deref())?,
        None => of_query(session, command.filter.as_deref().unwrap_or(ACCEPTED))?,
    };
    members.series.sort_by(|a, b| a.content.series_uid.cmp(&b.content.series_uid));
    members.left_out.sort();
    Ok(members)
}

fn of_snapshot(session: &Session, name: &str, filter: Option<&str>) -> Result<Members, EngineError> {
    if filter.is_some() {
        let why = "a snapshot goes out as a whole: leave --query away, or make another snapshot";
        return Err(EngineError::Invalid { why: why.into() });
    }
    let record = found_snapshot(session, name)?;
    let reader = session.engine.shared.catalog.read();
    let (mut members, mut out) = (Vec::new(), Vec::new());
    for (series_uid, series) in frozen(&reader, &record.name)? {
        match series {
            Ok(FrozenSeries { content, images, split }) => {
                members.push(Member { content, images, split, state: "accepted".into() });
            }
            Err(why) => out.push(left_out(&series_uid, why.as_str(), why.words())),
        }
    }
    drop(reader);
    Ok(Members { snapshot: Some(record), series: members, left_out: out })
}

fn of_query(session: &Session, filter: &str) -> Result<Members, EngineError> {
    let parsed = Filter::parse(filter).map_err(|e| EngineError::Invalid { why: e.to_string() })?;
    let shared = &session.engine.shared;
    let (mut members, mut out, mut offset) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = shared.catalog.read().search(&parsed, Order::Uid, offset, AT_ONCE)?;
        offset += page.0.len() as u64;
        for series in &page.0 {
            if !series.is_image {
                out.push(no_image(series));
            } else if !shared.known.is_clean(&series.study_uid, &shared.catalog)? {
                out.push(left_out(&series.uid, "to_be_cleaned", TO_BE_CLEANED));
            } else {
                let reader = shared.catalog.read();
                match member_now(&reader, series)? {
                    Some(member) => members.push(member),
                    None => out.push(withdrawn(&series.uid)),
                }
            }
        }
        if page.0.is_empty() || offset >= page.1 {
            break;
        }
    }
    Ok(Members { snapshot: None, series: members, left_out: out })
}

fn withdrawn(series_uid: &str) -> LeftOut {
    left_out(series_uid, NoSeries::Withdrawn.as_str(), NoSeries::Withdrawn.words())
}

/// A series as it is now; none where its subject has withdrawn.
fn member_now(reader: &Reader<'_>, series: &SeriesRecord) -> Result<Option<Member>, EngineError> {
    if reader.withdrawal(&series.subject)?.is_some() {
        return Ok(None);
    }
    let Some((content, images)) = content_now(reader, &series.uid)? else { return Ok(None) };
    Ok(Some(Member { content, images, split: None, state: series.state.clone() }))
}

/// A series that holds no image: labels, reports, states of presentation …
fn no_image(record: &SeriesRecord) -> LeftOut {
    let kind = match record.modality.as_str() {
        known @ ("SEG" | "RTSTRUCT") => known,
        _ => "other",
    };
    left_out(&record.uid, kind, format!("a series of {} holds no volume", record.modality))
}

impl Members {
    /// What is known of all of them together.
    pub fn whole(&self) -> Whole<'_> {
        let mut structures: BTreeMap<&str, Option<&str>> = BTreeMap::new();
        let mut subjects: BTreeMap<String, SubjectInfo> = BTreeMap::new();
        let mut splits = std::collections::BTreeSet::new();
        for member in &self.series {
            for label in member.content.labels().iter().filter(|l| l.is_drawn()) {
                let code = structures.entry(&label.structure).or_default();
                *code = code.or(label.code.as_deref());
            }
            splits.extend(member.split.clone());
            let harmonised = &member.content.harmonised;
            let about = subjects.entry(member.content.subject.clone()).or_default();
            about.site.clone_from(&member.content.site);
            about.split.clone_from(&member.split);
            about.sex = about.sex.take().or_else(|| harmonised.text("sex").map(str::to_owned));
            about.age_years = match (about.age_years, harmonised.number("age_years")) {
                (Some(a), Some(b)) => Some(f64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        let numbered = (1_u32..).zip(structures);
        let structure = |(number, (name, code)): (u32, (&str, Option<&str>))| StructureInfo {
            name: name.into(),
            code: code.map(str::to_owned),
            number,
        };
        Whole {
            name: self.snapshot.as_ref().map_or("gantry", |s| &s.name),
            id: self.snapshot.as_ref().map(|s| s.id.as_str()),
            created_ms: self.snapshot.as_ref().map(|s| s.created_ms),
            structures: numbered.map(structure).collect(),
            splits: splits.into_iter().collect(),
            subjects,
        }
    }
}
