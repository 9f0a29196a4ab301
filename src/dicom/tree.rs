//! Headers of whole trees of files, read by several threads at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File as OsFile};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::file::{self, ReadError, ReadOptions};
use super::{File, header, pixel_digest};
use crate::model::{Header, Interner};

/// The first read of a header; most end within it.
const FIRST_READ: usize = 16 << 10;
/// A header beyond this is refused.
const MAX_HEADER: usize = 256 << 20;
/// Files that a worker takes at once, and batches that may wait.
const BATCH: usize = 256;
const QUEUE: usize = 16;

/// What was found below some paths.
#[derive(Debug, Default)]
pub struct Tree {
    paths: Paths,
    /// The headers, in the order of their files.
    pub headers: Vec<Header>,
    /// Files that are no instance, in order, each with the reason.
    pub refused: Vec<(u32, Refusal)>,
    /// Regular files.
    pub files: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// Folders that could not be read.
    pub unreadable_folders: Vec<PathBuf>,
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
}

impl Refusal {
    /// A stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Directory => "dicomdir",
            Self::Read(error) => error.code(),
        }
    }
}

/// Paths of many files in little memory.
#[derive(Debug, Default)]
struct Paths {
    folders: Vec<Arc<Path>>,
    files: Vec<(u32, Box<std::ffi::OsStr>)>,
}

