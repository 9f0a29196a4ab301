//! From the global options to a workspace and a client of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, Failure, Global};
use crate::catalog::CatalogError;
use crate::config::{ConfigError, Workspace, WorkspaceError};
use crate::daemon::{Attached, Server, user_name};
use crate::engine::{Client, Engine, EngineError, OpenError};

/// A client, and the engine behind it where this process owns the workspace.
pub struct Connection {
    /// The client.
    pub client: Arc<dyn Client>,
    /// The engine, when it is ours; then it is served to others for as long as this lives.
    pub engine: Option<Arc<Engine>>,
    _server: Option<Server>,
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
    connect_to(workspace(global)?)
}

/// As [`connect`], for a workspace that is known.
///
/// # Errors
/// It cannot be opened.
pub fn connect_to(workspace: Workspace) -> Result<Connection, Failure> {
    match Engine::open(workspace.clone()) {
        Ok(engine) => {
            let server =
                Server::start(&engine).map_err(|e| Failure::new(Exit::Storage, "socket", e.to_string()))?;
            let user = user_name(rustix::process::getuid().as_raw());
            let client: Arc<dyn Client> = Arc::new(engine.session(&user, false));
            Ok(Connection { client, engine: Some(engine), _server: Some(server) })
        }
        Err(OpenError::Workspace(WorkspaceError::Locked)) => {
            let attached = Attached::connect(workspace).map_err(|_| {
                Failure::new(
                    Exit::Workspace,
                    "locked",
                    "another process has this workspace and does not serve it (yet)",
                )
                .hint("try again in a moment")
            })?;
            Ok(Connection { client: Arc::new(attached), engine: None, _server: None })
        }
        Err(error) => Err(error.into()),
    }
}

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        let hint = match &error {
            WorkspaceError::NotFound | WorkspaceError::NotOne(_) => Some("make one with `gantry init DIR`"),
            WorkspaceError::Secret(_) => {
                Some("without the secret no pseudonym can be made again; restore it from a backup")
            }
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
        Self::new(Exit::Workspace, "configuration", error.to_string())
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
        let (exit, code) = match &error {
            EngineError::NotFound { .. } => (Exit::Input, "not_found"),
            EngineError::Conflict { .. } => (Exit::Input, "conflict"),
            EngineError::Invalid { .. } => (Exit::Usage, "invalid"),
            EngineError::Forbidden { .. } => (Exit::Permission, "forbidden"),
            EngineError::Storage { .. } => (Exit::Storage, "storage"),
            EngineError::Full => (Exit::Storage, "disk_full"),
            EngineError::Damaged { .. } => (Exit::Storage, "catalog_damaged"),
            EngineError::Gone => (Exit::Storage, "gone"),
        };
        let failure = Self::new(exit, code, error.to_string());
        match error {
            EngineError::Full => failure.hint(MAKE_ROOM),
            EngineError::Damaged { .. } => failure.hint(RESTORE),
            _ => failure,
        }
    }
}
