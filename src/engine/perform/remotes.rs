//! Archives elsewhere: searched, pulled from, sent to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::catalog::{NewExportRun, Order};
use crate::config::{Config, Method, Remote};
use crate::engine::answer::parse_filter;
use crate::engine::answer::remotes::{named, on_own_thread};
use crate::engine::command::{
    ArchiveLevel, FindRemote, IngestOutcome, PullOutcome, PullRemote, ReasonCount, SendOutcome, SendRemote,
};
use crate::engine::query::ActivityKind;
use crate::engine::{Engine, EngineError, Session};
use crate::model::{Tag, tags};
use crate::net::{Key, Level, RequestError, keys_of, open_archive};
use crate::pipeline::verify::register::SENT;
use crate::pipeline::{
    Counts, PullTerms, Refusal, Tally, address_of, move_destination_of, now_ms, pull as pull_from, search,
    send as send_to,
};

/// Answers to one search, at most.
const MOST_FOUND: u64 = 100_000;
/// Series looked up at a time.
const AT_ONCE: u32 = 500;
/// Why a series stays here.
const TO_BE_CLEANED: &str = "to be cleaned of what another instance of its study names (job clean)";
const WITHDRAWN: &str = "its subject has withdrawn";

impl From<ArchiveLevel> for Level {
    fn from(level: ArchiveLevel) -> Self {
        match level {
            ArchiveLevel::Study => Self::Study,
            ArchiveLevel::Series => Self::Series,
            ArchiveLevel::Instance => Self::Instance,
        }
    }
}

fn keys(texts: &[String]) -> Result<Vec<Key>, EngineError> {
    keys_of(texts).map_err(|error| EngineError::Invalid { why: error.to_string() })
}

/// The keywords of what was asked for: their values may name people, and never stand in the trail.
fn keywords(keys: &[Key]) -> Vec<String> {
    keys.iter().map(|key| crate::dicom::keyword(key.tag).unwrap_or_default().to_owned()).collect()
}

fn unreachable(remote: &str, error: &RequestError) -> EngineError {
    match error {
        RequestError::NoRoom => EngineError::Full,
        error => EngineError::Remote { remote: remote.into(), why: error.to_string() },
    }
}

pub fn find(session: &Session, command: &FindRemote) -> Result<Vec<BTreeMap<String, String>>, EngineError> {
    let shared = &session.engine.shared;
    let config = shared.config();
    let remote = named(&config, &command.remote)?;
    let keys = keys(&command.keys)?;
    let detail = json!({ "remote": remote.name, "level": command.level, "keys": keywords(&keys) });
    let object = format!("remote {}", remote.name);
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "remote.find", &object, &detail))?;
    let limit = command.limit.unwrap_or(MOST_FOUND).min(MOST_FOUND);
    let mut found = Vec::new();
    on_own_thread(|| {
        let mut archive = open_archive(&address_of(&shared.root, &config, remote)?)?;
        search(&mut *archive, command.level.into(), &keys, &mut |one| {
            if (found.len() as u64) < limit {
                found.push(one.named());
            }
            (found.len() as u64) < limit
        })
    })
    .map_err(|error| unreachable(&remote.name, &error))?;
    Ok(found)
}

/// Pulls of one remote come one after the other: two at a time would both fetch what is not here yet.
#[derive(Default)]
pub struct Pulling(Mutex<BTreeMap<String, Arc<Mutex<()>>>>);

impl Pulling {
    fn of(&self, remote: &str) -> Arc<Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(remote.into()).or_default().clone()
    }
}

