//! The invented readers of the demo: their tables go in as anybody's would.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Exit, Failure};
use crate::demo::{Alarmed, Arrivals, Readings};
use crate::engine::command::ImportReads;
use crate::engine::query::{Drift, DriftState};
use crate::engine::{Client, Engine, now_ms};
use crate::model::words::io_words;

/// Who brings the tables in.
const IMPORTER: &str = "demo-readers";
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// Writes a table into the workspace's folder `readings` and imports it.
///
/// # Errors
/// The folder cannot be written, or the table is refused.
pub fn import(engine: &Arc<Engine>, root: &Path, name: &str, readings: &Readings) -> Result<u64, Failure> {
    let folder = root.join("readings");
    let path = folder.join(format!("{name}.csv"));
    let failed = |e: std::io::Error| {
        Failure::new(
            Exit::Storage,
            "storage",
            format!("the readings cannot be written: {}", io_words(e.kind())),
        )
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(&path, readings.table()).map_err(failed)?;
    let session = engine.session(IMPORTER, false);
    let client: &dyn Client = &session;
    let paths = vec![path.to_string_lossy().into_owned()];
    let outcome = client.act(ImportReads { paths, ..ImportReads::default() })?;
    match outcome.files.into_iter().find_map(|f| f.refused) {
        Some(why) => {
            Err(Failure::new(Exit::Defect, "refused", format!("the demo's table is refused: {why}")))
        }
        None => Ok(outcome.total.new),
    }
}

/// The charts that are in alarm.
///
/// # Errors
/// The workspace cannot be read.
pub fn alarms(engine: &Arc<Engine>) -> Result<Vec<Alarmed>, Failure> {
    let session = engine.session(IMPORTER, false);
    let client: &dyn Client = &session;
    let view = client.ask(Drift::default())?;
    let alarm = |row: crate::engine::query::DriftRow| Alarmed {
        chart: row.id,
        since_ms: row.since_ms.unwrap_or(0),
        sentence: row.sentence,
    };
    Ok(view.charts.into_iter().filter(|c| c.state == DriftState::Alarm).map(alarm).collect())
}

/// The readers at work while studies arrive; they stop when it is dropped.
pub struct Reading {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reading {
    /// Begins to read what arrives, once it is in the catalog.
    pub fn start(engine: &Arc<Engine>, root: &Path, seed: u64, arrivals: &Arc<Arrivals>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (engine, root, arrivals, stop) =
                (engine.clone(), root.to_path_buf(), arrivals.clone(), stop.clone());
            std::thread::spawn(move || follow(&engine, &root, seed, &arrivals, &stop))
        };
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Looks at a study that never comes into the catalog, at most.
const LOOKS: u32 = 200;

fn follow(engine: &Arc<Engine>, root: &Path, seed: u64, arrivals: &Arrivals, stop: &AtomicBool) {
    let mut read = std::collections::BTreeSet::new();
    let mut looks = std::collections::BTreeMap::<usize, u32>::new();
    while !stop.load(Ordering::Relaxed) {
        for truth in arrivals.truths().into_iter().filter(|t| !read.contains(&t.number)).collect::<Vec<_>>() {
            // A study whose series is not here yet has unmatched reads alone, and is read at the next look.
            let readings = Readings::now(seed, &truth, now_ms());
            match import(engine, root, &format!("study-{}", truth.number), &readings) {
                Ok(0) => {
                    let look = looks.entry(truth.number).or_default();
                    *look += 1;
                    if *look == LOOKS {
                        read.insert(truth.number);
                    }
                }
                Ok(_) => drop(read.insert(truth.number)),
                Err(failure) => {
                    tracing::warn!("the demo's readers stop: {}", failure.message);
                    return;
                }
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
