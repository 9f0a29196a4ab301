//! Datasets out: the folder of a snapshot, or of the series that a query finds.
//!
//! Series are written by as many workers as there are processors; what comes of them is put together in the order of their
//! UIDs, so that the bytes of a dataset depend on what is exported, the options and the version alone.

mod members;
mod one;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::members::{Member, Members};
use super::folders;
use crate::bytes::MemoryBudget;
use crate::catalog::NewExportRun;
use crate::dataset::documents::{self, Series};
use crate::dataset::export::{
    BeginError, Begun, COMMAND, Complete, DoneSeries, Exporter, FORMATS, Folder, LeftOut, Note, Out, Program,
    Whole, formats,
};
use crate::dataset::names::{Names, Pattern};
use crate::engine::command::{Export, ExportOutcome};
use crate::engine::query::ActivityKind;
use crate::engine::{EngineError, Session};
use crate::model::words::io_error;
use crate::pipeline::verify::register::EXPORTED;
use crate::pipeline::{Progress, now_ms};
use crate::volume::{PhilipsScale, Standard};

/// Memory that series take together while they are written.
const HELD_AT_ONCE: u64 = 1 << 30;

pub fn export(session: &Session, command: &Export) -> Result<ExportOutcome, EngineError> {
    let how = How::of(session, command)?;
    if command.resume && command.snapshot.is_none() {
        let why = "only the export of a snapshot is taken up again (--snapshot)";
        return Err(EngineError::Invalid { why: why.into() });
    }
    folders::is_target(session, Path::new(&command.to), Some(&session.engine.workspace.exports()))?;
    // Nothing is replaced or erased while it goes out.
    let _still = session.engine.shared.store_retention_lock.read().unwrap_or_else(PoisonError::into_inner);
    let members = members::of(session, command)?;
    let activity = session.engine.activities.begin(ActivityKind::Export, &object(command), &session.user);
    activity.progress.expect_total(members.series.len() as u64);
    let key = key(session, command, &members)?;
    let begun = Folder::begin(Path::new(&command.to), &key, command.resume).map_err(|e| match e {
        BeginError::Occupied | BeginError::Another => EngineError::Conflict { why: e.to_string() },
        BeginError::Io(_) => EngineError::Storage { why: e.to_string() },
    })?;
    let complete = match begun {
        Begun::Complete(complete) => complete,
        Begun::Folder(folder) => {
            let (members, progress) = (&members, &*activity.progress);
            write(&Run { session, command, members, how: &how, progress }, folder, &key)?
        }
    };
    let written = told(command, &members, complete);
    register(session, command, &members, &written)?;
    Ok(written.outcome)
}

/// What an export is of, in words.
fn object(command: &Export) -> String {
    let query = || command.filter.clone().unwrap_or_else(|| "every accepted series".into());
    command.snapshot.clone().unwrap_or_else(query)
}

/// How series are written.
struct How {
    formats: Vec<Box<dyn Exporter>>,
    standard: Standard,
    pattern: Option<Pattern>,
    philips: PhilipsScale,
    pseudonyms: bool,
}

impl How {
    fn of(session: &Session, command: &Export) -> Result<Self, EngineError> {
        let invalid = |why: String| EngineError::Invalid { why };
        let config = session.engine.shared.config();
        let programs = &config.export.commands;
        let program = |name: &str| {
            let of = programs.get(name)?;
            Some(Program::new(name, &of.run, Duration::from_secs(of.timeout_seconds)))
        };
        let formats = formats(&command.formats, program).map_err(|name| {
            let known = FORMATS.iter().map(|f| f.name().to_owned());
            let own = programs.keys().map(|name| format!("{COMMAND}{name}"));
            let known: Vec<String> = known.chain(own).collect();
            invalid(format!("no format is called {name:?}; there are {}", known.join(", ")))
        })?;
        let w = &command.standard;
        let (axes, spacing) = (w.orientation.as_deref(), w.spacing.as_deref());
        let standard = Standard::parse(w.untilt, axes, spacing, w.range.as_deref())
            .map_err(|why| invalid(why.to_string()))?;
        let pattern = command.name.as_deref().map(Pattern::parse).transpose().map_err(invalid)?;
        let philips = if command.precise { PhilipsScale::Precise } else { PhilipsScale::Display };
        Ok(Self { formats, standard, pattern, philips, pseudonyms: command.pseudonyms })
    }
}