pub fn pull(session: &Session, command: &PullRemote) -> Result<PullOutcome, EngineError> {
    let (engine, started) = (&session.engine, Instant::now());
    let shared = &engine.shared;
    let config = shared.config();
    let remote = named(&config, &command.remote)?;
    let mut terms = terms(command, started)?;
    terms.stop = engine.ending.clone();
    let turn = engine.pulling.of(&remote.name);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let (before, tally) = (engine.job_totals(), Arc::new(Tally::default()));
    let mut listening = Listening::begin(session, &config, remote, command.dry_run);
    terms.is_listening = engine.listeners.is_serving();
    let activity = engine.activities.begin(ActivityKind::Pull, &remote.name, &session.user);
    engine.news.follow(&format!("remote {}", remote.name), &tally);
    let intake = engine.with_intake(Arc::clone).ok_or(EngineError::Gone)?;
    let end = on_own_thread(|| pull_from(shared, &intake, (remote, &terms), &tally, &activity.progress));
    let moved = listening.finish();
    engine.health.note(&remote.name, end.as_ref().err().map(RequestError::in_short));
    let end = end.map_err(|error| unreachable(&remote.name, &error))?;
    let mut outcome = PullOutcome {
        found: end.found,
        here: end.here,
        pulled: end.pulled,
        failed: ReasonCount::all(end.failed),
        left: end.left,
        unlisted: end.unlisted,
        intake: IngestOutcome::default(),
    };
    if !command.dry_run {
        let mut counts = settled(engine, &tally)?;
        counts.add(&moved);
        outcome.intake = super::counted(engine, &counts, before, started)?;
    }
    let failed: u64 = outcome.failed.iter().map(|one| one.count).sum();
    let detail = json!({
        "remote": remote.name, "keys": keywords(&terms.keys), "dry_run": command.dry_run, "found": outcome.found,
        "here": outcome.here, "pulled": outcome.pulled, "failed": failed, "left": outcome.left,
        "received": outcome.intake.received, "deidentified": outcome.intake.deidentified,
        "quarantined": outcome.intake.quarantined, "rejected": outcome.intake.rejected,
    });
    let object = format!("remote {}", remote.name);
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "remote.pull", &object, &detail))?;
    Ok(outcome)
}

/// Waits for what came; for what follows from it, too, where nothing else comes: an engine that watches is never done.
fn settled(engine: &Engine, tally: &Tally) -> Result<Counts, EngineError> {
    while tally.open() > 0 {
        tally.wait(Duration::from_millis(500));
    }
    let counts = tally.counts();
    match (&counts.failure, counts.failed) {
        (Some(Refusal::Full), 1..) => return Err(EngineError::Full),
        (Some(why), 1..) => {
            let why = format!("{} files could not be stored: {why}", counts.failed);
            return Err(EngineError::Storage { why });
        }
        _ => {}
    }
    if !engine.is_watching() {
        engine.drain()?;
    }
    Ok(counts)
}

fn terms(command: &PullRemote, started: Instant) -> Result<PullTerms, EngineError> {
    let mut keys = keys(&command.keys)?;
    let invalid = |why: &str| EngineError::Invalid { why: why.into() };
    if command.level == ArchiveLevel::Instance {
        return Err(invalid("whole studies or series are pulled; SOPInstanceUID=… as a key names instances"));
    }
    if let Some(since) = &command.since {
        let day: jiff::civil::Date =
            since.parse().map_err(|_| invalid("--since is a day, such as 2026-01-31"))?;
        let study_date: Tag = tags::STUDY_DATE;
        if keys.iter().any(|key| key.tag == study_date) {
            return Err(invalid("either --since or StudyDate"));
        }
        keys.push(Key::new(study_date, &day.strftime("%Y%m%d-").to_string()));
    }
    if keys.iter().all(|key| key.value.trim_matches('*').is_empty()) {
        return Err(invalid(
            "name what is to be pulled, such as PatientID=A12 or StudyDate=20240101-20240131",
        ));
    }
    Ok(PullTerms {
        keys,
        limit: command.limit,
        by_series: command.level == ArchiveLevel::Series,
        is_dry: command.dry_run,
        until: command.for_seconds.map(|seconds| started + Duration::from_secs(seconds)),
        ..PullTerms::default()
    })
}

/// How long what was moved may take to be dealt with.
const MOVED: Duration = Duration::from_secs(600);

/// The listeners that objects are moved to, where nobody serves them yet.
struct Listening<'s>(Option<&'s Session>);

impl<'s> Listening<'s> {
    fn begin(session: &'s Session, config: &Config, remote: &Remote, is_dry: bool) -> Self {
        let is_needed = remote.url.is_none()
            && remote.method == Method::Move
            && !is_dry
            && move_destination_of(config, remote).is_some();
        if !is_needed || !session.engine.begin_listening() {
            return Self(None);
        }
        // They are bound a moment later.
        std::thread::sleep(Duration::from_millis(300));
        Self(Some(session))
    }

