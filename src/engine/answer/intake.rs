//! Sources, and what was quarantined or rejected.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::bytes::SpillConfig;
use crate::catalog::{StoredInstance, tokens};
use crate::config::{Inbox, Listener, Remote};
use crate::deid::masks_of;
use crate::dicom::Contents;
use crate::engine::query::{
    ActivityKind, AttributeRow, IntakeDetail, IntakeDetailView, IntakeFile, IntakeFiles, IntakeGroup,
    IntakeGroups, IntakeMasks, IntakeMasksView, IntakeStatus, Rows, SourceView,
};
use crate::engine::{EngineError, Session};
use crate::landing::{Choice, FileRecord, GroupRecord};
use crate::pipeline::{Attribute, ListenerState, MASKS_QUESTIONED, explain_reason, now_ms};
use crate::source::open_file;

const MAX_PAGE: u32 = 10_000;
const MASK: &str = "•••";
const SEPARATOR: char = '\u{1f}';

pub fn sources(session: &Session) -> Result<Vec<SourceView>, EngineError> {
    let config = session.engine.shared.config();
    let inboxes = config.inboxes.iter().map(|inbox| source(session, inbox));
    let listeners = config.listeners.iter().map(|listener| listening(session, listener));
    inboxes.chain(listeners).chain(config.remotes.iter().map(|remote| pulled(session, remote))).collect()
}

/// An archive elsewhere as a source.
fn pulled(session: &Session, remote: &Remote) -> Result<SourceView, EngineError> {
    let shared = &session.engine.shared;
    let inbox = format!("remote {}", remote.name);
    let (received, last_arrival_ms) = shared.map.received(&inbox)?;
    let pulse = shared.catalog.read().pulse("received", Some(&inbox), now_ms())?;
    let known = session.engine.health.of(&remote.name);
    let under_way = session.engine.activities.all().into_iter();
    let mut under_way = under_way.filter(|a| a.kind == ActivityKind::Pull && a.object == remote.name);
    Ok(SourceView {
        name: remote.name.clone(),
        kind: "remote".into(),
        path: remote.reach().to_string(),
        site: remote.site.clone(),
        after: String::new(),
        events: known.is_some(),
        problem: match known {
            Some(answered) => answered.problem,
            None => Some("not asked yet whether it answers".into()),
        },
        unread: BTreeMap::new(),
        by_event: 0,
        by_rescan: 0,
        settling: 0,
        waiting: under_way.next().map_or(0, |pull| pull.total - pull.done),
        received,
        slots: pulse.slots,
        last_arrival_ms,
        callers: Vec::new(),
        associations: 0,
        refused: 0,
    })
}

/// A DICOM listener as a source.
fn listening(session: &Session, listener: &Listener) -> Result<SourceView, EngineError> {
    let shared = &session.engine.shared;
    let (received, last_arrival_ms) = shared.map.received(&listener.name)?;
    let pulse = shared.catalog.read().pulse("received", Some(&listener.name), now_ms())?;
    let running = session.engine.listeners.state(&listener.name);
    let state = running.as_ref().map(|(state, _)| state);
    let callers: Vec<String> =
        state.map(|s| s.standing.list()).unwrap_or_default().iter().map(|live| live.caller.clone()).collect();
    let count = |of: fn(&ListenerState) -> &AtomicU64| state.map_or(0, |s| of(s).load(Ordering::Relaxed));
    Ok(SourceView {
        name: listener.name.clone(),
        kind: "listener".into(),
        path: format!("{} at {}", listener.ae_title, listener.bind),
        site: listener.site.clone(),
        after: String::new(),
        events: state.is_some(),
        problem: match state {
            Some(state) => state.obstacle(),
            None => Some("nobody can call: the pipeline does not run".into()),
        },
        unread: BTreeMap::new(),
        by_event: count(|s| &s.objects),
        by_rescan: 0,
        settling: 0,
        waiting: count(|s| &s.waiting) + running.as_ref().map_or(0, |(_, tally)| tally.open()),
        received,
        slots: pulse.slots,
        last_arrival_ms,
        callers,
        associations: count(|s| &s.associations),
        refused: count(|s| &s.refused),
    })
}

