//! The workspace: one folder with a landing side that may hold PHI (mode 0700) and a side that never does.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, TEMPLATE};
use crate::audit::{NoKey, TrailKey};
use crate::model::words::io_words;

/// Name of the configuration file, by which a folder is known as a workspace.
pub const CONFIG_FILE: &str = "gantry.toml";

/// The key that signs the trail.
pub const TRAIL_KEY: &str = "trail.key";

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
    #[error("the workspace cannot be written: {}", io_words(*.0))]
    ReadOnly(io::ErrorKind),
    /// The secret can be read by others, or is no secret.
    #[error("the secret is unsafe: {0}")]
    Secret(String),
    /// The key that signs the trail can be read by others, or is none.
    #[error("trail.key is unsafe: {0}")]
    TrailKey(String),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operating system refused.
    #[error("{what}: {}", io_words(*.kind))]
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
        fs::create_dir_all(workspace.exports()).map_err(at("a folder cannot be made"))?;
        let private = [
            workspace.store(),
            workspace.logs(),
            workspace.landing(),
            workspace.quarantine(),
            workspace.received(),
        ];
        for folder in private {
            fs::create_dir_all(&folder)
                .and_then(|()| fs::set_permissions(&folder, Permissions::from_mode(0o700)))
                .map_err(at("a private folder cannot be made"))?;
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

    /// Where the key lies with which the trail is signed.
    pub fn trail_key_file(&self) -> PathBuf {
        self.root.join(TRAIL_KEY)
    }

    /// Where the latest checkpoint of the trail is kept beside the catalog.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.root.join("trail.checkpoint")
    }

    /// The key with which the trail is signed; a new one where there is none.
    ///
    /// # Errors
    /// It is none, others may read it, or it cannot be written.
    pub fn trail_key(&self) -> Result<TrailKey, WorkspaceError> {
        let path = self.trail_key_file();
        let at = |what| move |e: io::Error| WorkspaceError::Io { what, kind: e.kind() };
        if !path.exists() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed)
                .map_err(io::Error::other)
                .map_err(at("the trail's key cannot be made"))?;
            let key = TrailKey::new(&seed);
            let pem = key.to_pem().map_err(|e| WorkspaceError::TrailKey(e.to_string()))?;
            let made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
            made.and_then(|mut file| file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()))
                .map_err(at("the trail's key cannot be written"))?;
            return Ok(key);
        }
        let metadata = fs::metadata(&path).map_err(at("the trail's key cannot be read"))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(WorkspaceError::TrailKey("others may read it; chmod 600 it".into()));
        }
        if metadata.len() > 4096 {
            return Err(WorkspaceError::TrailKey(NoKey.to_string()));
        }
        let pem = fs::read_to_string(&path).map_err(at("the trail's key cannot be read"))?;
        TrailKey::from_pem(&pem).map_err(|e| WorkspaceError::TrailKey(e.to_string()))
    }

    fn write_secret(&self) -> io::Result<()> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        let path = self.root.join("secret");
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(hex::encode(secret).as_bytes())?;
        file.sync_all()
    }

    /// Files and folders that others than the owner can read or enter, and should not, with the mode that closes them.
    pub fn open_to_others(&self) -> Vec<(PathBuf, u32)> {
        let database = self.catalog();
        let log = |ending: &str| {
            let mut name = database.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        let private = [
            (self.store(), 0o700),
            (self.logs(), 0o700),
            (self.landing(), 0o700),
            (log("-wal"), 0o600),
            (log("-shm"), 0o600),
            (database.clone(), 0o600),
        ];
        let is_open = |(path, _): &(PathBuf, u32)| {
            fs::symlink_metadata(path).is_ok_and(|m| !m.is_symlink() && m.permissions().mode() & 0o077 != 0)
        };
        private.into_iter().filter(is_open).collect()
    }

    /// Closes to others what they should not read; the names of what was open.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn close_to_others(&self) -> Result<Vec<String>, WorkspaceError> {
        let mut closed = Vec::new();
        for (path, mode) in self.open_to_others() {
            fs::set_permissions(&path, Permissions::from_mode(mode))
                .map_err(|e| WorkspaceError::Io { what: "a mode cannot be changed", kind: e.kind() })?;
            closed.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
        Ok(closed)
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
    /// See [`Config::load_in`].
    pub fn config(&self) -> Result<Config, WorkspaceError> {
        Ok(Config::load_in(&self.root, &self.config_file())?)
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

/// Reads a secret: 64 hexadecimal digits, or 44 characters of base64, in a file that only its owner may read.
///
/// # Errors
/// It is missing, is of another size, or others may read it.
pub fn read_secret(path: &Path) -> Result<[u8; 32], WorkspaceError> {
    let unsafe_because = |why: &str| WorkspaceError::Secret(why.into());
    let metadata = fs::metadata(path)
        .map_err(|e| unsafe_because(&format!("it cannot be read: {}", io_words(e.kind()))))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(unsafe_because("others may read it; chmod 600 it"));
    }
    if metadata.len() > 1024 {
        return Err(unsafe_because(SIZES));
    }
    let bytes =
        fs::read(path).map_err(|e| unsafe_because(&format!("it cannot be read: {}", io_words(e.kind()))))?;
    decode_secret(&bytes).ok_or_else(|| unsafe_because(SIZES))
}

const SIZES: &str = "it is neither 64 hexadecimal digits nor 44 characters of base64";

/// The 32 bytes of a secret that is written as 64 hexadecimal digits or as 44 characters of base64 (RFC 4648).
pub fn decode_secret(text: &[u8]) -> Option<[u8; 32]> {
    let text = text.trim_ascii();
    let mut secret = [0; 32];
    if hex::decode_to_slice(text, &mut secret).is_ok() {
        return Some(secret);
    }
    let digits = text.strip_suffix(b"=").filter(|digits| digits.len() == 43)?;
    let value = |digit: &u8| match digit {
        b'A'..=b'Z' => Some(u32::from(digit - b'A')),
        b'a'..=b'z' => Some(u32::from(digit - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(digit - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(33);
    for four in digits.chunks(4) {
        let bits = four.iter().try_fold(0, |bits, digit| Some(bits << 6 | value(digit)?))?;
        // The last three digits hold two bytes and two bits that mean nothing: they are zero, or it is another text.
        let bits = if four.len() == 4 { bits } else { (bits.trailing_zeros() >= 2).then_some(bits << 6)? };
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    bytes.truncate(32);
    bytes.try_into().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_in_either_writing() {
        let bytes: [u8; 32] = std::array::from_fn(|i| (i * 37 + 200) as u8);
        // python3 -c "import base64; print(base64.b64encode(bytes((i * 37 + 200) % 256 for i in range(32))).decode())"
        let base64 = "yO0SN1yBpsvwFTpfhKnO8xg9Yoes0fYbQGWKr9T5HkM=";
        assert_eq!(decode_secret(format!("{base64}\n").as_bytes()), Some(bytes));
        assert_eq!(decode_secret(hex::encode(bytes).as_bytes()), Some(bytes));
        let last = base64.len() - 2;
        for wrong in
            [&base64[1..], &base64[..43], "", &format!("{}B=", &base64[..last]), &base64.replace('=', "A")]
        {
            assert_eq!(decode_secret(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