    /// What came by them, once all of it is dealt with.
    fn finish(&mut self) -> Counts {
        let mut counts = Counts::default();
        let Some(session) = self.0.take() else { return counts };
        let engine = &session.engine;
        let until = Instant::now() + MOVED;
        while engine.listeners.pending() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        for listener in &engine.shared.config().listeners {
            if let Some((_, tally)) = engine.listeners.state(&listener.name) {
                counts.add(&tally.counts());
            }
        }
        engine.end_listening();
        counts
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

pub fn send(session: &Session, command: &SendRemote) -> Result<SendOutcome, EngineError> {
    let (engine, started) = (&session.engine, Instant::now());
    let shared = &engine.shared;
    let config = shared.config();
    let remote = named(&config, &command.remote)?;
    if command.filter.trim().is_empty() {
        let why = "name what is to be sent, such as state:accepted; `site:*` is everything";
        return Err(EngineError::Invalid { why: why.into() });
    }
    let (series, left_out) = chosen(session, &command.filter)?;
    let mut outcome = SendOutcome {
        series: series.len() as u64,
        left_out: ReasonCount::all(left_out),
        ..SendOutcome::default()
    };
    if command.dry_run || series.is_empty() {
        outcome.elapsed_ms = started.elapsed().as_millis() as u64;
        return Ok(outcome);
    }
    // Is it there at all? Nothing is registered of what never went.
    on_own_thread(|| open_archive(&address_of(&shared.root, &config, remote)?)?.echo())
        .map_err(|error| unreachable(&remote.name, &error))?;
    // Before the first object goes: whoever withdraws from now on learns of this archive, whatever becomes of the rest.
    let place = register(session, command, remote, &series)?;
    let activity = engine.activities.begin(ActivityKind::Send, &remote.name, &session.user);
    let uids: Vec<String> = series.iter().map(|(uid, _)| uid.clone()).collect();
    let end = on_own_thread(|| send_to(shared, remote, &uids, (&activity.progress, &engine.ending)));
    let end = end.map_err(|error| unreachable(&remote.name, &error))?;
    let failed: u64 = end.failed.values().sum();
    let detail = json!({
        "remote": remote.name, "filter": command.filter, "series": end.series.len(), "sent": end.sent,
        "failed": failed,
    });
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "remote.sent", &place, &detail))?;
    outcome.sent = end.sent;
    outcome.failed = ReasonCount::all(end.failed);
    outcome.elapsed_ms = started.elapsed().as_millis() as u64;
    Ok(outcome)
}

/// Notes that these series go to an archive; as which place.
fn register(
    session: &Session,
    command: &SendRemote,
    remote: &Remote,
    series: &[(String, String)],
) -> Result<String, EngineError> {
    let run = NewExportRun {
        snapshot: None,
        place: format!("remote {}", remote.name),
        formats: vec!["dicom".into()],
        // Nothing is written here that a hash could stand for: each sending is one of its own.
        manifest_sha256: format!("sent from {}", now_ms()),
        actor: session.user.clone(),
        members: series.to_vec(),
    };
    let mut detail = json!({ "remote": remote.name, "filter": command.filter, "series": series.len() });
    session.engine.shared.catalog.write_first(|tx| {
        let now = now_ms();
        let (number, digest) = tx.put_export_run(&run, now)?;
        detail["run"] = number.into();
        detail["register_sha256"] = hex::encode(digest).into();
        tx.audit(now, &session.user, SENT, &run.place, &detail)
    })?;
    Ok(run.place)
}

/// Series that go out with their subjects, and how many do not, by reason.
fn chosen(
    session: &Session,
    filter: &str,
) -> Result<(Vec<(String, String)>, BTreeMap<String, u64>), EngineError> {
    let shared = &session.engine.shared;
    let (filter, mut offset) = (parse_filter(filter)?, 0);
    let (mut series, mut left_out) = (Vec::new(), BTreeMap::new());
    loop {
        let (page, total) = shared.catalog.read().search(&filter, Order::Uid, offset, AT_ONCE)?;
        offset += page.len() as u64;
        for one in &page {
            let why = if !shared.known.is_clean(&one.study_uid, &shared.catalog)? {
                TO_BE_CLEANED
            } else if shared.catalog.read().withdrawal(&one.subject)?.is_some() {
                WITHDRAWN
            } else {
                series.push((one.uid.clone(), one.subject.clone()));
                continue;
            };
            *left_out.entry(why.to_owned()).or_default() += 1;
        }
        if page.is_empty() || offset >= total {
            return Ok((series, left_out));
        }
    }
}
