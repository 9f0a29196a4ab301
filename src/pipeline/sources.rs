//! Where the source of a stored instance lies, as the intake map tells.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Shared;
use crate::blob::name_of_bulk;
use crate::bytes::ByteSource;
use crate::catalog::CatalogError;
use crate::config::After;
use crate::landing::NewFile;
use crate::source::{Item, items};

/// Finds sources; what the latest archive holds is kept.
pub struct Sources<'s> {
    shared: &'s Shared,
    archive: Mutex<Option<(PathBuf, Vec<Item>)>>,
}

/// A source that is still there, with the bytes that were taken in.
pub struct Source {
    /// Its bytes.
    pub bytes: ByteSource<'static>,
    /// Its row of the map.
    pub file: NewFile,
}

impl<'s> Sources<'s> {
    /// Of a workspace.
    pub fn of(shared: &'s Shared) -> Self {
        Self { shared, archive: Mutex::default() }
    }

    /// The source with this hash, wherever a file with its bytes still lies.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn find(&self, sha256: &str) -> Result<Option<Source>, CatalogError> {
        for record in self.shared.map.of_hash(sha256)? {
            if let Some(bytes) = self.bytes(&record.file) {
                return Ok(Some(Source { bytes, file: record.file }));
            }
        }
        Ok(None)
    }

    /// Where the file lies whose bytes were taken in: itself, or the archive that holds it.
    pub fn place(&self, file: &NewFile) -> Option<PathBuf> {
        self.bytes(file)?;
        self.paths(file).into_iter().find_map(|path| {
            let is_file = path.is_file();
            if is_file { Some(path) } else { archive_of(&path).map(Path::to_path_buf) }
        })
    }

    /// The bytes of a file of the map, if they are those that were taken in.
    fn bytes(&self, file: &NewFile) -> Option<ByteSource<'static>> {
        let items = self.paths(file).into_iter().filter_map(|path| self.item(&path));
        let mut read = items.filter_map(|item| item.open(self.shared.scratch()).ok());
        read.find(|bytes| name_of_bulk(bytes).is_ok_and(|hash| hash == file.sha256))
    }

    /// Where a file may lie: in its place, in quarantine, or where its inbox moves what is stored.
    fn paths(&self, file: &NewFile) -> Vec<PathBuf> {
        let path = PathBuf::from(&file.path);
        let mut paths = vec![path.clone()];
        if file.kept {
            paths.push(self.shared.quarantined(&file.sha256));
        }
        let config = self.shared.config();
        let moving = config.inboxes.iter().find(|i| i.name == file.inbox && i.after == After::Move);
        if let Some((inbox, target)) = moving.and_then(|inbox| Some((inbox, inbox.move_to.as_ref()?)))
            && let Ok(below) = path.strip_prefix(self.shared.root.join(&inbox.path))
        {
            paths.push(self.shared.root.join(target).join(below));
        }
        paths
    }

    /// What lies at a path: a file, or a member of the archive above it.
    fn item(&self, path: &Path) -> Option<Item> {
        if path.is_file() {
            return Some(Item::File(path.into()));
        }
        let archive = archive_of(path)?;
        let mut latest = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|(known, _)| known != archive) {
            *latest = Some((archive.into(), items(archive, &self.shared.received)));
        }
        latest.as_ref()?.1.iter().find(|item| item.shown() == path).cloned()
    }
}

/// The file above a path that is none itself.
fn archive_of(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|above| above.is_file())
}
