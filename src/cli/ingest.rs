//! `gantry ingest` and `gantry run`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::connect::{connect, workspace};
use super::{Exit, Failure, Global, Output};
use crate::daemon::Web;
use crate::engine::command::{self, IngestOutcome, Links};
use crate::engine::{EngineError, Schedule};
use crate::model::words::{io_error, plural};
use crate::source::{NotRead, unread_words};

/// Arguments of `gantry ingest`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry --workspace W ingest /data/delivery --site A\n\nFiles are read in place and never moved or changed.\n\nExit codes: 0 every file is accounted for; 1 with --strict and findings; 3 workspace; 4 a path is not there; 6 storage"
)]
pub struct Ingest {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The site whose data they are (else ingest.default_site)
    #[arg(long)]
    site: Option<String>,
    /// Symbolic links below the folders: never followed, or where they stay inside the folder
    #[arg(long, value_enum, default_value = "never")]
    links: LinkChoice,
    /// Exit with 1 when anything was quarantined, rejected or not read, or a check found something
    #[arg(long)]
    strict: bool,
}

/// What is done with symbolic links.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LinkChoice {
    Never,
    Inside,
}

impl From<LinkChoice> for Links {
    fn from(choice: LinkChoice) -> Self {
        match choice {
            LinkChoice::Never => Self::Never,
            LinkChoice::Inside => Self::Inside,
        }
    }
}

/// Arguments of `gantry run`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry --workspace W run  # until Ctrl-C\n  gantry --workspace W run --once\n  gantry --workspace W run --once --retry  # jobs that failed three times, too\n\nExit codes: 0 done; 1 with --strict and findings; 3 workspace; 6 storage"
)]
pub struct Run {
    /// End when every inbox is empty and every job is done
    #[arg(long)]
    once: bool,
    /// Try parked jobs again
    #[arg(long)]
    retry: bool,
    /// Exit with 1 when anything was quarantined or rejected, or a check found something
    #[arg(long)]
    strict: bool,
}

/// Takes files in and waits until they are accounted for.
///
/// # Errors
/// A path is not there, or the storage refuses.
pub fn ingest(args: &Ingest, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let site = match &args.site {
        Some(site) => site.clone(),
        None => workspace(global)?.config()?.ingest.default_site,
    };
    let paths = args
        .paths
        .iter()
        .map(|p| {
            let absolute = p.canonicalize().map_err(|e| {
                Failure::new(Exit::Input, "not_found", format!("{}: {}", p.display(), io_error(&e)))
            })?;
            Ok(absolute.to_string_lossy().into_owned())
        })
        .collect::<Result<_, Failure>>()?;
    let connection = connect(global)?;
    let outcome = connection.client.act(command::Ingest { paths, site, links: args.links.into() })?;
    report(&outcome, args.strict, out)
}

