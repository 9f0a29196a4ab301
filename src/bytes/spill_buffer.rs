//! What is made of large files.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::{ByteSource, FileRange, Held, MemoryBudget, Spool};
use crate::model::words::io_words;

/// A draft beyond this goes to a file.
const IN_MEMORY: usize = 4 << 20;
/// What of one that does is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// Room for what is made of large files.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpillConfig<'a> {
    /// Where drafts go that are too large for memory, as sealed files without a name; else the system's folder for
    /// temporary files.
    pub folder: Option<&'a Path>,
    /// What may be held in memory of what cannot go there; else any amount.
    pub memory: Option<&'a MemoryBudget>,
}

impl<'a> SpillConfig<'a> {
    /// Drafts go to this folder, and nothing waits for memory.
    pub fn at(folder: &'a Path) -> Self {
        Self { folder: Some(folder), memory: None }
    }

    /// An empty draft.
    pub fn draft(&self) -> SpillBuffer<'a> {
        SpillBuffer { scratch: *self, memory: Vec::new(), spool: None, length: 0 }
    }

    /// Waits for so much memory, see [`MemoryBudget::hold`].
    pub fn hold(&self, bytes: u64) -> Option<Held<'a>> {
        self.memory.map(|memory| memory.hold(bytes))
    }
}

/// What is made of a large file cannot be put aside: that says nothing of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no room to put aside what is made of a large file: {}", io_words(self.0))]
pub struct NoRoom(pub io::ErrorKind);

impl NoRoom {
    /// Whether this is why something failed.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

fn no_room(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), NoRoom(error.kind()))
}

/// Bytes that are written one after the other.
#[derive(Debug)]
pub struct SpillBuffer<'a> {
    scratch: SpillConfig<'a>,
    memory: Vec<u8>,
    spool: Option<Spool>,
    length: u64,
}

impl SpillBuffer<'_> {
    /// How many bytes were written.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether none were.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Makes room for so many bytes, where they stay in memory.
    pub fn reserve(&mut self, bytes: u64) {
        if bytes <= IN_MEMORY as u64 {
            self.memory.reserve_exact(bytes as usize);
        }
    }

    /// What was written.
    ///
    /// # Errors
    /// [`NoRoom`], as of every write.
    pub fn finish(self) -> io::Result<ByteSource<'static>> {
        match self.spool {
            None => Ok(self.memory.into()),
            Some(mut spool) => {
                spool.write_all(&self.memory).map_err(no_room)?;
                Ok(ByteSource::Stored(FileRange::new(Arc::new(spool), 0, self.length)))
            }
        }
    }
}

impl Write for SpillBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = if self.spool.is_some() { GATHERED } else { IN_MEMORY };
        if self.memory.len() + bytes.len() > most {
            let spool = match &mut self.spool {
                Some(spool) => spool,
                None => {
                    let folder = self.scratch.folder.map_or_else(std::env::temp_dir, Path::to_path_buf);
                    self.spool.insert(Spool::new(&folder).map_err(no_room)?)
                }
            };
            spool.write_all(&self.memory).and_then(|()| spool.write_all(bytes)).map_err(no_room)?;
            self.memory.clear();
            self.memory.shrink_to(GATHERED);
        } else {
            self.memory.extend_from_slice(bytes);
        }
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_goes_to_a_file_and_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = SpillConfig::at(folder.path());
        let bytes: Vec<u8> = (0..9_000_000_u32).map(|i| (i % 251) as u8).collect();
        for size in [0, 100, IN_MEMORY, IN_MEMORY + 1, bytes.len()] {
            for piece in [1 << 12, 777_777, 5 << 20] {
                let mut draft = scratch.draft();
                bytes[..size].chunks(piece).for_each(|piece| draft.write_all(piece).unwrap());
                let bulk = draft.finish().unwrap();
                assert_eq!(matches!(bulk, ByteSource::Stored(_)), size > IN_MEMORY);
                assert!(bulk.into_bytes().unwrap() == bytes[..size]);
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
