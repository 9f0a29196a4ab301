//! Sources; ingest; what was quarantined, rejected or parked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::folders;
use crate::config::{After, Edit, Inbox, Pixels};
use crate::engine::answer::{choice_of, readable_key};
use crate::engine::command::{
    AddInbox, Ingest, IngestOutcome, IntakeChoice, LookIntake, LookedAt, MaskIntake, Moved, RemoveInbox,
};
use crate::engine::{Engine, EngineError, Session};
use crate::landing::{FileRecord, NewFile};
use crate::model::{ChangeKind, Links, Vetting};
use crate::pipeline::{Counts, Refusal, Tally, now_ms};
use crate::source::{DiscoveredBy, Entry, Found, NotRead, walk};

/// Files of a group handled in one go.
const AT_ONCE: u32 = 1_000;

pub fn add_inbox(session: &Session, command: AddInbox) -> Result<(), EngineError> {
    let inbox = Inbox {
        name: command.name,
        path: PathBuf::from(command.path),
        site: command.site,
        after: After::Keep,
        move_to: None,
        pixels: Pixels::Checked,
        links: Links::Never,
        anonymous: false,
        requester_pays: false,
    };
    if inbox.bucket().is_none() && !inbox.path.is_dir() {
        return Err(EngineError::Invalid { why: "the folder is not there".into() });
    }
    let detail = json!({ "name": inbox.name, "site": inbox.site });
    edit(session, "inbox.add", &detail, |edit| {
        edit.add_inbox(&inbox);
        Ok(())
    })
}

pub fn remove_inbox(session: &Session, command: &RemoveInbox) -> Result<(), EngineError> {
    edit(session, "inbox.remove", &json!({ "name": command.name }), |edit| {
        let missing = || EngineError::NotFound { what: "inbox".into(), id: command.name.clone() };
        edit.remove_inbox(&command.name).then_some(()).ok_or_else(missing)
    })
}

/// Changes the configuration file, puts the result in force and leaves its mark in the trail.
pub(super) fn edit(
    session: &Session,
    action: &str,
    detail: &serde_json::Value,
    change: impl FnOnce(&mut Edit) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let invalid = |e: crate::config::ConfigError| EngineError::Invalid { why: e.to_string() };
    let mut edit = Edit::open(&session.engine.workspace.config_file()).map_err(invalid)?;
    change(&mut edit)?;
    let shared = &session.engine.shared;
    let config = edit.save().map_err(invalid)?;
    shared.set_config(config.clone());
    let mut detail = detail.clone();
    shared.catalog.write_first(|tx| {
        super::config::note(tx, &config, &mut detail)?;
        tx.audit(now_ms(), &session.user, action, "config", &detail)
    })?;
    session.engine.watch();
    shared.bus.tell(ChangeKind::Config);
    Ok(())
}

pub fn ingest(session: &Session, command: &Ingest) -> Result<IngestOutcome, EngineError> {
    let started = Instant::now();
    let engine = &session.engine;
    let before = engine.job_totals();
    let tally = Arc::new(Tally::default());
    engine.news.follow("ingest", &tally);
    for path in &command.paths {
        let path = Path::new(path);
        if !path.exists() {
            return Err(EngineError::NotFound {
                what: "path".into(),
                id: path.to_string_lossy().into_owned(),
            });
        }
        folders::is_source(session, path)?;
        folders::may_read(session, path)?;
        hand_in_tree(session, path, command, &tally)?;
    }
    // The last files are on their way; the series before them are whole.
    engine.make_ready()?;
    let outcome = outcome(engine, &tally, before, started)?;
    let detail = json!({
        "site": command.site, "received": outcome.received, "deidentified": outcome.deidentified,
        "quarantined": outcome.quarantined, "rejected": outcome.rejected, "duplicates": outcome.duplicates,
    });
    engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "intake.ingest", "intake", &detail))?;
    Ok(outcome)
}

/// Waits until every file is accounted for and every job is done, and counts.
pub fn outcome(
    engine: &Engine,
    tally: &Tally,
    jobs_before: (u64, u64),
    started: Instant,
) -> Result<IngestOutcome, EngineError> {
    while tally.open() > 0 {
        tally.wait(Duration::from_millis(500));
    }
    let drained = engine.drain();
    let counts = tally.counts();
    match (&counts.failure, counts.failed) {
        (Some(Refusal::Full), 1..) => return Err(EngineError::Full),
        (Some(why), 1..) => {
            return Err(EngineError::Storage {
                why: format!("{} files could not be stored: {why}", counts.failed),
            });
        }
        _ => {}
    }
    drained?;
    counted(engine, &counts, jobs_before, started)
}

