//! From the global options to a workspace and a client of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::narrate::Narrator;
use super::{Exit, Failure, Global, log};
use crate::bytes::ByteSource;
use crate::catalog::CatalogError;
use crate::config::{ConfigError, Workspace, WorkspaceError, user_name};
use crate::daemon::{AttachError, Attached, Server};
use crate::engine::command::Command;
use crate::engine::query::Query;
use crate::engine::{Client, Engine, EngineError, Line, OpenError, Unwritable};
use crate::model::Event;

/// How long another process may take to serve its workspace, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client, and the engine behind it where this process owns the workspace.
pub struct Connection {
    // Told and served until here: both end before the engine does.
    narrator: Option<Narrator>,
    server: Option<Server>,
    /// The client.
    pub client: Arc<dyn Client>,
    /// The engine, when it is ours; then it is served to others for as long as this lives.
    pub engine: Option<Arc<Engine>>,
}

impl Connection {
    /// Tells what the engine does to `listen`, too, where it is ours.
    pub fn narrate(&mut self, listen: impl Fn(&Line) + Send + 'static) {
        if let Some(engine) = self.engine.as_ref().filter(|engine| !engine.is_read_only()) {
            self.narrator = None;
            self.narrator = Some(Narrator::start(engine, listen));
        }
    }

