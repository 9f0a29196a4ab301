//! Blobs in a folder: `ab/cdef….dcm`. A batch is staged in `tmp/`, renamed into place and flushed together, before
//! the catalog names any of it; what a crash leaves behind without a row is swept at the next start.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags};
use sha2::{Digest, Sha256};

use super::{BlobError, name_of_bulk};
use crate::bytes::{ByteSource, FileRange, LARGE, read_whole};

/// Blobs in a folder.
#[derive(Debug)]
pub struct FsStore {
    root: PathBuf,
    /// The open folder, from which names are short to look up; none where the store is only read.
    folder: Option<Arc<OwnedFd>>,
    next: AtomicU64,
}

/// A blob that is written and not yet in its place; removed when it is dropped before [`FsStore::settle`].
#[derive(Debug)]
pub struct Staged {
    /// The content hash.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    draft: Option<SpillBuffer>,
}

/// A file that has its name in `tmp/` yet.
#[derive(Debug)]
struct SpillBuffer {
    folder: Arc<OwnedFd>,
    name: String,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(SpillBuffer { folder, name }) = &self.draft {
            let _ = rustix::fs::unlinkat(folder, &**name, AtFlags::empty());
        }
    }
}

impl FsStore {
    /// Opens the store in `root`, making its folders where they are missing.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        fs::create_dir_all(root.join("tmp"))?;
        for first in 0..=u8::MAX {
            fs::create_dir_all(root.join(format!("{first:02x}")))?;
        }
        let folder = Some(Arc::new(File::open(root)?.into()));
        Ok(Self { root: root.into(), folder, next: AtomicU64::new(0) })
    }

    /// The store in `root` as another process keeps it: for reading.
    pub fn attach(root: &Path) -> Self {
        Self { root: root.into(), folder: None, next: AtomicU64::new(0) }
    }

    /// Writes `bytes` beside their place; a blob that is there already is replaced by its like. Nothing is flushed yet.
    ///
    /// # Errors
    /// The disk is full or cannot be written.
    pub fn stage(&self, bytes: &ByteSource<'_>) -> Result<Staged, BlobError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.clone().ok_or(BlobError::Io(io::ErrorKind::PermissionDenied))?;
        let draft = format!("tmp/{}-{number}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, &*draft, flags, Mode::from_raw_mode(0o666));
        let mut file = File::from(file.map_err(io::Error::from)?);
        let draft = Some(SpillBuffer { folder, name: draft });
        let mut staged = Staged { name: String::new(), bytes: bytes.len(), draft };
        let mut hash = Sha256::new();
        bytes.each(|piece| {
            hash.update(piece);
            file.write_all(piece)
        })?;
        staged.name = hex::encode(hash.finalize());
        Ok(staged)
    }

    /// Puts a batch into place and flushes all of it with one call (and everything else on this file system, which
    /// `others` asks for where no blob is new). Only then may rows name these blobs.
    ///
    /// # Errors
    /// The disk refused; blobs that are in their place already do no harm.
    pub fn settle<'a>(
        &self,
        batch: impl IntoIterator<Item = &'a mut Staged>,
        others: bool,
    ) -> Result<(), BlobError> {
        let mut moved = others;
        for staged in batch {
            if let Some(SpillBuffer { folder, name }) = staged.draft.take() {
                let place = place(&staged.name);
                rustix::fs::renameat(&folder, &*name, &folder, &*place).map_err(io::Error::from)?;
                moved = true;
            }
        }
        if let (true, Some(folder)) = (moved, &self.folder) {
            rustix::fs::syncfs(folder).map_err(io::Error::from)?;
        }
        Ok(())
    }

    /// The bytes of a blob, verified against its name.
    ///
    /// # Errors
    /// Not there, damaged, or unreadable.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, BlobError> {
        Ok(self.open_verified(name)?.into_bytes()?)
    }

    /// The same; a large one stays where it is.
    ///
    /// # Errors
    /// As [`FsStore::read`].
    pub fn open_verified(&self, name: &str) -> Result<ByteSource<'static>, BlobError> {
        let mut file = self.open_blob(name)?;
        let length = file.metadata()?.len();
        let bytes = if length < LARGE {
            read_whole(&mut file, length as usize, LARGE as usize)?.into()
        } else {
            ByteSource::Stored(FileRange::new(Arc::new(file), 0, length))
        };
        if name_of_bulk(&bytes)? == name { Ok(bytes) } else { Err(BlobError::Damaged(name.into())) }
    }

    /// Where a blob lies, or would: for readers that need only its header. Content is not verified.
    ///
    /// # Errors
    /// Not a blob's name.
    pub fn locate(&self, name: &str) -> Result<PathBuf, BlobError> {
        if is_name(name) { Ok(self.path(name)) } else { Err(BlobError::NotFound(name.into())) }
    }

    fn open_blob(&self, name: &str) -> Result<File, BlobError> {
        File::open(self.locate(name)?).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::NotFound(name.into()),
            _ => error.into(),
        })
    }

    /// Removes a blob that no row names any more; that it is gone already does no harm.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), BlobError> {
        match fs::remove_file(self.locate(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Removes drafts, and blobs that no row names: what a crash left. Returns how many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep(&self, named: &HashSet<String>) -> Result<u64, BlobError> {
        let mut removed = 0;
        for entry in fs::read_dir(self.root.join("tmp"))? {
            fs::remove_file(entry?.path())?;
            removed += 1;
        }
        for name in self.names()? {
            if !named.contains(&name) {
                fs::remove_file(self.path(&name))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Moves blobs that are not named into a folder of their own, where no sweep removes them. Returns how many.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep_apart(&self, named: &HashSet<String>) -> Result<u64, BlobError> {
        let apart = self.root.join("unnamed");
        let mut moved = 0;
        for name in self.names()?.into_iter().filter(|name| !named.contains(name)) {
            fs::create_dir_all(&apart)?;
            fs::rename(self.path(&name), apart.join(format!("{name}.dcm")))?;
            moved += 1;
        }
        Ok(moved)
    }

    /// Whether no blob is stored.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn is_empty(&self) -> Result<bool, BlobError> {
        for first in 0..=u8::MAX {
            if fs::read_dir(self.root.join(format!("{first:02x}")))?.next().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every blob's name, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, BlobError> {
        let mut names = Vec::new();
        for first in 0..=u8::MAX {
            let folder = format!("{first:02x}");
            for entry in fs::read_dir(self.root.join(&folder))? {
                let file = entry?.file_name();
                let rest = file.to_str().and_then(|f| f.strip_suffix(".dcm"));
                names.extend(rest.map(|rest| format!("{folder}{rest}")));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(place(name))
    }
}

/// Where a blob lies below the root.
fn place(name: &str) -> String {
    let (first, rest) = name.split_at_checked(2).unwrap_or((name, ""));
    format!("{first}/{rest}.dcm")
}

/// Names come back from outside (a client, an old row): nothing but 64 hexadecimal digits becomes a path.
fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn stores_once_verifies_and_sweeps_what_no_row_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = FsStore::open(folder.path()).unwrap();
        let mut batch =
            vec![store.stage(&b"one"[..].into()).unwrap(), store.stage(&b"two"[..].into()).unwrap()];
        store.settle(&mut batch, false).unwrap();
        let (one, two) = (batch[0].name.clone(), batch[1].name.clone());
        assert_eq!(store.read(&one).unwrap(), b"one");
        drop(store.stage(&b"abandoned"[..].into()).unwrap());
        assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);

        assert_eq!(store.sweep(&HashSet::from([one.clone()])).unwrap(), 1);
        assert_eq!(store.read(&two), Err(BlobError::NotFound(two)));

        fs::write(store.locate(&one).unwrap(), b"0ne").unwrap();
        assert_eq!(store.read(&one), Err(BlobError::Damaged(one)));
    }

    #[test]
    fn a_name_never_becomes_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let store = FsStore::open(folder.path()).unwrap();
        for name in ["", "a", "../../../etc/passwd", "..", "é", &"A".repeat(64)] {
            assert!(matches!(store.read(name), Err(BlobError::NotFound(_))), "{name}");
        }
    }
}
