//! Small files that the first pass over a tree has read and the second need not read again, as far as there is room.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::bytes::{ByteSource, SpillConfig, read_whole};
use crate::source::{Item, Unreadable};

/// Room for all of them.
const ROOM: usize = 32 << 20;
/// A larger file is not kept: of its many bytes the first pass needs few.
const LARGEST: usize = 128 << 10;

/// Files by their paths.
#[derive(Debug)]
pub struct Kept {
    room: AtomicUsize,
    files: Mutex<HashMap<PathBuf, Vec<u8>>>,
}

impl Kept {
    /// With room for small files.
    pub fn new() -> Self {
        Self { room: AtomicUsize::new(ROOM), files: Mutex::default() }
    }

    /// Without room: nothing is kept.
    pub fn nothing() -> Self {
        Self { room: AtomicUsize::new(0), files: Mutex::default() }
    }

    /// The whole of an open file, where there is room for it.
    pub fn read(&self, file: &mut File, length: usize) -> Option<Vec<u8>> {
        if length > LARGEST {
            return None;
        }
        let take = |room: usize| room.checked_sub(length);
        self.room.try_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        // What has grown meanwhile is for the second pass to read.
        read_whole(file, length, LARGEST + 1).ok().filter(|bytes| bytes.len() == length)
    }

    /// Keeps what was read.
    pub fn keep(&self, path: &Path, bytes: Vec<u8>) {
        self.lock().insert(path.into(), bytes);
    }

    /// The bytes of an item, see [`Item::open`]: what is kept is given once.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open(&self, item: &Item, scratch: SpillConfig<'_>) -> Result<ByteSource<'static>, Unreadable> {
        match item {
            Item::File(path) => {
                let kept = self.lock().remove(path);
                kept.map_or_else(|| item.open(scratch), |bytes| Ok(bytes.into()))
            }
            Item::Member(..) | Item::Bytes(..) => item.open(scratch),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_given_once_and_there_is_an_end_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![7; LARGEST]).unwrap();
        let kept = Kept::new();
        let read = |kept: &Kept| kept.read(&mut File::open(&path).unwrap(), LARGEST);
        kept.keep(&path, read(&kept).unwrap());
        std::fs::write(&path, b"new").unwrap();
        let item = Item::File(path.clone());
        let open = |kept: &Kept| kept.open(&item, SpillConfig::default()).unwrap().into_bytes().unwrap();
        assert_eq!(open(&kept), vec![7; LARGEST]);
        assert_eq!(open(&kept), b"new");
        std::fs::write(&path, vec![7; LARGEST]).unwrap();
        assert_eq!((1..2 * ROOM / LARGEST).filter(|_| read(&kept).is_some()).count(), ROOM / LARGEST - 1);
        assert!(read(&Kept::nothing()).is_none());
    }

    #[test]
    fn a_file_that_has_grown_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"longer").unwrap();
        assert_eq!(Kept::new().read(&mut File::open(&path).unwrap(), 3), None);
    }
}
