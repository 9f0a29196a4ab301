//! An open workspace, and one user's access to it.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::broadcast;

use super::command::{Command, IngestOutcome, LookIntake, LookedAt};
use super::live::LiveReads;
use super::query::Query;
use super::{Client, EngineError, answer, perform};
use crate::blob::{BlobError, FsStore};
use crate::bulk::Bulk;
use crate::catalog::{Catalog, CatalogError, IntakeMap, KnownIdentifiers};
use crate::config::{Lock, Workspace, WorkspaceError};
use crate::model::Event;
use crate::pipeline::{Counts, Deidentify, Intake, Shared, Supervisor, Tally, Watchers, take_up, watch};
use crate::source::{Mode, WatchState, open_file};

/// Between two looks at jobs that nobody tells of.
const PATIENCE: Duration = Duration::from_millis(100);

/// An open workspace with its pipeline. Dropping it stops watching, finishes what is in hand and gives the lock up.
pub struct Engine {
    pub(super) workspace: Workspace,
    pub(super) shared: Arc<Shared>,
    pub(super) watchers: Watchers,
    pub(super) reads: LiveReads,
    pipeline: Mutex<Option<Pipeline>>,
    lock: Lock,
    opened: Instant,
}

struct Pipeline {
    intake: Arc<Intake>,
    supervisor: Supervisor,
}

/// One user's access to an open workspace.
#[derive(Clone)]
pub struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) user: String,
    pub(super) attached: bool,
}

impl Engine {
    /// Opens a workspace for writing: takes the lock, sweeps what a crash left, starts the pipeline. Inboxes are
    /// watched from [`Engine::watch`] on.
    ///
    /// # Errors
    /// Another process has it, or it cannot be opened.
    pub fn open(workspace: Workspace) -> Result<Arc<Self>, OpenError> {
        let config = workspace.config()?;
        let lock = workspace.lock()?;
        let secret = workspace.secret()?;
        let catalog = Catalog::open(&workspace.catalog())?;
        let map = IntakeMap::open(&workspace.intake())?;
        let known = KnownIdentifiers::open(&workspace.known(), &secret)?;
        let store = FsStore::open(&workspace.store())?;
        if lock.was_unclean {
            let swept = store.sweep(&catalog.read().blobs()?)?;
            catalog.write(|tx| tx.release_leases())?;
            tracing::info!("the last run did not end in order; swept {swept} files that no row names");
        }
        let rules = answer::load_rules(workspace.root(), &config.harmonise.rules)
            .map_err(|e| OpenError::Rules(e.to_string()))?;
        let qc =
            answer::load_qc(workspace.root(), &config.qc).map_err(|e| OpenError::Rules(e.to_string()))?;
        let deid = Deidentify::new(workspace.root(), &config.deid, secret).map_err(OpenError::Profile)?;
        let places = (workspace.root().to_path_buf(), workspace.quarantine());
        let shared = Arc::new(Shared::new((catalog, map, known, store), deid, places, config));
        shared.set_rules(rules);
        shared.set_qc(qc);
        take_up(&shared)?;
        let pipeline =
            Pipeline { intake: Arc::new(Intake::start(&shared)), supervisor: Supervisor::start(&shared) };
        Ok(Arc::new(Self {
            workspace,
            shared,
            watchers: Watchers::default(),
            reads: LiveReads::default(),
            pipeline: Mutex::new(Some(pipeline)),
            lock,
            opened: Instant::now(),
        }))
    }