/// The counts with what the catalog knows of their series.
pub fn counted(
    engine: &Engine,
    counts: &Counts,
    jobs_before: (u64, u64),
    started: Instant,
) -> Result<IngestOutcome, EngineError> {
    let reader = engine.shared.catalog.read();
    let mut qc_findings = 0;
    for uid in &counts.series {
        qc_findings += reader.findings(uid)?.len() as u64;
    }
    let jobs = engine.job_totals();
    Ok(IngestOutcome {
        received: counts.received,
        deidentified: counts.deidentified,
        quarantined: counts.quarantined,
        rejected: counts.rejected,
        duplicates: counts.duplicates,
        already_here: counts.already_here,
        series: counts.series.len() as u64,
        qc_findings,
        unread: counts.unread.clone(),
        jobs_done: jobs.0 - jobs_before.0,
        jobs_failed: jobs.1 - jobs_before.1,
        elapsed_ms: started.elapsed().as_millis() as u64,
    })
}

fn hand_in_tree(
    session: &Session,
    path: &Path,
    command: &Ingest,
    tally: &Arc<Tally>,
) -> Result<(), EngineError> {
    let gone = || EngineError::Gone;
    let taken = session.engine.with_intake(|intake| {
        walk(path, command.links, &mut |entry| match entry {
            Entry::File(path, ..) if folders::may_read(session, &path).is_err() => {
                tally.not_read(NotRead::FileDenied);
                true
            }
            Entry::File(path, bytes, mtime_ns) => {
                let (inbox, site) = (String::new(), command.site.clone());
                let found = Found {
                    inbox,
                    path,
                    bytes,
                    mtime_ns,
                    site,
                    vetting: Vetting::None,
                    by: DiscoveredBy::Person,
                };
                intake.hand_in(found, tally)
            }
            Entry::NotRead(_, why) => {
                tally.not_read(why);
                true
            }
        })
    });
    taken.filter(|taken| *taken).map(|_| ()).ok_or_else(gone)
}

/// Processes quarantined copies again; rejected files are looked at again where they still lie.
pub fn retry(session: &Session, choice: &IntakeChoice) -> Result<Moved, EngineError> {
    again(session, choice, "intake.retry", &Vetting::None)
}

/// A person has looked: the pixels of these quarantined files are trusted.
pub fn release(session: &Session, choice: &IntakeChoice) -> Result<Moved, EngineError> {
    again(session, choice, "intake.release", &Vetting::Trusted)
}

/// A person has looked and drawn what must be masked.
pub fn mask(session: &Session, command: MaskIntake) -> Result<Moved, EngineError> {
    if command.drawing.masks.is_empty() {
        return Err(EngineError::Invalid { why: "there is no mask; release passes pictures without".into() });
    }
    again(session, &command.choice, "intake.mask", &Vetting::Masked(Arc::new(command.drawing)))
}

/// Leaves the mark of a look at a picture, and says where the picture is.
pub fn look(session: &Session, command: &LookIntake) -> Result<LookedAt, EngineError> {
    let shared = &session.engine.shared;
    let missing = || EngineError::NotFound { what: "quarantined file".into(), id: command.id.to_string() };
    let record = shared.map.file(command.id)?.filter(|record| record.file.kept).ok_or_else(missing)?;
    let sha256 = record.file.sha256;
    shared.catalog.write_first(|tx| {
        let detail = json!({ "sha256": sha256 });
        tx.audit(now_ms(), &session.user, "intake.look", &format!("intake {}", command.id), &detail)
    })?;
    Ok(LookedAt { sha256 })
}

fn again(
    session: &Session,
    choice: &IntakeChoice,
    action: &str,
    vetting: &Vetting,
) -> Result<Moved, EngineError> {
    let shared = &session.engine.shared;
    let (mut moved, mut refused) = (0, std::collections::BTreeMap::<String, u64>::new());
    let tally = Arc::new(Tally::default());
    let chosen = chosen(session, choice)?;
    for record in &chosen {
        let file = &record.file;
        if super::masks::is_questioned(file) {
            match super::masks::decide(session, record, vetting)? {
                Ok(()) => moved += 1,
                Err(why) => *refused.entry(why).or_default() += 1,
            }
            continue;
        }
        let copy = shared.quarantined(&file.sha256);
        let (path, is_copy) = if file.kept && copy.is_file() {
            (copy, true)
        } else if *vetting == Vetting::None && file.status == "rejected" && Path::new(&file.path).is_file() {
            (PathBuf::from(&file.path), false)
        } else {
            *refused.entry("no copy is kept and the file is gone".into()).or_default() += 1;
            continue;
        };
        let vetting = match vetting {
            Vetting::None if file.trusted => Vetting::Trusted,
            given => given.clone(),
        };
        match take_again(session, file, &path, vetting, &tally) {
            Some(row) => {
                if row.status == "deidentified" || row.status == "duplicate" {
                    moved += 1;
                } else {
                    *refused.entry(format!("still {}: {}", row.status, row.reason)).or_default() += 1;
                }
                replace(session, record, row, is_copy)?;
            }
            None => *refused.entry("the workspace is shutting down".into()).or_default() += 1,
        }
    }
    let masks = if let Vetting::Masked(drawing) = vetting { Some(drawing.masks.len()) } else { None };
    audit(session, action, choice, (moved, chosen.len() as u64), masks)?;
    shared.bus.tell(ChangeKind::Intake { files: chosen.len() as u64 });
    Ok(Moved { moved, refused: refused.into_iter().map(|(why, n)| (n, why)).collect() })
}

