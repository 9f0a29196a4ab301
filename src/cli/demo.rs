//! `gantry demo`: a workspace with invented studies and planted faults, run through the real line, then the console.

use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::connect::{Connection, connect_console};
use super::{Exit, Failure, Output, console, progress, reading};
use crate::config::{After, Edit, Inbox, Pixels, Workspace};
use crate::demo::{self, Arrivals, Pace, Readings, Senders, Sent, Verdict};
use crate::engine::command::{ClaimTask, DecideTask, Decision, IngestOutcome};
use crate::engine::query::{Page, Queue, QueueTab, Severity, TaskRow};
use crate::engine::{Client, Engine, now_ms};
use crate::model::Links;
use crate::model::words::io_words;

/// Arguments of `gantry demo`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  gantry demo  # the console on a fresh workspace\n  gantry demo --headless --json  # what was planted and what was found\n  gantry demo --dir play --seed 7 --studies 40\n\nEverything is invented: people, readings and decisions. With fewer than 16 studies not every fault is planted; with fewer than 40 nodules none in how readers read.\n\nExit codes: 0 every file is accounted for; 1 with --strict when a fault was missed or a finding invented; 2 no terminal for the console; 3 the folder is a workspace already; 6 storage"
)]
pub struct DemoArgs {
    /// Make the workspace here (else in a fresh temporary folder)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print what was found and leave, without the console
    #[arg(long)]
    headless: bool,
    /// The same seed gives the same files
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many studies
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=2_000))]
    studies: u64,
    /// Exit with 1 when a planted fault was missed or a finding invented
    #[arg(long)]
    strict: bool,
}

impl DemoArgs {
    /// Whether a screen is drawn.
    pub fn draws(&self) -> bool {
        !self.headless
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    verdict: Verdict,
    elapsed_ms: u64,
}

/// People who do not exist and decide some of the tasks.
const REVIEWERS: [&str; 2] = ["demo-ines", "demo-tomas"];

/// Makes the workspace, runs the line on it, judges what was found and opens the console.
///
/// # Errors
/// The folder is a workspace already or cannot be written, or there is no terminal for the console.
pub fn run(args: &DemoArgs, out: &Output) -> Result<Exit, Failure> {
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !args.headless && (out.is_json() || !has_terminal) {
        return Err(
            Failure::usage("the demo's console needs a terminal and prints no JSON").hint("add --headless")
        );
    }
    let started = Instant::now();
    let workspace = make_workspace(args.dir.as_deref())?;
    let root = workspace.root().to_path_buf();
    out.note(&format!(
        "demo workspace {} (studies, people and decisions are invented; remove it when done)",
        root.display()
    ));
    let connection = connect_console(workspace.clone(), None)?;
    let Some(engine) = connection.engine.clone() else {
        return Err(Failure::new(Exit::Workspace, "locked", "another process runs this workspace already"));
    };
    let senders = Senders::new(&root).map_err(|e| storage("the inboxes cannot be made", &e))?;
    let sent = send(&senders, args, out)?;
    let outcome = take_in(&engine, sent.files, out)?;
    let mut verdict = demo::judge(engine.shared(), &sent.planted)
        .map_err(|e| Failure::new(Exit::Storage, "storage", e.to_string()))?;
    review(&engine)?;
    let readings = Readings::past(args.seed, &sent.truths, now_ms());
    reading::import(&engine, &root, "past", &readings)?;
    let (planted, invented) = readings.judge(&reading::alarms(&engine)?);
    verdict.planted.extend(planted);
    verdict.invented.extend(invented);
    let missed = verdict.planted.iter().any(|p| !p.found) || !verdict.invented.is_empty();
    let report = Report { verdict, elapsed_ms: started.elapsed().as_millis() as u64 };
    out.result(&report, |report| text(report, &outcome));
    if !args.headless {
        let arrivals =
            Arc::new(Arrivals::start(senders, args.seed, args.studies as usize + 1, Pace::default()));
        let reading = reading::Reading::start(&engine, &root, args.seed, &arrivals);
        open_console(&connection, &workspace)?;
        drop(reading);
        drop(arrivals);
        out.note(&format!("open it again with: gantry --workspace {}", root.display()));
    }
    engine.shut_down();
    Ok(if args.strict && missed { Exit::Findings } else { Exit::Done })
}

fn open_console(connection: &Connection, workspace: &Workspace) -> Result<Exit, Failure> {
    if let Some(engine) = &connection.engine {
        engine.watch();
    }
    console::show(connection, console::options(&console::ConsoleArgs::default(), workspace)?)
}

/// A workspace that watches the inboxes of the invented sites.
fn make_workspace(dir: Option<&Path>) -> Result<Workspace, Failure> {
    let root = match dir {
        Some(dir) => dir.to_path_buf(),
        None => fresh_folder()?,
    };
    let workspace = Workspace::init(&root)?;
    let mut edit = Edit::open(&workspace.config_file())?;
    edit.set("project.name", "gantry demo");
    edit.set("ingest.settle_ms", "400");
    edit.set("ingest.rescan_seconds", "5");
    for (name, site) in Senders::inboxes() {
        edit.add_inbox(&Inbox {
            name: name.into(),
            path: Senders::folder(workspace.root()).join("inbox").join(name),
            site: site.into(),
            after: After::Keep,
            move_to: None,
            pixels: Pixels::Checked,
            anonymous: false,
            requester_pays: false,
            links: Links::Never,
        });
    }
    edit.save()?;
    Ok(workspace)
}

fn fresh_folder() -> Result<PathBuf, Failure> {
    let mut tail = [0; 4];
    getrandom::fill(&mut tail).map_err(|e| storage("no random name", &std::io::Error::other(e)))?;
    let root = std::env::temp_dir().join(format!("gantry-demo-{}", hex::encode(tail)));
    let made = std::fs::DirBuilder::new().mode(0o700).create(&root);
    made.map_err(|e| storage("the temporary folder cannot be made", &e))?;
    Ok(root.join("workspace"))
}

fn storage(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Storage, "storage", format!("{what}: {}", io_words(error.kind())))
}