/// What of a command decides about the bytes, as the manifest tells it; programs with their arguments.
fn options(session: &Session, command: &Export) -> Value {
    let w = &command.standard;
    let config = session.engine.shared.config();
    let asked = |name: &&String| command.formats.iter().any(|f| f.strip_prefix(COMMAND) == Some(name));
    let programs: BTreeMap<&String, &Vec<String>> = config
        .export
        .commands
        .keys()
        .filter(asked)
        .map(|name| (name, &config.export.commands[name].run))
        .collect();
    json!({
        "commands": programs,
        "formats": command.formats, "untilt": w.untilt, "orientation": w.orientation, "spacing": w.spacing,
        "range": w.range, "name": command.name, "precise": command.precise, "pseudonyms": command.pseudonyms,
    })
}

/// What an export is made of and how: equal keys make equal datasets.
fn key(session: &Session, command: &Export, members: &Members) -> Result<String, EngineError> {
    let of = members.snapshot.as_ref().map(|s| (&s.name, &s.id));
    let gone: Vec<&str> = members.left_out.iter().map(|l| l.series_uid.as_str()).collect();
    let text = json!([of, command.filter, options(session, command), env!("CARGO_PKG_VERSION"), gone]);
    let text = serde_json::to_vec(&text).map_err(|e| EngineError::Storage { why: e.to_string() })?;
    Ok(hex::encode(Sha256::digest(text)))
}

/// What an export is about.
struct Run<'r> {
    session: &'r Session,
    command: &'r Export,
    members: &'r Members,
    how: &'r How,
    progress: &'r Progress,
}

/// A dataset with whose data are in it.
struct Written {
    outcome: ExportOutcome,
    series: Vec<(String, String)>,
}

/// What is told of a dataset that stands, now or from before: its manifest says all of it.
fn told(command: &Export, members: &Members, Complete { manifest, sha256 }: Complete) -> Written {
    let part = |name: &str| manifest[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let written: BTreeSet<&str> = part("series").iter().filter_map(Value::as_str).collect();
    let of = members.series.iter().map(|m| &m.content).filter(|c| written.contains(&*c.series_uid));
    Written {
        series: of.map(|c| (c.series_uid.clone(), c.subject.clone())).collect(),
        outcome: ExportOutcome {
            to: command.to.clone(),
            series: written.len() as u64,
            files: part("files").len() as u64,
            matched: members.matched(),
            left_out: serde_json::from_value(manifest["left_out"].clone()).unwrap_or_default(),
            warnings: serde_json::from_value(manifest["warnings"].clone()).unwrap_or_default(),
            manifest_sha256: sha256,
        },
    }
}

fn write(run: &Run<'_>, mut folder: Folder, key: &str) -> Result<Complete, EngineError> {
    let Run { command, members, how, .. } = *run;
    if members.snapshot.is_some() {
        folder.keep_draft();
    }
    let whole = members.whole();
    let done = all(run, &whole, &folder)?;
    let mut left_out = members.left_out.clone();
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    for one in &done {
        files.extend(one.files.iter().cloned());
        left_out.extend(one.left_out.iter().cloned());
        warnings.extend(one.warnings.iter().map(|w| format!("{}: {w}", one.series_uid)));
    }
    for format in &how.formats {
        let notes: Vec<Note> =
            done.iter().flat_map(|d| &d.notes).filter(|n| n.format == format.name()).cloned().collect();
        let mut out = Out::below(folder.draft());
        format.finish(&whole, &notes, &mut out).map_err(refused)?;
        files.extend(folder.entries(&out.made().files, format.name(), None).map_err(refused)?);
    }
    left_out.sort();
    left_out.dedup();
    if let Some(snapshot) = &members.snapshot {
        let made_of = documents::Dataset {
            snapshot: documents::Snapshot::from(snapshot),
            whole: &whole,
            files: &files,
            left_out: &left_out,
            series: members.series.iter().map(|m| documented(m, how, run.session)).collect(),
        };
        for (name, text) in documents::write(&made_of) {
            files.push(folder.document(name, &text).map_err(refused)?);
        }
    }
    files.sort();
    let series: Vec<&str> = done.iter().filter(|d| d.written).map(|d| &*d.series_uid).collect();
    let manifest = json!({
        "snapshot": members.snapshot.as_ref().map(|s| json!({ "name": s.name, "id": s.id })),
        "query": command.filter,
        "options": options(run.session, command),
        "gantry": env!("CARGO_PKG_VERSION"),
        "version": env!("CARGO_PKG_VERSION"),
        "key": key,
        "series": series,
        "files": files,
        "left_out": left_out,
        "warnings": warnings,
    });
    let sha256 = folder.finish(&manifest).map_err(refused)?;
    Ok(Complete { manifest, sha256 })
}

/// A series as the documents tell of it.
fn documented<'m>(member: &'m Member, how: &How, session: &Session) -> Series<'m> {
    let name = |id: &str| if how.pseudonyms { session.engine.shared.deid.reader(id) } else { id.to_owned() };
    let standing = member.content.standing.as_ref();
    Series {
        content: &member.content,
        images: &member.images,
        split: member.split.as_deref(),
        reader: standing.map(|s| name(&s.reader)),
        stands: true,
        by: standing.and_then(|s| s.by.as_deref()).map(name),
    }
}