fn source(session: &Session, inbox: &Inbox) -> Result<SourceView, EngineError> {
    let shared = &session.engine.shared;
    let (received, last_arrival_ms) = shared.map.received(&inbox.name)?;
    let pulse = shared.catalog.read().pulse("received", Some(&inbox.name), now_ms())?;
    let running = session.engine.watchers.state(&inbox.name);
    let state = running.as_ref().map(|(state, _)| state);
    let count =
        |of: fn(&crate::source::WatchState) -> &AtomicU64| state.map_or(0, |s| of(s).load(Ordering::Relaxed));
    Ok(SourceView {
        name: inbox.name.clone(),
        kind: if inbox.bucket().is_some() { "bucket" } else { "folder" }.into(),
        path: inbox.place(&shared.root).to_string_lossy().into_owned(),
        site: inbox.site.clone(),
        after: inbox.after.as_str().into(),
        events: state.is_some_and(|s| s.events.load(Ordering::Relaxed)),
        problem: match state {
            Some(state) => state.problem(),
            None => Some("not watched: the pipeline does not run".into()),
        },
        unread: state.map(|s| s.unread()).unwrap_or_default(),
        by_event: count(|s| &s.by_event),
        by_rescan: count(|s| &s.by_rescan),
        settling: count(|s| &s.settling),
        waiting: running.as_ref().map_or(0, |(_, tally)| tally.open()),
        received,
        slots: pulse.slots,
        last_arrival_ms,
        callers: Vec::new(),
        associations: 0,
        refused: 0,
    })
}

pub fn groups(session: &Session, query: &IntakeGroups) -> Result<Vec<IntakeGroup>, EngineError> {
    let words = tokens(&query.filter).iter().map(|word| Word::parse(word)).collect::<Result<Vec<_>, _>>()?;
    let groups = session.engine.shared.map.groups()?.into_iter().map(group);
    Ok(groups.filter(|group| words.iter().all(|word| word.fits(group))).collect())
}

/// A word of the filter of groups.
enum Word {
    /// One of these values of a field.
    Field(Field, Vec<String>),
    /// Text, in lower case.
    Text(String),
}

#[derive(Clone, Copy)]
enum Field {
    Status,
    Reason,
    Site,
    Day,
}

impl Word {
    fn parse(token: &str) -> Result<Self, EngineError> {
        let plain = |text: &str| text.replace('"', "");
        let Some((name, values)) = token.split_once(':').filter(|(name, _)| !name.contains('"')) else {
            return Ok(Self::Text(plain(token).to_lowercase()));
        };
        let field = match name {
            "status" => Field::Status,
            "reason" => Field::Reason,
            "site" => Field::Site,
            "day" => Field::Day,
            _ => {
                let why = format!("groups have no field {name}: status, reason, site, day");
                return Err(EngineError::Invalid { why });
            }
        };
        let values: Vec<String> = if values.starts_with('"') {
            vec![plain(values)]
        } else {
            values.split(',').map(plain).collect()
        };
        let unknown = values.iter().find(|value| IntakeStatus::named(value).is_none());
        if let (Field::Status, Some(unknown)) = (field, unknown) {
            let known = IntakeStatus::ALL.map(IntakeStatus::as_str).join(", ");
            return Err(EngineError::Invalid { why: format!("there is no status {unknown}: {known}") });
        }
        Ok(Self::Field(field, values))
    }

    fn fits(&self, group: &IntakeGroup) -> bool {
        let any = |values: &[String], fits: &dyn Fn(&str) -> bool| values.iter().any(|value| fits(value));
        match self {
            Self::Field(Field::Status, values) => any(values, &|v| group.status.as_str() == v),
            Self::Field(Field::Reason, values) => any(values, &|v| group.reason == v),
            Self::Field(Field::Site, values) => any(values, &|v| group.site == v),
            Self::Field(Field::Day, values) => any(values, &|v| group.day.starts_with(v)),
            Self::Text(word) => [group.status.as_str(), &group.reason, &group.explanation, &group.site]
                .iter()
                .any(|text| text.to_lowercase().contains(word)),
        }
    }
}

pub fn files(session: &Session, query: &IntakeFiles) -> Result<Rows<IntakeFile>, EngineError> {
    let choice = choice_of(&query.group)?;
    let limit = query.page.limit.min(MAX_PAGE);
    let shared = &session.engine.shared;
    let (rows, total) = shared.map.files(&choice, query.page.offset, limit)?;
    if query.names && !rows.is_empty() {
        // Who asks where files lie leaves a mark before they are told.
        shared.catalog.write_first(|tx| {
            let detail = json!({ "group": readable_key(&query.group), "files": rows.len() });
            tx.audit(now_ms(), &session.user, "intake.names", "intake", &detail)
        })?;
    }
    Ok(Rows { rows: rows.into_iter().map(|record| file(record, query.names)).collect(), total })
}