/// The sites send their studies.
fn send(senders: &Senders, args: &DemoArgs, out: &Output) -> Result<Sent, Failure> {
    let counter = AtomicU64::new(0);
    progress::shown(out, "files sent", &counter, || {
        let mut all = Sent::default();
        for plan in demo::plans(args.seed, args.studies as usize) {
            let count = || {
                counter.fetch_add(1, Ordering::Relaxed);
                true
            };
            let sent = senders.send(plan, count).map_err(|e| storage("a study cannot be written", &e))?;
            all.files += sent.files;
            all.bytes += sent.bytes;
            all.planted.extend(sent.planted);
            all.truths.extend(sent.truths);
        }
        Ok(all)
    })
}

/// The line takes every inbox in; every file must be accounted for.
fn take_in(engine: &Arc<Engine>, files: u64, out: &Output) -> Result<IngestOutcome, Failure> {
    let done = AtomicU64::new(0);
    let outcome = progress::shown(out, "files taken in", &done, || {
        std::thread::scope(|scope| {
            let (send, end) = std::sync::mpsc::channel::<()>();
            let done = &done;
            scope.spawn(move || {
                let nap = std::time::Duration::from_millis(200);
                while end.recv_timeout(nap) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    let counts = engine.shared().map.status_counts().unwrap_or_default();
                    done.store(counts.iter().map(|(_, n)| n).sum(), Ordering::Relaxed);
                }
            });
            let outcome = engine.run_once();
            drop(send);
            outcome
        })
    })?;
    let ended = outcome.deidentified + outcome.quarantined + outcome.rejected + outcome.duplicates;
    if outcome.received != files || ended != files {
        let message =
            format!("{files} files were sent, {} received, {ended} accounted for", outcome.received);
        return Err(Failure::new(Exit::Defect, "unaccounted", message));
    }
    Ok(outcome)
}

/// The invented reviewers decide about two thirds of the tasks and hold one more.
fn review(engine: &Arc<Engine>) -> Result<(), Failure> {
    let page = Page { offset: 0, limit: 10_000 };
    let every = Queue { view: QueueTab::Open, filter: String::new(), now_ms: now_ms(), page };
    let list = engine.session(REVIEWERS[0], false);
    let tasks = (&list as &dyn Client).ask(every)?.rows;
    for (i, row) in tasks.iter().enumerate().filter(|(i, _)| i % 3 != 1) {
        let session = engine.session(REVIEWERS[i % 5 % 2], false);
        let client: &dyn Client = &session;
        client.act(ClaimTask { task: row.id, take: false })?;
        if i + 3 < tasks.len() {
            client.act(DecideTask {
                task: row.id,
                decision: decision(row, i),
                key: format!("demo-{}", row.id),
            })?;
        }
    }
    Ok(())
}

/// What a reasonable reviewer might say.
fn decision(row: &TaskRow, at: usize) -> Decision {
    let give_back = |reason: &str, comment: Option<&str>| Decision::Return {
        reason: reason.into(),
        comment: comment.map(String::from),
    };
    match (&*row.why, row.severity) {
        ("gantry tilt", _) => Decision::Accept { comment: Some("tilt is kept as shear, fine for us".into()) },
        ("missing slices" | "truncated pixels", _) => {
            give_back("incomplete series", Some("please send the study again"))
        }
        ("modality sop class" | "mixed matrix", _) => give_back("wrong protocol", None),
        (_, Some(Severity::Error | Severity::Warning)) => give_back("incomplete series", None),
        _ if at % 11 == 5 => give_back("motion or artefact", Some("breathing near the diaphragm")),
        _ => Decision::Accept { comment: None },
    }
}

fn text(report: &Report, outcome: &IngestOutcome) -> String {
    let verdict = &report.verdict;
    let width = verdict.planted.iter().map(|p| p.fault.len()).max().unwrap_or(0);
    let mut lines = format!(
        "{} files received: {}\n{} studies, {} series, {} instances, {:.1} s\n\n",
        outcome.received,
        super::ingest::fates(outcome),
        verdict.studies,
        verdict.series,
        verdict.instances,
        report.elapsed_ms as f64 / 1000.0
    );
    for plant in &verdict.planted {
        let mark = if plant.found { "found " } else { "MISSED" };
        let told =
            plant.finding.as_ref().map(|f| format!("{}: {}", f.severity, f.message)).unwrap_or_default();
        lines += &format!("{mark} {:width$}  {}  {told}\n", plant.fault, plant.at);
    }
    let found = verdict.planted.iter().filter(|p| p.found).count();
    lines += &format!(
        "\n{found} of {} planted faults found, {} invented\n",
        verdict.planted.len(),
        verdict.invented.len()
    );
    for told in &verdict.invented {
        let at = told.series_uid.as_ref().or(told.file.as_ref()).map_or("", |at| at);
        lines += &format!("INVENTED {} {} {at}: {}\n", told.severity, told.check, told.message);
    }
    lines
}