impl Tree {
    /// The path of file `source`, see [`Header::source`].
    pub fn path(&self, source: u32) -> Option<PathBuf> {
        let (folder, name) = self.paths.files.get(source as usize)?;
        Some(join(&self.paths.folders[*folder as usize], name))
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
fn join(folder: &Path, name: &std::ffi::OsStr) -> PathBuf {
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
    let (sender, receiver) = crossbeam_channel::bounded::<Vec<Job>>(QUEUE);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut tree = Tree::default();
    thread::scope(|scope| {
        let walker = scope.spawn(move || Walk::new(sender).roots(&roots));
        let readers: Vec<_> = (0..workers)
            .map(|_| {
                let (receiver, interner) = (receiver.clone(), &interner);
                scope.spawn(move || read_batches(&receiver, interner, progress))
            })
            .collect();
        for reader in readers {
            let part = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            tree.headers.extend(part.headers);
            tree.refused.extend(part.refused);
            tree.bytes_read += part.bytes_read;
        }
        drop(receiver);
        (tree.paths, tree.unreadable_folders) =
            walker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    tree.files = tree.paths.files.len() as u64;
    tree.headers.sort_unstable_by_key(|h| h.source);
    tree.refused.sort_unstable_by_key(|r| r.0);
    compare_copies(&mut tree, decode_copies);
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

struct Job {
    source: u32,
    folder: Arc<Path>,
    name: Box<std::ffi::OsStr>,
}

/// Walks folders in the order of names and hands files on in batches.
struct Walk {
    paths: Paths,
    unreadable: Vec<PathBuf>,
    batch: Vec<Job>,
    sender: crossbeam_channel::Sender<Vec<Job>>,
}

impl Walk {
    fn new(sender: crossbeam_channel::Sender<Vec<Job>>) -> Self {
        Self { paths: Paths::default(), unreadable: Vec::new(), batch: Vec::new(), sender }
    }

    /// Walks, and hangs up when it is done, so that readers end.
    fn roots(mut self, roots: &[PathBuf]) -> (Paths, Vec<PathBuf>) {
        for root in roots {
            match fs::metadata(root) {
                Ok(meta) if meta.is_dir() => self.tree(root),
                Ok(meta) if meta.is_file() => {
                    self.paths.folders.push(root.as_path().into());
                    self.file(OsString::new().into());
                }
                _ => {}
            }
        }
        self.send();
        (self.paths, self.unreadable)
    }

    /// Folders wait on a stack, so that depth costs no recursion; the last pushed comes first.
    fn tree(&mut self, root: &Path) {
        let mut waiting = vec![root.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                self.unreadable.push(folder);
                continue;
            };
            let (mut files, mut folders) = (Vec::new(), Vec::new());
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_file() => files.push(entry.file_name()),
                    Ok(kind) if kind.is_dir() => folders.push(entry.file_name()),
                    _ => {}
                }
            }
            files.sort_unstable();
            folders.sort_unstable();
            waiting.extend(folders.iter().rev().map(|name| folder.join(name)));
            if !files.is_empty() {
                self.paths.folders.push(folder.into());
                for name in files {
                    self.file(name.into());
                }
            }
        }
    }

    fn file(&mut self, name: Box<std::ffi::OsStr>) {
        let folder = self.paths.folders.len() - 1;
        let source = self.paths.files.len() as u32;
        self.batch.push(Job { source, folder: Arc::clone(&self.paths.folders[folder]), name: name.clone() });
        self.paths.files.push((folder as u32, name));
        if self.batch.len() >= BATCH {
            self.send();
        }
    }

    fn send(&mut self) {
        // Nobody receives only when every reader panicked, and that is reported where they are joined.
        let _ = self.sender.send(std::mem::take(&mut self.batch));
    }
}

#[derive(Default)]
struct Part {
    headers: Vec<Header>,
    refused: Vec<(u32, Refusal)>,
    bytes_read: u64,
}

fn read_batches(
    receiver: &crossbeam_channel::Receiver<Vec<Job>>,
    interner: &Interner,
    progress: &AtomicU64,
) -> Part {
    let mut part = Part::default();
    let mut buffer = vec![0; FIRST_READ];
    for batch in receiver {
        for job in &batch {
            let path = join(&job.folder, &job.name);
            let outcome = read_header(&path, &mut buffer, |file, length, read| {
                part.bytes_read += read;
                (!file.is_directory()).then(|| header(file, length, interner, job.source))
            });
            match outcome {
                Ok(Some(header)) => part.headers.push(header),
                Ok(None) => part.refused.push((job.source, Refusal::Directory)),
                Err(error) => part.refused.push((job.source, error.into())),
            }
        }
        progress.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
    part
}

/// Reads the header of a file into a buffer that is used again; `use_it` gets the file, its length on disk and how
/// many bytes were read.
fn read_header<T>(
    path: &Path,
    buffer: &mut Vec<u8>,
    use_it: impl FnOnce(&File<'_>, u64, u64) -> T,
) -> Result<T, ReadError> {
    let mut disk = OsFile::open(path).map_err(|e| ReadError::Io(e.kind()))?;
    let (mut filled, mut want) = (0, FIRST_READ);
    loop {
        if buffer.len() < want {
            buffer.resize(want, 0);
        }
        let whole = fill(&mut disk, &mut buffer[..want], &mut filled).map_err(|e| ReadError::Io(e.kind()))?;
        match file::read(&buffer[..filled], ReadOptions { header_only: true, partial: !whole }) {
            Err(ReadError::Truncated { .. }) if !whole && want < MAX_HEADER => want *= 8,
            Err(ReadError::Truncated { .. }) if !whole => {
                return Err(ReadError::TooLarge { limit_mib: (MAX_HEADER >> 20) as u64 });
            }
            Err(error) => return Err(error),
            Ok(file) => {
                let length =
                    if whole { filled as u64 } else { disk.metadata().map_or(filled as u64, |m| m.len()) };
                let out = use_it(&file, length, filled as u64);
                drop(file);
                buffer.truncate(FIRST_READ);
                buffer.shrink_to(FIRST_READ);
                return Ok(out);
            }
        }
    }
}

/// Fills the buffer from where it is filled; whether the file ended.
fn fill(disk: &mut OsFile, buffer: &mut [u8], filled: &mut usize) -> io::Result<bool> {
    while *filled < buffer.len() {
        match disk.read(&mut buffer[*filled..]) {
            Ok(0) => return Ok(true),
            Ok(n) => *filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}

/// Digest of decoded samples, the same in every encoding without loss; `None` where they cannot be decoded.
pub fn decoded_digest(file: &File<'_>) -> Option<u64> {
    let found = super::codec::open(file).and_then(|reader| super::codec::fingerprint(&reader)).ok()?;
    let mut digest = super::Digest::default();
    digest.bytes(found.pixels_sha256.as_bytes());
    Some(digest.finish())
}

/// Instances found in several files: whether their pixels are the same, as they are stored, or where that does not say
/// and `decode` allows it, decoded.
fn compare_copies(tree: &mut Tree, decode: bool) {
    let uid = |i: &u32| tree.headers[*i as usize].sop_uid.as_deref();
    let mut order: Vec<u32> = (0..tree.headers.len() as u32).filter(|i| uid(i).is_some()).collect();
    order.sort_unstable_by_key(|i| (uid(i), *i));
    let groups: Vec<Vec<u32>> =
        order.chunk_by(|a, b| uid(a) == uid(b)).filter(|g| g.len() > 1).map(<[u32]>::to_vec).collect();
    for group in groups {
        let encoding = |i: &u32| {
            let header = &tree.headers[*i as usize];
            header.pixel_bytes.is_none().then(|| Arc::clone(&header.common.transfer_syntax))
        };
        let decode = decode && group.iter().any(|i| encoding(i) != encoding(&group[0]));
        for i in group {
            let Some(path) = tree.path(tree.headers[i as usize].source) else { continue };
            let Ok(bytes) = fs::read(path) else { continue };
            tree.bytes_read += bytes.len() as u64;
            let Ok(file) = file::read(&bytes, ReadOptions::default()) else { continue };
            let header = &mut tree.headers[i as usize];
            header.pixel_digest = if decode { decoded_digest(&file) } else { pixel_digest(&file) };
            header.pixels_decoded = decode;
        }
    }
}
