//! An open workspace, and one user's access to it.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::broadcast;

use super::activity::Activities;
use super::command::{Command, IngestOutcome, LookIntake, LookedAt};
use super::gate::{Identity, Refusals};
use super::health::Health;
use super::holder::Holder;
use super::live::LiveReads;
use super::news::{Line, News};
use super::query::Query;
use super::{Client, EngineError, OpenError, answer, gate, perform, scope, signing};
use crate::access::{Permission, Role, Way};
use crate::blob::{BlobError, FsStore};
use crate::bytes::ByteSource;
use crate::catalog::{About, Catalog, CatalogError};
use crate::config::{Lock, Workspace};
use crate::landing::{IntakeMap, KnownIdentifiers};
use crate::model::Event;
use crate::model::words::plural;
use crate::pipeline::{
    Counts, Deidentify, Intake, Listeners, Shared, Supervisor, Tally, Watchers, casework, landing,
    resume_pending, take_up, watch,
};
use crate::source::{Mode, WatchState, open_file};

/// Between two looks at jobs that nobody tells of.
const PATIENCE: Duration = Duration::from_millis(100);

/// An open workspace with its pipeline. Dropping it stops watching, finishes what is in hand and gives the lock up.
pub struct Engine {
    pub(super) workspace: Workspace,
    pub(super) shared: Arc<Shared>,
    pub(super) watchers: Watchers,
    pub(super) listeners: Listeners,
    pub(super) reads: LiveReads,
    pipeline: Mutex<Option<Pipeline>>,
    /// None where the workspace is read only.
    lock: Option<Lock>,
    pub(super) read_only: Option<ReadOnly>,
    pub(super) refusals: Refusals,
    pub(super) activities: Activities,
    pub(super) pulling: perform::Pulling,
    pub(super) health: Health,
    /// Long work that can be gone on with ends once this is set.
    pub(super) ending: Arc<AtomicBool>,
    /// Inboxes are watched, and listeners served, for as long as it is open.
    watches: AtomicBool,
    /// When blobs were last found to be what their names say.
    pub(super) verified: Mutex<HashMap<String, Instant>>,
    /// Those for whom listeners are served beside.
    listening: Mutex<u32>,
    pub(super) news: News,
    opened: Instant,
}

/// What can be read of a workspace that cannot be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadOnly {
    /// The landing side, too.
    pub landing: bool,
    /// Why it cannot be written.
    pub why: Unwritable,
}

/// Why a workspace cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// This user may not, or nobody can on its medium.
    Denied,
    /// There is no room on the disk.
    Full,
    /// The trail's key is none, or others can read it: what cannot be signed is not done.
    Unsigned,
}

struct Pipeline {
    intake: Arc<Intake>,
    supervisor: Supervisor,
}

