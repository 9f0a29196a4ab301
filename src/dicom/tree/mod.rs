//! Headers of whole trees of files, members of archives among them, read by several threads at once.

mod directory;
mod read;
mod walk;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use super::ReadError;
use crate::bytes::{ByteSource, SpillConfig};
use crate::model::{Header, Interner};
use crate::source::archive::{Archive, MemberError};
use crate::source::{Item, NotRead, Unread, Unreadable};

pub use directory::Directory;
pub use read::decoded_digest;

/// What was found below some paths.
#[derive(Debug, Default)]
pub struct Tree {
    paths: Paths,
    /// The headers, in the order of their files.
    pub headers: Vec<Header>,
    /// Files that are no instance, in order, each with the reason.
    pub refused: Vec<(u32, Refusal)>,
    /// What DICOMDIR files list, against what is there.
    pub directories: Vec<Directory>,
    /// Regular files; archives count by member.
    pub files: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Folders that could not be read.
    pub unreadable_folders: Vec<PathBuf>,
    /// What was not read, by reason; regular files among it are refused, too.
    pub unread: Unread,
}

/// Why a file is no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A DICOMDIR guides reading and is never an instance.
    #[error("a DICOMDIR")]
    Directory,
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A member of an archive that is not read.
    #[error(transparent)]
    Member(#[from] MemberError),
}

impl Refusal {
    /// A stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Directory => "dicomdir",
            Self::Read(error) => error.code(),
            Self::Member(error) => error.code(),
        }
    }
}

/// Paths of many files in little memory. The members of an archive follow one another.
#[derive(Debug, Default)]
struct Paths {
    folders: Vec<Folder>,
    files: Vec<(u32, Box<OsStr>)>,
}

/// What holds files.
#[derive(Debug, Clone)]
enum Folder {
    /// A folder.
    Disk(Arc<Path>),
    /// An archive, and which file is its first member.
    Archive(Arc<Archive>, u32),
}

impl Paths {
    /// What file `source` is.
    fn item(&self, source: u32) -> Option<Item> {
        let (folder, name) = self.files.get(source as usize)?;
        Some(match self.folders.get(*folder as usize)? {
            Folder::Disk(folder) => Item::File(join(folder, name)),
            Folder::Archive(archive, first) => Item::Member(Arc::clone(archive), (source - first) as usize),
        })
    }
}

impl Tree {
    /// The path of file `source` for people, see [`Header::source`]; of a member, that of the archive joined with its
    /// name.
    pub fn path(&self, source: u32) -> Option<PathBuf> {
        self.paths.item(source).map(|item| item.shown())
    }

    /// The bytes of file `source`: a large one stays where it is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, source: u32) -> Result<ByteSource<'static>, Unreadable> {
        let item = self.paths.item(source).ok_or(Unreadable::Io(io::ErrorKind::NotFound))?;
        item.open(SpillConfig::default())
    }

    /// All bytes of file `source`, wherever it lies.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, source: u32) -> Result<Vec<u8>, Unreadable> {
        self.paths.item(source).ok_or(Unreadable::Io(io::ErrorKind::NotFound))?.read()
    }

    /// Files that are no DICOM at all.
    pub fn not_dicom(&self) -> u64 {
        let is = |(_, r): &&(u32, Refusal)| *r == Refusal::Read(ReadError::NotDicom);
        self.refused.iter().filter(is).count() as u64
    }

    /// How many files were refused, by reason.
    pub fn reasons(&self) -> BTreeMap<&'static str, u64> {
        let mut reasons = BTreeMap::new();
        self.refused.iter().for_each(|(_, r)| *reasons.entry(r.code()).or_default() += 1);
        reasons
    }
}

/// An empty name stands for the folder itself, when a single file was named.
fn join(folder: &Path, name: &OsStr) -> PathBuf {
    if name.is_empty() { folder.to_path_buf() } else { folder.join(name) }
}

/// Reads the headers of every regular file below `roots`, in the order of their names; links below a root are not
/// followed. Pixels are read only of instances found in several files, and decoded only there and with `decode_copies`:
/// what another encoding hides is then compared too. `progress` counts files as they are done.
///
/// # Errors
/// A root that cannot be found.
pub fn read_tree(roots: &[PathBuf], decode_copies: bool, progress: &AtomicU64) -> io::Result<Tree> {
    let roots = distinct(roots)?;
    let interner = Interner::default();
    let (sender, receiver) = crossbeam_channel::bounded(walk::QUEUE);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut tree = Tree::default();
    let mut listings = Vec::new();
    thread::scope(|scope| {
        let walker = scope.spawn(move || walk::Walk::new(sender).roots(&roots));
        let readers: Vec<_> = (0..workers)
            .map(|_| {
                let (receiver, interner) = (receiver.clone(), &interner);
                scope.spawn(move || read::batches(&receiver, interner, progress))
            })
            .collect();
        for reader in readers {
            let part = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            tree.headers.extend(part.headers);
            tree.refused.extend(part.refused);
            listings.extend(part.listings);
            tree.bytes_read += part.bytes_read;
        }
        drop(receiver);
        let walked = walker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (tree.paths, tree.unreadable_folders) = (walked.paths, walked.unreadable);
        tree.unread = walked.unread;
    });
    tree.files = tree.paths.files.len() as u64;
    tree.headers.sort_unstable_by_key(|h| h.source);
    tree.refused.sort_unstable_by_key(|r| r.0);
    for (_, refusal) in &tree.refused {
        if let Refusal::Read(ReadError::Io(kind)) = refusal {
            *tree.unread.entry(NotRead::of_file(*kind)).or_default() += 1;
        }
    }
    listings.sort_unstable_by_key(|l| l.source);
    tree.directories = directory::compare(listings, &tree);
    read::compare_copies(&mut tree, decode_copies);
    Ok(tree)
}

/// Roots that lie in no other root, in the order given.
fn distinct(roots: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let real: Vec<PathBuf> = roots.iter().map(fs::canonicalize).collect::<io::Result<_>>()?;
    let covered = |i: usize| {
        real.iter()
            .enumerate()
            .any(|(j, other)| i != j && real[i].starts_with(other) && (real[i] != *other || j < i))
    };
    Ok((0..roots.len()).filter(|&i| !covered(i)).map(|i| roots[i].clone()).collect())
}
