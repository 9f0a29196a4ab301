//! Leases jobs and has the stages do them: retries, parking, shutdown after the job in hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Refusal, Shared, StageError, casework, now_ms, stages};
use crate::catalog::{CatalogError, Job};
use crate::model::ChangeKind;

/// Longer than any job takes; a process that dies gives its leases back at the next start at once.
const LEASE_MS: i64 = 15 * 60 * 1000;
/// Between two looks when nothing is ready and nobody asks for anything.
const NAP: Duration = Duration::from_secs(1);
/// Between two tries to lease a job that is due.
const AGAIN: Duration = Duration::from_millis(20);
/// How long a disk or database may refuse before who waits for the jobs is told.
const PATIENCE: Duration = Duration::from_secs(3);

/// The threads that do jobs; ends when it is dropped, after the jobs in hand.
pub struct Supervisor {
    stop: Arc<AtomicBool>,
    state: Arc<SupervisorState>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct SupervisorState {
    running: AtomicU64,
    done: AtomicU64,
    parked: AtomicU64,
    /// Since when nothing can be leased or recorded, and why.
    stuck: Mutex<Option<(Instant, Refusal)>>,
}

impl SupervisorState {
    fn refused(&self, error: &CatalogError) {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.is_none() {
            tracing::error!("jobs cannot be recorded: {error}");
            *stuck = Some((Instant::now(), error.into()));
        }
    }

    fn recorded(&self) {
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Supervisor {
    /// Starts as many threads as there are processors.
    pub fn start(shared: &Arc<Shared>) -> Self {
        let (stop, state) = (Arc::new(AtomicBool::new(false)), Arc::new(SupervisorState::default()));
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let threads = (0..threads)
            .map(|_| {
                let (shared, stop, state) = (shared.clone(), stop.clone(), state.clone());
                std::thread::spawn(move || {
                    loop {
                        // Before the look: what is asked for after it is heard.
                        let rung = shared.catalog.jobs().rung();
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if !next(&shared, &state) {
                            if let Err(error) = casework::keep_time(&shared) {
                                tracing::warn!("what time brings to tasks is not recorded: {error}");
                            }
                            shared.catalog.jobs().wait(rung, until_due(&shared));
                        }
                    }
                })
            })
            .collect();
        Self { stop, state, threads, shared: shared.clone() }
    }

    /// Jobs done and jobs parked since start.
    pub fn totals(&self) -> (u64, u64) {
        (self.state.done.load(Ordering::Relaxed), self.state.parked.load(Ordering::Relaxed))
    }

    /// Why no job has been leased or recorded for a while, where that is so: a full disk, above all.
    pub fn stuck(&self) -> Option<Refusal> {
        let stuck = self.state.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.as_ref().filter(|(since, _)| since.elapsed() > PATIENCE).map(|(_, why)| why.clone())
    }

    /// Whether a job is running or ready.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn is_busy(&self) -> Result<bool, CatalogError> {
        Ok(self.state.running.load(Ordering::Acquire) > 0 || self.shared.catalog.read().job_counts()?.0 > 0)
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.shared.catalog.jobs().ring();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// How long until the next job is to be done.
fn until_due(shared: &Shared) -> Duration {
    let due = shared.catalog.read().job_due().ok().flatten();
    due.map_or(NAP, |due| match due.saturating_sub(now_ms()) {
        // It is due, and nobody could lease it.
        ..=0 => AGAIN,
        left => Duration::from_millis(left as u64).min(NAP),
    })
}

/// Does the next job, if one is ready; whether there was one.
fn next(shared: &Shared, state: &SupervisorState) -> bool {
    let now = now_ms();
    match shared.catalog.read().job_ready(now) {
        Ok(true) => {}
        Ok(false) | Err(_) => return false,
    }
    state.running.fetch_add(1, Ordering::AcqRel);
    let leased = shared.catalog.write_derived(|tx| tx.lease(now, LEASE_MS));
    let did = match &leased {
        Ok(Some(job)) => {
            state.recorded();
            attempt(shared, state, job);
            true
        }
        Ok(None) => false,
        Err(error) => {
            state.refused(error);
            false
        }
    };
    state.running.fetch_sub(1, Ordering::AcqRel);
    if did {
        // Whoever waits for all of them looks once more. Not after a refusal: threads would wake each other.
        shared.catalog.jobs().ring();
    }
    did
}

fn attempt(shared: &Shared, state: &SupervisorState, job: &Job) {
    let stage = stages().iter().find(|s| s.name() == job.stage);
    let result = match stage {
        Some(stage) => catch_unwind(AssertUnwindSafe(|| stage.run(shared, job)))
            .unwrap_or_else(|_| Err(StageError::Defect(job.stage.clone()))),
        None => Err(StageError::Unknown(job.stage.clone())),
    };
    match result {
        Ok(()) => {
            state.done.fetch_add(1, Ordering::Relaxed);
        }
        Err(error) => {
            tracing::warn!(stage = job.stage, attempts = job.attempts, "a job failed: {error}");
            let reason = error.to_string();
            match shared.catalog.write_derived(|tx| tx.fail(job, &reason, now_ms())) {
                Ok(true) => {
                    state.parked.fetch_add(1, Ordering::Relaxed);
                    shared.bus.tell(ChangeKind::Jobs);
                }
                Ok(false) => {}
                Err(error) => state.refused(&error),
            }
        }
    }
}
