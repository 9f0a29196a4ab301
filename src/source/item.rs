//! A file to be read: one on disk, or a member of an archive.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Archive, MemberError, is_archive};
use crate::bytes::{ByteSource, FileRange, LARGE, NoRoom, SpillConfig, read_whole};
use crate::model::words::io_words;

/// A file beyond this is not read.
const MAX_FILE: u64 = 4 << 30;
/// A file of holes: far more zeros than bytes on the disk. Nothing real is like that.
const MAX_HOLES: u64 = 64 << 20;

/// A file on disk, a member of an archive, or bytes from somewhere else.
#[derive(Debug, Clone)]
pub enum Item {
    /// A file.
    File(PathBuf),
    /// A member of an archive, by its number there.
    Member(Arc<Archive>, usize),
    /// Bytes that were read already, with where they came from.
    Bytes(PathBuf, ByteSource<'static>),
}

/// Why an item cannot be read. Says nothing of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The operating system refused.
    #[error("cannot be read: {}", io_words(*.0))]
    Io(io::ErrorKind),
    /// Larger than what is read, or made of holes.
    #[error("the file is larger than 4 GiB, or a hole of that size")]
    TooLarge,
    /// A member that is refused.
    #[error(transparent)]
    Member(#[from] MemberError),
}

impl Unreadable {
    /// A stable identifier for summaries and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable",
            Self::TooLarge => "too_large",
            Self::Member(error) => error.code(),
        }
    }

    /// Whether the reason is none of the item's.
    pub fn no_room(&self) -> Option<NoRoom> {
        match self {
            Self::Member(MemberError::NoRoom(no_room)) => Some(*no_room),
            _ => None,
        }
    }
}

impl Item {
    /// The path for people: of a member, that of the archive joined with the member's name.
    pub fn shown(&self) -> PathBuf {
        match self {
            Self::File(path) | Self::Bytes(path, _) => path.clone(),
            Self::Member(archive, index) => archive.shown(*index),
        }
    }

    /// The size of what [`Item::open`] gives, as far as it is known.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File(path) => path.symlink_metadata().map_or(0, |m| m.len()),
            Self::Member(archive, index) => archive.members().get(*index).map_or(0, |m| m.bytes),
            Self::Bytes(_, bytes) => bytes.len(),
        }
    }

    /// The bytes: small ones in memory, large ones where they are, or in `scratch`.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open(&self, scratch: SpillConfig<'_>) -> Result<ByteSource<'static>, Unreadable> {
        match self {
            Self::File(path) => open_file(path),
            Self::Member(archive, index) => Ok(archive.read(*index, scratch)?),
            Self::Bytes(_, bytes) => Ok(bytes.clone()),
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(&self) -> Result<Vec<u8>, Unreadable> {
        let bytes = self.open(SpillConfig::default())?.into_bytes();
        bytes.map_err(|e| Unreadable::Io(e.kind()))
    }
}

/// A regular file that is open.
#[derive(Debug)]
pub enum Opened {
    /// A small one, with its length.
    Small(File, usize),
    /// A large one.
    Large(FileRange),
}

/// Opens a regular file.
///
/// # Errors
/// [`Unreadable`].
pub fn open(path: &Path) -> Result<Opened, Unreadable> {
    let refused = |e: io::Error| Unreadable::Io(e.kind());
    let file = File::open(path).map_err(refused)?;
    let metadata = file.metadata().map_err(refused)?;
    if !metadata.is_file() {
        return Err(Unreadable::Io(io::ErrorKind::InvalidInput));
    }
    let length = metadata.len();
    let on_disk = metadata.blocks().saturating_mul(512);
    if length > MAX_FILE || length > MAX_HOLES && on_disk < length / 100 {
        return Err(Unreadable::TooLarge);
    }
    Ok(if length >= LARGE {
        Opened::Large(FileRange::new(Arc::new(file), 0, length))
    } else {
        Opened::Small(file, length as usize)
    })
}

/// The bytes of a regular file: of a small one in memory.
///
/// # Errors
/// [`Unreadable`].
pub fn open_file(path: &Path) -> Result<ByteSource<'static>, Unreadable> {
    match open(path)? {
        Opened::Large(extent) => Ok(ByteSource::Stored(extent)),
        Opened::Small(mut file, length) => {
            let bytes = read_whole(&mut file, length, LARGE as usize);
            bytes.map(ByteSource::from).map_err(|e| Unreadable::Io(e.kind()))
        }
    }
}

/// What a file stands for: itself, or the members of the archive that it is. A compressed tar is spooled to a sealed,
/// nameless file in `spool`.
pub fn items(path: &Path, spool: &Path) -> Vec<Item> {
    if !is_archive(path) || is_dicom(path) {
        return vec![Item::File(path.into())];
    }
    let archive = Arc::new(Archive::open(path, spool));
    (0..archive.members().len()).map(|index| Item::Member(Arc::clone(&archive), index)).collect()
}

/// A DICOM file that is named like an archive.
fn is_dicom(path: &Path) -> bool {
    let mut mark = [0; 4];
    File::open(path).and_then(|file| file.read_exact_at(&mut mark, 128)).is_ok() && &mark == b"DICM"
}
