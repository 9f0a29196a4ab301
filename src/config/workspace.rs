//! The workspace: one folder with a landing side that may hold PHI (mode 0700) and a side that never does.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, TEMPLATE};

/// Name of the configuration file, by which a folder is known as a workspace.
pub const CONFIG_FILE: &str = "gantry.toml";

/// Where everything of a workspace lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

/// Why a workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// No folder up from here holds a `gantry.toml`.
    #[error("no workspace here: neither this folder nor any parent holds gantry.toml")]
    NotFound,
    /// The folder has no `gantry.toml`.
    #[error("{0} is no workspace: it holds no gantry.toml")]
    NotOne(PathBuf),
    /// `init` into a folder that is one already.
    #[error("{0} is a workspace already")]
    Exists(PathBuf),
    /// Another process holds the lock.
    #[error("another process runs this workspace")]
    Locked,
    /// This user may not write it, or nobody can on its medium.
    #[error("the workspace cannot be written: {0}")]
    ReadOnly(io::ErrorKind),
    /// The secret can be read by others, or is no secret.
    #[error("the secret is unsafe: {0}")]
    Secret(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system refused.
    #[error("{what}: {kind}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        kind: io::ErrorKind,
    },
}

/// The right to write a workspace; given up when dropped, and by the operating system when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    /// The last owner did not end in order: what it left half-done is to be swept.
    pub was_unclean: bool,
    mark: PathBuf,
}

impl Lock {
    /// Says that everything is in order; the next owner need not sweep.
    pub fn mark_clean(&self) {
        let _ = fs::remove_file(&self.mark);
    }
}

impl Workspace {
    /// Makes a workspace in `root`, which is created where it does not exist.
    ///
    /// # Errors
    /// It is one already, or the folder cannot be written.
    pub fn init(root: &Path) -> Result<Self, WorkspaceError> {
        let at = |what| move |e: io::Error| WorkspaceError::Io { what, kind: e.kind() };
        fs::create_dir_all(root).map_err(at("the folder cannot be made"))?;
        let root = root.canonicalize().map_err(at("the folder cannot be opened"))?;
        let workspace = Self { root };
        if workspace.config_file().exists() {
            return Err(WorkspaceError::Exists(workspace.root));
        }
        for folder in [workspace.store(), workspace.exports(), workspace.logs()] {
            fs::create_dir_all(folder).map_err(at("a folder cannot be made"))?;
        }
        for folder in [workspace.landing(), workspace.quarantine(), workspace.received()] {
            fs::create_dir_all(&folder)
                .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
                .map_err(at("the landing side cannot be made"))?;
        }
        workspace.write_secret().map_err(at("the secret cannot be written"))?;
        fs::write(workspace.config_file(), TEMPLATE).map_err(at("gantry.toml cannot be written"))?;
        Ok(workspace)
    }

    /// Opens the workspace in `root`.
    ///
    /// # Errors
    /// There is none.
    pub fn open(root: &Path) -> Result<Self, WorkspaceError> {
        let root = root.canonicalize().map_err(|_| WorkspaceError::NotOne(root.into()))?;
        let workspace = Self { root };
        if workspace.config_file().is_file() {
            Ok(workspace)
        } else {
            Err(WorkspaceError::NotOne(workspace.root))
        }
    }

    /// The nearest folder from `here` upwards that is a workspace.
    ///
    /// # Errors
    /// There is none.
    pub fn find(here: &Path) -> Result<Self, WorkspaceError> {
        here.ancestors()
            .find(|folder| folder.join(CONFIG_FILE).is_file())
            .ok_or(WorkspaceError::NotFound)
            .and_then(Self::open)
    }

    /// Takes the right to write.
    ///
    /// # Errors
    /// Another process has it, or the workspace is read only.
    pub fn lock(&self) -> Result<Lock, WorkspaceError> {
        let at = |what| {
            move |e: io::Error| match e.kind() {
                kind @ (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                    WorkspaceError::ReadOnly(kind)
                }
                kind => WorkspaceError::Io { what, kind },
            }
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.root.join("lock"));
        let file = file.map_err(at("the lock cannot be opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WorkspaceError::Locked),
            Err(TryLockError::Error(e)) => return Err(at("the lock cannot be taken")(e)),
        }
        let mark = self.root.join("unclean");
        let was_unclean = mark.exists();
        File::create(&mark).map_err(at("the workspace cannot be written"))?;
        Ok(Lock { _file: file, was_unclean, mark })
    }

    /// The secret of 32 bytes from which every pseudonym is made.
    ///
    /// # Errors
    /// It is missing, is of another size, or others may read it.
    pub fn secret(&self) -> Result<[u8; 32], WorkspaceError> {
        read_secret(&self.root.join("secret"))
    }

    fn write_secret(&self) -> io::Result<()> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let path = self.root.join("secret");
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(hex::encode(secret).as_bytes())?;
        file.sync_all()
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of the configuration, which is relative to the workspace.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.root.join(CONFIG_FILE)
    }

    /// The configuration in force.
    ///
    /// # Errors
    /// See [`Config::load`].
    pub fn config(&self) -> Result<Config, WorkspaceError> {
        Ok(Config::load(&self.config_file())?)
    }

    /// The catalog's database: no PHI.
    pub fn catalog(&self) -> PathBuf {
        self.root.join("catalog.sqlite")
    }

    /// Stored, de-identified instances by content hash.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Datasets out.
    pub fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// Logs: no PHI.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// The landing side: may hold PHI, mode 0700.
    pub fn landing(&self) -> PathBuf {
        self.root.join("landing")
    }

    /// What came from where: source paths carry names.
    pub fn intake(&self) -> PathBuf {
        self.landing().join("intake.sqlite")
    }

    /// What the instances of each study name, sealed.
    pub fn known(&self) -> PathBuf {
        self.landing().join("known.sqlite")
    }

    /// Copies of quarantined files.
    pub fn quarantine(&self) -> PathBuf {
        self.landing().join("quarantine")
    }

    /// What Gantry itself received: archive members, network.
    pub fn received(&self) -> PathBuf {
        self.landing().join("received")
    }

    /// The socket on which the owner serves the workspace.
    pub fn socket(&self) -> PathBuf {
        self.root.join("gantry.sock")
    }
}

/// Reads a secret: 64 hexadecimal digits in a file that only its owner may read.
///
/// # Errors
/// It is missing, is of another size, or others may read it.
pub fn read_secret(path: &Path) -> Result<[u8; 32], WorkspaceError> {
    let unsafe_because = |why: &str| WorkspaceError::Secret(why.into());
    let metadata =
        fs::metadata(path).map_err(|e| unsafe_because(&format!("it cannot be read: {}", e.kind())))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(unsafe_because("others may read it; chmod 600 it"));
    }
    let text =
        fs::read_to_string(path).map_err(|e| unsafe_because(&format!("it cannot be read: {}", e.kind())))?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim(), &mut secret)
        .map_err(|_| unsafe_because("it is not 64 hexadecimal digits"))?;
    Ok(secret)
}