    /// Stops the pipeline, where it is ours, after what is in hand; tells the last of it.
    pub fn close(&mut self) {
        let Some(engine) = self.engine.as_ref().filter(|engine| !engine.is_read_only()) else { return };
        self.server = None;
        engine.shut_down();
        if self.narrator.take().is_some() {
            tracing::info!("closed after {:.1} s", engine.opened().elapsed().as_secs_f64());
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// The workspace that the options name.
///
/// # Errors
/// There is none.
pub fn workspace(global: &Global) -> Result<Workspace, Failure> {
    match &global.workspace {
        Some(root) => Ok(Workspace::open(root)?),
        None => {
            let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
            Ok(Workspace::find(&here)?)
        }
    }
}

/// A client of the workspace: its own when nobody owns it, else attached to who does.
///
/// # Errors
/// There is no workspace, or it cannot be opened.
pub fn connect(global: &Global) -> Result<Connection, Failure> {
    connect_as(workspace(global)?, global.acts_for.as_deref(), Life::Lasting)
}

/// As [`connect`], for a face that shows when its owner has gone.
///
/// # Errors
/// It cannot be opened.
pub fn connect_console(workspace: Workspace, acts_for: Option<&str>) -> Result<Connection, Failure> {
    connect_as(workspace, acts_for, Life::Owners)
}

/// What becomes of a client when the owner to whom it is attached ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It goes on with the next owner, or becomes one.
    Lasting,
    /// It ends with its owner.
    Owners,
}

/// As [`connect`], for a workspace that is known.
///
/// # Errors
/// It cannot be opened.
pub fn connect_to(workspace: Workspace) -> Result<Connection, Failure> {
    connect_as(workspace, None, Life::Lasting)
}

fn connect_as(workspace: Workspace, acts_for: Option<&str>, life: Life) -> Result<Connection, Failure> {
    let began = Instant::now();
    log::open(&workspace.logs());
    loop {
        match Engine::open(workspace.clone()) {
            Ok(engine) => return own(&engine, acts_for),
            Err(OpenError::Workspace(WorkspaceError::Locked)) => {}
            Err(OpenError::Workspace(WorkspaceError::ReadOnly(_))) => {
                return read_only(workspace, (acts_for, life));
            }
            Err(error @ OpenError::Workspace(WorkspaceError::TrailKey(_))) => {
                // A key that is damaged or was seen by others signs nothing; what is there can be looked at and verified.
                let engine = Engine::open_read_only(workspace, Unwritable::Unsigned).map_err(|_| error)?;
                return Ok(reading(&engine, acts_for));
            }
            Err(error) if error.is_full() => {
                // What is there can be looked at all the same.
                let engine = Engine::open_read_only(workspace, Unwritable::Full).map_err(|_| error)?;
                return Ok(reading(&engine, acts_for));
            }
            Err(error) => return Err(error.into()),
        }
        match Attached::connect_as(workspace.clone(), acts_for) {
            Ok(attached) => return Ok(attached_to(attached, workspace, (acts_for, life))),
            Err(AttachError::Gone) => {}
            Err(error) => return Err(error.into()),
        }
        // Its owner is about to serve it, or about to end.
        if began.elapsed() > PATIENCE {
            let message = "another process has this workspace and does not serve it (yet)";
            return Err(Failure::new(Exit::Workspace, "locked", message).hint("try again in a moment"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Another process owns the workspace, and serves it.
fn attached_to(
    attached: Attached,
    workspace: Workspace,
    (acts_for, life): (Option<&str>, Life),
) -> Connection {
    if life == Life::Owners {
        return Connection { narrator: None, server: None, client: Arc::new(attached), engine: None };
    }
    let lasting = Lasting {
        workspace,
        acts_for: acts_for.map(str::to_owned),
        now: RwLock::new(Arc::new(attached)),
        since: Mutex::new(None),
    };
    Connection { narrator: None, server: None, client: Arc::new(lasting), engine: None }
}

/// A client that outlives the owner to whom it is attached: where the owner ends, it opens the workspace itself or attaches
/// to the next. What the owner had not begun is asked again; a command that may have been carried out is not.
struct Lasting {
    workspace: Workspace,
    acts_for: Option<String>,
    now: RwLock<Arc<dyn Client>>,
    /// What was opened since, where this process has become the owner.
    since: Mutex<Option<Connection>>,
}

/// Owners that may end one after another while something is asked.
const MOST_OWNERS: usize = 50;

impl Lasting {
    fn client(&self) -> Arc<dyn Client> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ask<T>(
        &self,
        may_repeat: bool,
        ask: impl Fn(&dyn Client) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        for _ in 0..MOST_OWNERS {
            let client = self.client();
            match ask(&*client) {
                Err(EngineError::NotBegun) => self.follow(&client)?,
                Err(EngineError::Gone) if may_repeat => self.follow(&client)?,
                answered => return answered,
            }
        }
        Err(EngineError::NotBegun)
    }

    /// Attaches anew, unless somebody else has done so meanwhile.
    fn follow(&self, gone: &Arc<dyn Client>) -> Result<(), EngineError> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(gone, &self.client()) {
            return Ok(());
        }
        let again = connect_as(self.workspace.clone(), self.acts_for.as_deref(), Life::Owners);
        let connection = again.map_err(|_| EngineError::NotBegun)?;
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = connection.client.clone();
        *since = Some(connection);
        Ok(())
    }
}

impl Client for Lasting {
    fn query(&self, query: Query) -> Result<Value, EngineError> {
        self.ask(true, |client| client.query(query.clone()))
    }

    fn command(&self, command: Command) -> Result<Value, EngineError> {
        self.ask(false, |client| client.command(command.clone()))
    }

    fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Event> {
        self.client().subscribe()
    }

    fn blob(&self, hash: &str) -> Result<ByteSource<'static>, EngineError> {
        self.ask(true, |client| client.blob(hash))
    }

    fn quarantined(&self, id: i64) -> Result<ByteSource<'static>, EngineError> {
        self.ask(false, |client| client.quarantined(id))
    }
}

impl From<AttachError> for Failure {
    fn from(error: AttachError) -> Self {
        let (exit, code) = match error {
            AttachError::Gone => (Exit::Storage, "gone"),
            AttachError::Closed => (Exit::Permission, "forbidden"),
            AttachError::Refused(_) => (Exit::Workspace, "other_version"),
        };
        Self::new(exit, code, error.to_string())
    }
}

/// This process owns the workspace: it serves others and writes the log.
fn own(engine: &Arc<Engine>, acts_for: Option<&str>) -> Result<Connection, Failure> {
    let server = Server::start(engine).map_err(|e| Failure::new(Exit::Storage, "socket", e.to_string()))?;
    let user = user_name(rustix::process::getuid().as_raw());
    tracing::info!(
        user,
        process = std::process::id(),
        "gantry {} opened the workspace",
        env!("CARGO_PKG_VERSION")
    );
    let client = client_of(engine, &user, acts_for);
    let narrator = Some(Narrator::start(engine, |_| {}));
    Ok(Connection { narrator, server: Some(server), client, engine: Some(engine.clone()) })
}

/// A client of an engine in this process, for a reader where one is named.
fn client_of(engine: &Arc<Engine>, user: &str, acts_for: Option<&str>) -> Arc<dyn Client> {
    let session = engine.session(user, false);
    Arc::new(match acts_for {
        Some(reader) => session.for_reader(reader),
        None => session,
    })
}

/// A workspace that cannot be written: attached to its owner where there is one, else read as it stands.
fn read_only(workspace: Workspace, (acts_for, life): (Option<&str>, Life)) -> Result<Connection, Failure> {
    let refused = match Attached::connect_as(workspace.clone(), acts_for) {
        Ok(attached) => return Ok(attached_to(attached, workspace, (acts_for, life))),
        Err(error) => error,
    };
    let engine = Engine::open_read_only(workspace, Unwritable::Denied).map_err(|error| {
        if refused != AttachError::Gone {
            return refused.into();
        }
        Failure::new(
            Exit::Workspace,
            "read_only",
            format!("the workspace cannot be written by this user, nor read: {error}"),
        )
        .hint("ask its owner, or run as its owner")
    })?;
    Ok(reading(&engine, acts_for))
}

/// A client of what was opened for reading.
fn reading(engine: &Arc<Engine>, acts_for: Option<&str>) -> Connection {
    let user = user_name(rustix::process::getuid().as_raw());
    let client = client_of(engine, &user, acts_for);
    Connection { narrator: None, server: None, client, engine: Some(engine.clone()) }
}

const EVERY_MISTAKE: &str = "`gantry config check` names every mistake";

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        let hint = match &error {
            WorkspaceError::NotFound | WorkspaceError::NotOne(_) => Some("make one with `gantry init DIR`"),
            WorkspaceError::Secret(_) => {
                Some("without the secret no pseudonym can be made again; restore it from a backup")
            }
            WorkspaceError::Config(_) => Some(EVERY_MISTAKE),
            _ => None,
        };
        let failure = Self::new(Exit::Workspace, "workspace", error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Workspace, "configuration", error.to_string()).hint(EVERY_MISTAKE)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Workspace(error) => error.into(),
            OpenError::Catalog(error) => error.into(),
            OpenError::Blob(_) => Self::new(Exit::Storage, "storage", error.to_string()),
            OpenError::Rules(_) => Self::new(Exit::Workspace, "rules", error.to_string())
                .hint("`gantry harmonise check`, `gantry protocol check` and `gantry qc --list` help"),
            OpenError::Profile(_) => Self::new(Exit::Workspace, "profile", error.to_string()),
        }
    }
}

/// What to do about a catalog that is damaged, missing or another's.
const RESTORE: &str = "nothing was changed; bring the last good state back with `gantry restore BACKUP`";
/// What to do about a full disk.
const MAKE_ROOM: &str = "make room on the disk and run it again: what is stored is not stored twice";

impl From<CatalogError> for Failure {
    fn from(error: CatalogError) -> Self {
        let (exit, code, hint) = match &error {
            CatalogError::Damaged(_) => (Exit::Storage, "catalog_damaged", Some(RESTORE)),
            CatalogError::Missing(_) => (Exit::Workspace, "catalog_missing", Some(RESTORE)),
            CatalogError::Foreign => (Exit::Workspace, "catalog_foreign", Some(RESTORE)),
            CatalogError::OtherSecret => {
                let back =
                    "put the file `secret` of this workspace back, from where it was kept or from a backup";
                (Exit::Workspace, "other_secret", Some(back))
            }
            CatalogError::Full => (Exit::Storage, "disk_full", Some(MAKE_ROOM)),
            CatalogError::TooNew => (
                Exit::Workspace,
                "catalog_too_new",
                Some("use the version of Gantry that wrote it, or a later one"),
            ),
            _ => (Exit::Storage, "storage", None),
        };
        let failure = Self::new(exit, code, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::NotFound { .. } | EngineError::Conflict { .. } | EngineError::Refused { .. } => {
                Exit::Input
            }
            EngineError::Invalid { .. } => Exit::Usage,
            EngineError::Forbidden { .. } => Exit::Permission,
            EngineError::ReadOnly { .. } => Exit::Workspace,
            EngineError::Storage { .. }
            | EngineError::Remote { .. }
            | EngineError::Full
            | EngineError::Damaged { .. }
            | EngineError::NotBegun
            | EngineError::Gone => Exit::Storage,
        };
        let failure = Self::new(exit, error.code(), error.to_string());
        match error {
            EngineError::Full => failure.hint(MAKE_ROOM),
            EngineError::Damaged { .. } => failure.hint(RESTORE),
            EngineError::Remote { .. } => failure.hint("`gantry doctor` tries every remote"),
            EngineError::Refused { reasons, .. } => failure.detail("reasons", reasons.into()),
            _ => failure,
        }
    }
}