/// A group's key for people.
pub fn readable_key(key: &str) -> String {
    key.replace(SEPARATOR, " · ")
}

pub fn detail(session: &Session, query: &IntakeDetail) -> Result<IntakeDetailView, EngineError> {
    let shared = &session.engine.shared;
    let missing = || EngineError::NotFound { what: "file".into(), id: query.id.to_string() };
    let record = shared.map.file(query.id)?.ok_or_else(missing)?;
    let copy = record.file.kept.then(|| open_file(&shared.quarantined(&record.file.sha256)).ok()).flatten();
    let attributes = copy
        .map(|bytes| shared.deid.explain(&Contents::of(bytes, SpillConfig::default())))
        .unwrap_or_default();
    if query.reveal {
        // Looking at values as they stand is an act: it leaves its mark before they are shown.
        shared.catalog.write_first(|tx| {
            let detail = json!({ "sha256": record.file.sha256 });
            tx.audit(now_ms(), &session.user, "intake.reveal", &format!("intake {}", query.id), &detail)
        })?;
    }
    Ok(IntakeDetailView {
        file: file(record, query.reveal),
        has_picture: attributes.iter().any(|a| a.keyword == "PixelData"),
        attributes: attributes.into_iter().map(|a| attribute(a, query.reveal)).collect(),
    })
}

pub fn masks(session: &Session, query: &IntakeMasks) -> Result<IntakeMasksView, EngineError> {
    let shared = &session.engine.shared;
    let missing = || EngineError::NotFound { what: "quarantined file".into(), id: query.id.to_string() };
    let record = shared.map.file(query.id)?.filter(|record| record.file.kept).ok_or_else(missing)?;
    let bytes = open_file(&shared.quarantined(&record.file.sha256)).map_err(|_| missing())?;
    let found = shared.deid.suggest(&Contents::of(bytes, SpillConfig::default()));
    let (mut drawing, frames) = found.map_err(|why| EngineError::Invalid { why })?;
    if record.file.reason == MASKS_QUESTIONED {
        // What is masked now is what is to be judged.
        let stored = shared.catalog.read().stored_of_hash(&record.file.sha256)?;
        let is_source = |s: &&StoredInstance| s.source_hash == record.file.sha256;
        drawing.masks = stored.iter().find(is_source).map(|s| masks_of(&s.ledger)).unwrap_or_default();
        drawing = drawing.with_standing_masks(frames);
    }
    Ok(IntakeMasksView { drawing, frames })
}

fn attribute(a: Attribute, reveal: bool) -> AttributeRow {
    let value = if reveal || a.harmless || a.value.is_empty() { a.value } else { MASK.into() };
    AttributeRow { tag: a.tag, keyword: a.keyword, vr: a.vr, value, action: a.action }
}

/// The choice that a group's key stands for.
pub fn choice_of(key: &str) -> Result<Choice, EngineError> {
    let parts: Vec<&str> = key.split(SEPARATOR).collect();
    match &*parts {
        [status, reason, site, day] => {
            Ok(Choice::Group(status.to_string(), reason.to_string(), site.to_string(), day.to_string()))
        }
        _ => Err(EngineError::NotFound { what: "group".into(), id: key.into() }),
    }
}

fn group(g: GroupRecord) -> IntakeGroup {
    IntakeGroup {
        key: [&*g.status, &*g.reason, &*g.site, &*g.day].join(&SEPARATOR.to_string()),
        status: status(&g.status),
        explanation: explain_reason(&g.reason).into(),
        reason: g.reason,
        site: g.site,
        day: g.day,
        count: g.count,
        latest_ms: g.latest_ms,
    }
}

fn file(record: FileRecord, named: bool) -> IntakeFile {
    IntakeFile {
        id: record.id,
        path: named.then_some(record.file.path),
        bytes: record.file.bytes,
        sha256: record.file.sha256,
        status: status(&record.file.status),
        reason: record.file.reason,
        detail: record.file.detail,
        at_ms: record.file.at_ms,
    }
}

fn status(name: &str) -> IntakeStatus {
    IntakeStatus::named(name).unwrap_or(IntakeStatus::Rejected)
}