/// The inbox under which the map keeps, for a moment, what is taken again.
pub(super) fn again_of(inbox: &str) -> String {
    format!("{inbox}\u{1f}again")
}

/// Takes one copy through the intake and returns what became of it. The row of the copy itself is not kept.
pub(super) fn take_again(
    session: &Session,
    file: &NewFile,
    path: &Path,
    vetting: Vetting,
    tally: &Arc<Tally>,
) -> Option<NewFile> {
    let inbox = again_of(&file.inbox);
    let (bytes, mtime_ns, site) = (file.bytes, file.mtime_ns, file.site.clone());
    let found = Found {
        inbox: inbox.clone(),
        path: path.into(),
        bytes,
        mtime_ns,
        site,
        vetting,
        by: DiscoveredBy::Person,
    };
    session.engine.with_intake(|intake| intake.hand_in(found, tally))?;
    while tally.open() > 0 {
        tally.wait(Duration::from_millis(200));
    }
    let map = &session.engine.shared.map;
    let row = map.row(&inbox, &path.to_string_lossy()).ok().flatten()?;
    let _ = map.forget(row.id);
    Some(row.file)
}

/// The file's row tells what became of it now; its quarantined copy goes once nothing needs it.
pub(super) fn replace(
    session: &Session,
    record: &FileRecord,
    now: NewFile,
    was_copy: bool,
) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    let row = NewFile { inbox: record.file.inbox.clone(), path: record.file.path.clone(), ..now };
    let still_kept = row.kept;
    shared.map.put(&[row])?;
    if was_copy && !still_kept && !shared.map.keeps(&record.file.sha256)? {
        let _ = std::fs::remove_file(shared.quarantined(&record.file.sha256));
    }
    Ok(())
}

pub fn discard(session: &Session, choice: &IntakeChoice) -> Result<Moved, EngineError> {
    let shared = &session.engine.shared;
    let (mut moved, mut refused) = (0, 0);
    let chosen = chosen(session, choice)?;
    for record in &chosen {
        if record.file.status != "quarantined" {
            refused += 1;
            continue;
        }
        if super::masks::is_questioned(&record.file) {
            super::masks::settle(session, record, record.file.trusted)?;
            moved += 1;
            continue;
        }
        shared.map.discard(record.id)?;
        if !shared.map.keeps(&record.file.sha256)? {
            let _ = std::fs::remove_file(shared.quarantined(&record.file.sha256));
        }
        moved += 1;
    }
    audit(session, "intake.discard", choice, (moved, chosen.len() as u64), None)?;
    shared.bus.tell(ChangeKind::Intake { files: moved });
    let refused = (refused > 0).then(|| (refused, "not in quarantine".to_string()));
    Ok(Moved { moved, refused: refused.into_iter().collect() })
}

pub fn retry_jobs(session: &Session, jobs: &[i64]) -> Result<Moved, EngineError> {
    let now = now_ms();
    let moved = session.engine.shared.catalog.write_first(|tx| {
        let moved = tx.unpark(jobs, now)?;
        tx.audit(now, &session.user, "jobs.retry", "jobs", &json!({ "jobs": moved }))?;
        Ok(moved)
    })?;
    session.engine.shared.bus.tell(ChangeKind::Jobs);
    Ok(Moved { moved, refused: Vec::new() })
}

fn chosen(session: &Session, choice: &IntakeChoice) -> Result<Vec<FileRecord>, EngineError> {
    let map = &session.engine.shared.map;
    let mut files = Vec::new();
    match choice {
        IntakeChoice::Files(ids) => {
            for id in ids {
                let missing = || EngineError::NotFound { what: "file".into(), id: id.to_string() };
                files.push(map.file(*id)?.ok_or_else(missing)?);
            }
        }
        IntakeChoice::Groups(keys) => {
            for key in keys {
                let choice = choice_of(key)?;
                let mut offset = 0;
                loop {
                    let (mut page, total) = map.files(&choice, offset, AT_ONCE)?;
                    offset += page.len() as u64;
                    let last = page.is_empty() || offset >= total;
                    files.append(&mut page);
                    if last {
                        break;
                    }
                }
            }
        }
    }
    Ok(files)
}

/// Source paths carry names: the trail tells how many and of which kind, never which.
fn audit(
    session: &Session,
    action: &str,
    choice: &IntakeChoice,
    (moved, of): (u64, u64),
    masks: Option<usize>,
) -> Result<(), EngineError> {
    let groups: Vec<String> = match choice {
        IntakeChoice::Groups(keys) => keys.iter().map(|key| readable_key(key)).collect(),
        IntakeChoice::Files(_) => Vec::new(),
    };
    let mut detail = json!({ "moved": moved, "of": of, "groups": groups });
    if let Some(masks) = masks {
        detail["masks"] = masks.into();
    }
    session
        .engine
        .shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, action, "intake", &detail))?;
    Ok(())
}