    /// Starts watching every inbox. Whoever watches stays: searches are answered from memory as soon as that is read.
    pub fn watch(&self) {
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            if let Err(error) = shared.catalog.warm() {
                tracing::warn!("searches are answered from disk: {error}");
            }
        });
        self.with_intake(|intake| self.watchers.follow_config(&self.shared, intake));
    }

    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// What the stages share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A session of a user.
    pub fn session(self: &Arc<Self>, user: &str, attached: bool) -> Session {
        Session { engine: self.clone(), user: user.into(), attached }
    }

    /// Runs `use_it` with the intake, unless the engine is shutting down.
    pub(super) fn with_intake<T>(&self, use_it: impl FnOnce(&Arc<Intake>) -> T) -> Option<T> {
        let intake = self.pipeline().as_ref().map(|p| p.intake.clone());
        intake.map(|intake| use_it(&intake))
    }

    /// Jobs done and parked since the engine was opened.
    pub fn job_totals(&self) -> (u64, u64) {
        self.pipeline().as_ref().map_or((0, 0), |p| p.supervisor.totals())
    }

    /// Whether anything is in hand: files settling or in intake, jobs running or waiting.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn is_busy(&self) -> Result<bool, EngineError> {
        if self.watchers.pending() > 0 {
            return Ok(true);
        }
        match self.pipeline().as_ref() {
            Some(p) => Ok(p.supervisor.is_busy()?),
            None => Ok(false),
        }
    }

    /// Waits until every job is done or parked; nothing more will arrive, so none needs to wait for more.
    ///
    /// # Errors
    /// The catalog cannot be used.
    pub fn drain(&self) -> Result<(), EngineError> {
        let catalog = &self.shared.catalog;
        loop {
            let now = crate::pipeline::now_ms();
            if catalog.read().job_waits(now)? {
                catalog.write_derived(|tx| tx.hurry(now))?;
            }
            // Before the look: what ends after it is heard.
            let rung = catalog.jobs().rung();
            let busy = match self.pipeline().as_ref() {
                Some(p) => match p.supervisor.stuck() {
                    Some(why) => return Err(EngineError::Storage { why }),
                    None => p.supervisor.is_busy()?,
                },
                None => false,
            };
            if !busy {
                return Ok(());
            }
            catalog.jobs().wait(rung, PATIENCE);
        }
    }

    /// Takes every inbox in once and waits until every job is done.
    ///
    /// # Errors
    /// The disk or database refuses.
    pub fn run_once(self: &Arc<Self>) -> Result<IngestOutcome, EngineError> {
        let (started, before) = (Instant::now(), self.job_totals());
        let tally = Arc::new(Tally::default());
        let stop = AtomicBool::new(false);
        for inbox in &self.shared.config().inboxes {
            let state = WatchState::default();
            self.with_intake(|intake| {
                watch(inbox, Mode::Once, &self.shared, intake, (&state, &tally, &stop));
            });
        }
        perform::outcome(self, &tally, before, started)
    }

    /// What became of everything that the watched inboxes brought since start.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn totals(&self) -> Result<IngestOutcome, EngineError> {
        let mut all = Counts::default();
        for inbox in &self.shared.config().inboxes {
            let Some((_, tally)) = self.watchers.state(&inbox.name) else { continue };
            let counts = tally.counts();
            all.received += counts.received;
            all.deidentified += counts.deidentified;
            all.quarantined += counts.quarantined;
            all.rejected += counts.rejected;
            all.duplicates += counts.duplicates;
            all.series.extend(counts.series);
        }
        perform::counted(self, &all, (0, 0), self.opened)
    }

    /// Stops: inboxes first, then what is in hand is finished. Safe to call more than once.
    pub fn shut_down(&self) {
        self.watchers.stop();
        let pipeline = self.pipeline().take();
        if pipeline.is_some() {
            drop(pipeline);
            self.lock.mark_clean();
        }
    }

    fn pipeline(&self) -> std::sync::MutexGuard<'_, Option<Pipeline>> {
        self.pipeline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Client for Session {
    fn query(&self, query: Query) -> Result<Value, EngineError> {
        answer::answer(self, query)
    }

    fn command(&self, command: Command) -> Result<Value, EngineError> {
        perform::perform(self, command)
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.engine.shared.bus.subscribe()
    }

    fn blob(&self, hash: &str) -> Result<Bulk<'static>, EngineError> {
        Ok(self.engine.shared.store.open_verified(hash)?)
    }

    fn quarantined(&self, id: i64) -> Result<Bulk<'static>, EngineError> {
        let client: &dyn Client = self;
        let LookedAt { sha256 } = client.act(LookIntake { id })?;
        let missing = |_| EngineError::NotFound { what: "quarantined file".into(), id: id.to_string() };
        open_file(&self.engine.shared.quarantined(&sha256)).map_err(missing)
    }
}

/// Why a workspace cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder, its lock, its secret or its configuration.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Harmonisation rules, protocols, or settings of checks.
    #[error("{0}")]
    Rules(String),
    /// The de-identification profile.
    #[error("the de-identification profile: {0}")]
    Profile(String),
}

impl From<CatalogError> for EngineError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Refused(why) => Self::Conflict { why },
            other => Self::Storage { why: other.to_string() },
        }
    }
}

impl From<BlobError> for EngineError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(id) => Self::NotFound { what: "blob".into(), id },
            other => Self::Storage { why: other.to_string() },
        }
    }
}