/// One user's access to an open workspace.
#[derive(Clone)]
pub struct Session {
    pub(super) engine: Arc<Engine>,
    /// Who does it, as the trail names them: the user, or `U for R`.
    pub(super) user: String,
    /// The operating system's name of the user.
    pub(super) account: String,
    /// The reader for whom the user acts, where they do.
    pub(super) acts_for: Option<String>,
    pub(super) uid: u32,
    pub(super) groups: Vec<(u32, String)>,
    pub(super) is_owner: bool,
    pub(super) way: Way,
    /// As what somebody comes who has shown a token.
    pub(super) token_role: Option<Role>,
    /// The process and terminal that it belongs to, where that is known.
    pub(super) holder: Option<Holder>,
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
        let store = FsStore::open(&workspace.store())?;
        needs_catalog(&workspace, &store)?;
        let catalog = Catalog::open(&workspace.catalog())?;
        if catalog.was_open() {
            let closed = workspace.close_to_others()?;
            if !closed.is_empty() {
                tracing::warn!("others could read {}: closed to them now", closed.join(", "));
            }
        }
        knows_secret(&catalog, &secret)?;
        signing::begin(&workspace, &catalog)?;
        gate::take_up_intents(&catalog)?;
        perform::follow_file(&catalog, &config)?;
        let map = IntakeMap::open(&workspace.intake())?;
        let known = KnownIdentifiers::open(&workspace.known(), &secret)?;
        if lock.was_unclean {
            let swept = sweep(&store, &catalog.read().blobs()?)?;
            catalog.write(|tx| tx.release_leases())?;
            told_of_kill(swept, catalog.read().series_waiting()?);
        }
        let rules = answer::load_rules(workspace.root(), &config.harmonise.rules)
            .map_err(|e| OpenError::Rules(e.to_string()))?;
        let qc =
            answer::load_qc(workspace.root(), &config.qc).map_err(|e| OpenError::Rules(e.to_string()))?;
        let deid = Deidentify::new(workspace.root(), &config.deid, secret).map_err(OpenError::Profile)?;
        let (profile, json) = deid.profile();
        if !catalog.read().keeps_profile(&profile.fingerprint)? {
            catalog.write(|tx| tx.keep_profile(&profile.fingerprint, &json))?;
        }
        let places = (workspace.root().to_path_buf(), workspace.quarantine());
        let shared = Arc::new(Shared::new((catalog, map, known, store), deid, places, config));
        shared.set_rules(rules);
        shared.set_qc(qc);
        casework::load_plan(&shared)?;
        landing::sweep(&shared)?;
        resume_pending(&shared)?;
        let pipeline =
            Pipeline { intake: Arc::new(Intake::start(&shared)), supervisor: Supervisor::start(&shared) };
        Ok(Arc::new(Self {
            workspace,
            shared,
            watchers: Watchers::default(),
            listeners: Listeners::default(),
            reads: LiveReads::default(),
            pipeline: Mutex::new(Some(pipeline)),
            lock: Some(lock),
            read_only: None,
            news: News::default(),
            refusals: Refusals::default(),
            activities: Activities::default(),
            pulling: perform::Pulling::default(),
            health: Health::default(),
            ending: Arc::default(),
            watches: AtomicBool::new(false),
            verified: Mutex::default(),
            listening: Mutex::default(),
            opened: Instant::now(),
        }))
    }

    /// Opens a workspace that cannot be written: nothing in it changes, no job runs, and every command but an export is
    /// refused.
    ///
    /// # Errors
    /// It cannot be read either, or its configuration is wrong.
    pub fn open_read_only(workspace: Workspace, why: Unwritable) -> Result<Arc<Self>, OpenError> {
        let config = workspace.config()?;
        let catalog = Catalog::open_read_only(&workspace.catalog())?;
        let secret = workspace.secret().ok();
        let landing = secret.and_then(|secret| {
            let known = KnownIdentifiers::open_read_only(&workspace.known(), &secret).ok()?;
            Some((IntakeMap::open_read_only(&workspace.intake()).ok()?, known))
        });
        let read_only = Some(ReadOnly { landing: landing.is_some(), why });
        let (map, known) = match landing {
            Some(landing) => landing,
            None => (IntakeMap::temporary()?, KnownIdentifiers::temporary()?),
        };
        let store = FsStore::attach(&workspace.store());
        let rules = answer::load_rules(workspace.root(), &config.harmonise.rules)
            .map_err(|e| OpenError::Rules(e.to_string()))?;
        let qc =
            answer::load_qc(workspace.root(), &config.qc).map_err(|e| OpenError::Rules(e.to_string()))?;
        // Nothing is de-identified here: the secret stands for none that a pseudonym was made from.
        let deid = Deidentify::new(workspace.root(), &config.deid, secret.unwrap_or_default())
            .map_err(OpenError::Profile)?;
        let places = (workspace.root().to_path_buf(), workspace.quarantine());
        let shared = Arc::new(Shared::new((catalog, map, known, store), deid, places, config));
        shared.set_rules(rules);
        shared.set_qc(qc);
        casework::load_plan(&shared)?;
        Ok(Arc::new(Self {
            workspace,
            shared,
            watchers: Watchers::default(),
            listeners: Listeners::default(),
            reads: LiveReads::default(),
            pipeline: Mutex::new(None),
            lock: None,
            read_only,
            news: News::default(),
            refusals: Refusals::default(),
            activities: Activities::default(),
            pulling: perform::Pulling::default(),
            health: Health::default(),
            ending: Arc::default(),
            watches: AtomicBool::new(false),
            verified: Mutex::default(),
            listening: Mutex::default(),
            opened: Instant::now(),
        }))
    }

    /// Whether nothing in the workspace can be changed.
    pub fn is_read_only(&self) -> bool {
        self.read_only.is_some()
    }

    /// Whether nothing can be changed for want of room on the disk.
    pub fn is_full(&self) -> bool {
        self.read_only.is_some_and(|readable| readable.why == Unwritable::Full)
    }

    /// Why nothing in the workspace can be changed, where that is so.
    pub fn unwritable(&self) -> Option<Unwritable> {
        self.read_only.map(|readable| readable.why)
    }

    /// Starts watching every inbox and serving every listener. Whoever watches stays: searches are answered from memory as soon as that is read.
    pub fn watch(&self) {
        if self.is_read_only() {
            return;
        }
        self.watches.store(true, Ordering::Relaxed);
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            if let Err(error) = shared.catalog.warm() {
                tracing::warn!("searches are answered from disk: {error}");
            }
        });
        self.with_intake(|intake| {
            self.watchers.follow_config(&self.shared, intake);
            self.listeners.follow_config(&self.shared, intake);
        });
    }

    /// Whether inboxes are watched and listeners served for as long as it is open: more may always come.
    pub fn is_watching(&self) -> bool {
        self.watches.load(Ordering::Relaxed)
    }

    /// Serves listeners for somebody who waits for what comes by them; false where they are served anyway.
    pub(super) fn begin_listening(&self) -> bool {
        if self.is_watching() {
            return false;
        }
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        *listening += 1;
        self.with_intake(|intake| self.listeners.follow_config(&self.shared, intake));
        true
    }

    /// The end of what [`Engine::begin_listening`] began, for the last who waits.
    pub(super) fn end_listening(&self) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        *listening = listening.saturating_sub(1);
        if *listening == 0 && !self.is_watching() {
            self.listeners.stop();
        }
    }

    /// What is under way and can be gone on with later ends soon.
    pub fn end_long_work(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// The workspace.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// What the stages share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// A session of the owner: in this process, or attached.
    pub fn session(self: &Arc<Self>, user: &str, attached: bool) -> Session {
        let way = if attached { Way::Socket } else { Way::Process };
        self.session_of(Identity::owner(user, way), Some(std::process::id()))
    }

    /// A session of somebody in a process, where its number is known.
    pub fn session_of(self: &Arc<Self>, who: Identity, process: Option<u32>) -> Session {
        let Identity { user, uid, groups, is_owner, way } = who;
        Session {
            engine: self.clone(),
            account: user.clone(),
            user,
            acts_for: None,
            uid,
            groups,
            is_owner,
            way,
            token_role: None,
            holder: process.and_then(Holder::of),
        }
    }

    /// What has happened since this was last asked, one line each, for an operator. No line holds PHI.
    pub fn news(&self) -> Vec<Line> {
        self.news.gather(&self.shared, &self.watchers, &self.listeners)
    }

    /// When it was opened.
    pub fn opened(&self) -> Instant {
        self.opened
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
        if self.watchers.pending() + self.listeners.pending() > 0 {
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
            self.make_ready()?;
            // Before the look: what ends after it is heard.
            let rung = catalog.jobs().rung();
            let busy = match self.pipeline().as_ref() {
                Some(p) => match p.supervisor.stuck() {
                    Some(why) => return Err(why.into()),
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

    /// Makes jobs ready that wait for more to arrive.
    ///
    /// # Errors
    /// The catalog cannot be used.
    pub fn make_ready(&self) -> Result<(), EngineError> {
        let (catalog, now) = (&self.shared.catalog, crate::pipeline::now_ms());
        if catalog.read().job_waits(now)? {
            catalog.write_derived(|tx| tx.make_ready(now))?;
        }
        Ok(())
    }

    /// Takes every inbox in once, and what listeners have received, and waits until every job is done.
    ///
    /// # Errors
    /// The disk or database refuses.
    pub fn run_once(self: &Arc<Self>) -> Result<IngestOutcome, EngineError> {
        let (started, before) = (Instant::now(), self.job_totals());
        let stop = AtomicBool::new(false);
        let tally = Arc::new(Tally::default());
        self.news.follow("inboxes", &tally);
        for inbox in &self.shared.config().inboxes {
            let state = WatchState::default();
            self.with_intake(|intake| {
                watch(inbox, Mode::Once, &self.shared, intake, (&state, &tally, &stop));
            });
        }
        self.with_intake(|intake| take_up(&self.shared, intake, &tally));
        perform::outcome(self, &tally, before, started)
    }

    /// What became of everything that inboxes and listeners brought since start.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn totals(&self) -> Result<IngestOutcome, EngineError> {
        let mut all = Counts::default();
        let config = self.shared.config();
        for inbox in &config.inboxes {
            let Some((state, tally)) = self.watchers.state(&inbox.name) else { continue };
            for (why, n) in state.unread() {
                *all.unread.entry(why).or_default() += n;
            }
            all.add(&tally.counts());
        }
        for listener in &config.listeners {
            if let Some((_, tally)) = self.listeners.state(&listener.name) {
                all.add(&tally.counts());
            }
        }
        perform::counted(self, &all, (0, 0), self.opened)
    }

    /// Stops watching and listening, and waits until what came is dealt with, so that the totals are whole. What a listener
    /// has received and not handed on lies on the disk, and is taken up at the next start.
    pub fn finish_watching(&self) {
        self.end_long_work();
        self.listeners.stop();
        self.watchers.finish();
    }

    /// Stops: inboxes first, then what is in hand is finished. Safe to call more than once.
    pub fn shut_down(&self) {
        self.end_long_work();
        self.listeners.stop();
        self.watchers.stop();
        let pipeline = self.pipeline().take();
        if pipeline.is_some() {
            drop(pipeline);
            if let Err(error) = signing::end(&self.workspace, &self.shared.catalog) {
                tracing::error!("the trail could not be signed: {error}");
            }
            // Everything stands in the one file then; what a reader keeps from it is done at the next end.
            if let Err(error) = self.shared.catalog.fold_log() {
                tracing::warn!("{error}");
            }
            if let Some(lock) = &self.lock {
                lock.mark_clean();
            }
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

impl Session {
    /// The same for a reader: what is done is done for them, and only what they may see is seen.
    pub fn for_reader(&self, reader: &str) -> Self {
        let user = format!("{} for {reader}", self.account);
        Self { user, acts_for: Some(reader.into()), ..self.clone() }
    }
}

impl Client for Session {
    fn query(&self, query: Query) -> Result<Value, EngineError> {
        gate::query(self, query)
    }

    fn command(&self, command: Command) -> Result<Value, EngineError> {
        gate::command(self, command)
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.engine.shared.bus.subscribe()
    }

    fn blob(&self, hash: &str) -> Result<ByteSource<'static>, EngineError> {
        self.may(Permission::SeeImages, "blob")?;
        scope::may_see_blob(self, hash)?;
        Ok(self.engine.shared.store.open_verified(hash)?)
    }

    fn quarantined(&self, id: i64) -> Result<ByteSource<'static>, EngineError> {
        let client: &dyn Client = self;
        let LookedAt { sha256 } = client.act(LookIntake { id })?;
        let missing = |_| EngineError::NotFound { what: "quarantined file".into(), id: id.to_string() };
        open_file(&self.engine.shared.quarantined(&sha256)).map_err(missing)
    }
}

/// Blobs without a row that a crash can leave: those of a batch that was being committed, and of one that waits.
const MOST_SWEPT: usize = 2_048;

/// Removes what a crash left. More than that is no crash but another catalog: it is kept apart and said.
fn sweep(store: &FsStore, named: &HashSet<String>) -> Result<u64, BlobError> {
    if store.names()?.iter().filter(|name| !named.contains(*name)).count() > MOST_SWEPT {
        let apart = store.keep_apart(named)?;
        tracing::warn!("{apart} stored instances are named by no row: they are kept in store/unnamed");
    }
    store.sweep(named)
}

/// Says what a run that was cut off has left.
fn told_of_kill(swept: u64, waiting: u64) {
    let files = plural(swept, "unfinished file");
    tracing::info!("the last run was cut off: {files} removed from store/; what was stored by then is whole");
    if waiting > 0 {
        let are = if waiting == 1 { "is" } else { "are" };
        tracing::info!("{waiting} series {are} still to be assembled and checked");
    }
}

/// A catalog that is missing beside a store that is not empty is never made anew: what is stored would be swept.
fn needs_catalog(workspace: &Workspace, store: &FsStore) -> Result<(), OpenError> {
    let how = match std::fs::metadata(workspace.catalog()) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => "empty",
        Err(error) if error.kind() == ErrorKind::NotFound => "missing",
        Err(error) => return Err(CatalogError::Io(error).into()),
    };
    if store.is_empty()? { Ok(()) } else { Err(CatalogError::Missing(how).into()) }
}

/// The workspace keeps to the secret that it was made with: under another one the same subject would get another
/// pseudonym. What is kept of it is a keyed hash, from which it cannot be found.
fn knows_secret(catalog: &Catalog, secret: &[u8; 32]) -> Result<(), OpenError> {
    let fingerprint = crate::deid::Secret::new(*secret).fingerprint();
    match catalog.read().about(About::SecretFingerprint)? {
        Some(known) if known == fingerprint => Ok(()),
        Some(_) => Err(CatalogError::OtherSecret.into()),
        None => Ok(catalog.write(|tx| tx.set_about(About::SecretFingerprint, &fingerprint))?),
    }
}