/// Runs the pipeline without a screen.
///
/// # Errors
/// Another process runs it, or the storage refuses.
pub fn run(args: &Run, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let mut connection = connect(global)?;
    let Some(engine) = connection.engine.clone() else {
        return Err(Failure::new(Exit::Workspace, "locked", "another process runs this workspace already")
            .hint("attach to it with `gantry console`"));
    };
    if engine.is_full() {
        return Err(EngineError::Full.into());
    }
    if engine.is_read_only() {
        let why = "this workspace is open for reading only: nothing can be taken in";
        return Err(Failure::new(Exit::Workspace, "read_only", why));
    }
    if args.retry {
        connection.client.act(command::RetryJobs { jobs: Vec::new() })?;
    }
    let spoken = out.clone();
    connection.narrate(move |line| spoken.note(&line.text));
    if args.once {
        let outcome = engine.run_once()?;
        connection.close();
        return report(&outcome, args.strict, out);
    }
    engine.watch();
    for inbox in &engine.shared().config().inboxes {
        let folder = inbox.place(engine.workspace().root());
        out.note(&format!("watching {} (site {}): {}", inbox.name, inbox.site, folder.display()));
    }
    for listener in &engine.shared().config().listeners {
        let who = if listener.callers.is_some() { "its callers" } else { "anybody" };
        let way = if listener.tls.is_some() { ", encrypted" } else { "" };
        out.note(&format!(
            "listener {} (site {}): {} at {}, for {who}{way}",
            listener.name, listener.site, listener.ae_title, listener.bind
        ));
    }
    let schedule = Schedule::start(&engine);
    let web = Web::start(&engine).map_err(|error| {
        Failure::new(Exit::Storage, "web", format!("the web server: {}", io_error(&error)))
    })?;
    for web in &engine.shared().config().web {
        let scheme = if web.tls.is_some() { "https" } else { "http" };
        out.note(&format!("web for viewers: {scheme}://{}/dicom-web, by token", web.bind));
    }
    out.note("running; Ctrl-C ends it when what is in hand is done");
    let stop = stop_signal()?;
    let mut told = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        let problems = web.problems();
        if problems != told {
            problems.iter().for_each(|(bind, why)| out.note(&format!("warning: web {bind}: {why}")));
            told = problems;
        }
    }
    out.note("ending: what is in hand is finished first");
    drop((web, schedule));
    engine.finish_watching();
    let outcome = engine.totals()?;
    connection.close();
    report(&outcome, args.strict, out)
}

/// Becomes true on SIGINT, SIGTERM or SIGHUP.
fn stop_signal() -> Result<&'static AtomicBool, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    static STOP: AtomicBool = AtomicBool::new(false);
    let defect = |e: std::io::Error| {
        Failure::new(Exit::Defect, "signals", format!("signals cannot be handled: {}", io_error(&e)))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(defect)?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let [Ok(mut a), Ok(mut b), Ok(mut c)] = kinds.map(signal) else { return };
            tokio::select! { _ = a.recv() => {}, _ = b.recv() => {}, _ = c.recv() => {} }
            STOP.store(true, Ordering::Relaxed);
        });
    });
    Ok(&STOP)
}

/// What became of the files, in words.
pub(super) fn fates(o: &IngestOutcome) -> String {
    let already_here =
        if o.already_here > 0 { format!("{} already here, ", o.already_here) } else { String::new() };
    let copies = plural(o.duplicates - o.already_here, "duplicate");
    format!(
        "{} stored, {} quarantined, {} rejected, {already_here}{copies}",
        o.deidentified, o.quarantined, o.rejected
    )
}

/// What was not read, and where to look for what was set aside.
fn pointers(o: &IngestOutcome) -> String {
    let mut lines = String::new();
    if !o.unread.is_empty() {
        lines += &format!("\nnot read: {}", unread_words(&o.unread));
    }
    if o.quarantined + o.rejected > 0 {
        lines += "\n`gantry intake list` says what was quarantined or rejected, and why; `--files --names` names the files";
    }
    if o.jobs_failed > 0 {
        lines += "\n`gantry doctor` says why jobs were parked";
    }
    lines
}

fn report(outcome: &IngestOutcome, strict: bool, out: &Output) -> Result<Exit, Failure> {
    out.result(outcome, |o| {
        format!(
            "{} received: {}\n{} series, {}, {} done, {} parked, {:.1} s{}",
            o.received,
            fates(o),
            o.series,
            plural(o.qc_findings, "finding"),
            plural(o.jobs_done, "job"),
            o.jobs_failed,
            o.elapsed_ms as f64 / 1000.0,
            pointers(o)
        )
    });
    if outcome.unread.contains_key(&NotRead::BucketUnreachable) {
        out.note("a bucket could not be read; `gantry doctor` says why");
        return Ok(Exit::Storage);
    }
    let unread: u64 = outcome.unread.values().sum();
    let found =
        outcome.quarantined + outcome.rejected + outcome.qc_findings + outcome.jobs_failed + unread > 0;
    Ok(if strict && found { Exit::Findings } else { Exit::Done })
}