/// Writes every series, each once, in any order; what came of them in theirs.
fn all(run: &Run<'_>, whole: &Whole<'_>, folder: &Folder) -> Result<Vec<DoneSeries>, EngineError> {
    let Run { session, members, how, progress, .. } = *run;
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<DoneSeries, EngineError>>>> =
        members.series.iter().map(|_| Mutex::new(None)).collect();
    let (names, memory) = (Mutex::new(Names::default()), MemoryBudget::new(HELD_AT_ONCE));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(member) = members.series.get(at) else { break };
            let before = folder.done(&member.content.series_uid).filter(|_| how.pattern.is_none());
            let done = match before {
                Some(done) => Ok(done),
                None => {
                    let _held = memory.hold(member.memory());
                    one::write(session, member, &one::Job { how, whole, folder, names: &names })
                }
            };
            progress.step();
            if done.is_err() {
                // Nobody begins another.
                next.store(members.series.len(), Ordering::Relaxed);
            }
            *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        }
    };
    // Numbers of names that are alike follow the order of the series.
    let workers = if how.pattern.is_some() { 1 } else { rayon::current_num_threads() };
    std::thread::scope(|scope| {
        (1..workers.min(members.series.len())).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    let mut all = Vec::new();
    for result in results {
        match result.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(done)) => all.push(done),
            Some(Err(error)) => return Err(error),
            // Another has failed before its turn came; that one's error is returned.
            None => {}
        }
    }
    Ok(all)
}

/// The trail tells of it, and the catalog knows whose data went where.
fn register(
    session: &Session,
    command: &Export,
    members: &Members,
    written: &Written,
) -> Result<(), EngineError> {
    if session.engine.is_read_only() {
        tracing::warn!("the workspace is open for reading only: the export leaves no mark in its trail");
        return Ok(());
    }
    let outcome = &written.outcome;
    let run = NewExportRun {
        snapshot: members.snapshot.as_ref().map(|s| s.name.clone()),
        place: command.to.clone(),
        formats: command.formats.clone(),
        manifest_sha256: outcome.manifest_sha256.clone(),
        actor: session.user.clone(),
        members: written.series.clone(),
    };
    let mut detail = json!({
        "snapshot": run.snapshot,
        "filter": command.filter,
        "series": outcome.series,
        "files": outcome.files,
        "formats": command.formats,
        "left_out": outcome.left_out.len(),
        "manifest_sha256": outcome.manifest_sha256,
    });
    session.engine.shared.catalog.write_first(|tx| {
        let now = now_ms();
        let (number, digest) = tx.put_export_run(&run, now)?;
        detail["run"] = number.into();
        detail["register_sha256"] = hex::encode(digest).into();
        tx.audit(now, &session.user, EXPORTED, "dataset", &detail)
    })?;
    Ok(())
}

fn refused(error: std::io::Error) -> EngineError {
    let next = match error.kind() {
        std::io::ErrorKind::StorageFull => "; make room, and go on with --resume",
        _ => "",
    };
    EngineError::Storage { why: format!("the dataset cannot be written: {}{next}", io_error(&error)) }
}

impl Members {
    fn matched(&self) -> u64 {
        (self.series.len() + self.left_out.len()) as u64
    }
}

/// Something that is left out of the dataset.
fn left_out(series_uid: &str, kind: &str, reason: impl Into<String>) -> LeftOut {
    LeftOut { series_uid: series_uid.into(), kind: kind.into(), reason: reason.into() }
}
