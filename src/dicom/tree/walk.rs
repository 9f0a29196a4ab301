//! Walking: folders in the order of names, files and members of archives in batches.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Folder, Paths};
use crate::source::archive::{Archive, is_archive};
use crate::source::{NotRead, Unread};

/// Files that a worker takes at once, and batches that may wait.
const BATCH: usize = 256;
pub(super) const QUEUE: usize = 16;

/// A file to be read.
pub(super) struct Job {
    pub(super) source: u32,
    pub(super) place: Place,
}

/// Where it is.
pub(super) enum Place {
    /// A file of a folder.
    Disk(Arc<Path>, Box<OsStr>),
    /// A member of an archive.
    Member(Arc<Archive>, usize),
}

/// What a walk found.
pub(super) struct Walked {
    pub(super) paths: Paths,
    pub(super) unreadable: Vec<PathBuf>,
    pub(super) unread: Unread,
}

/// Walks folders in the order of names and hands files on in batches.
pub(super) struct Walk {
    paths: Paths,
    unreadable: Vec<PathBuf>,
    unread: Unread,
    batch: Vec<Job>,
    sender: crossbeam_channel::Sender<Vec<Job>>,
}

impl Walk {
    pub(super) fn new(sender: crossbeam_channel::Sender<Vec<Job>>) -> Self {
        Self {
            paths: Paths::default(),
            unreadable: Vec::new(),
            unread: Unread::new(),
            batch: Vec::new(),
            sender,
        }
    }

    /// Walks, and hangs up when it is done, so that readers end.
    pub(super) fn roots(mut self, roots: &[PathBuf]) -> Walked {
        for root in roots {
            match fs::metadata(root) {
                Ok(meta) if meta.is_dir() => self.tree(root),
                Ok(meta) if meta.is_file() && is_archive(root) && !is_dicom(root) => self.archive(root),
                Ok(meta) if meta.is_file() => {
                    self.paths.folders.push(Folder::Disk(root.as_path().into()));
                    self.file(&root.as_path().into(), OsString::new().into());
                }
                _ => {}
            }
        }
        self.send();
        Walked { paths: self.paths, unreadable: self.unreadable, unread: self.unread }
    }

    /// Folders wait on a stack, so that depth costs no recursion; the last pushed comes first.
    fn tree(&mut self, root: &Path) {
        let mut waiting = vec![root.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    *self.unread.entry(NotRead::of_folder(error.kind())).or_default() += 1;
                    self.unreadable.push(folder);
                    continue;
                }
            };
            let (mut files, mut folders) = (Vec::new(), Vec::new());
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_file() => files.push(entry.file_name()),
                    Ok(kind) if kind.is_dir() => folders.push(entry.file_name()),
                    Ok(kind) if kind.is_symlink() => {
                        *self.unread.entry(NotRead::SymbolicLink).or_default() += 1;
                    }
                    Ok(_) => *self.unread.entry(NotRead::SpecialFile).or_default() += 1,
                    Err(error) => *self.unread.entry(NotRead::of_file(error.kind())).or_default() += 1,
                }
            }
            files.sort_unstable();
            folders.sort_unstable();
            waiting.extend(folders.iter().rev().map(|name| folder.join(name)));
            self.files(&folder, files);
        }
    }

    fn files(&mut self, folder: &Path, names: Vec<OsString>) {
        let shared: Arc<Path> = folder.into();
        let mut begun = false;
        for name in names {
            if is_archive(Path::new(&name)) {
                let path = folder.join(&name);
                if !is_dicom(&path) {
                    self.archive(&path);
                    begun = false;
                    continue;
                }
            }
            if !begun {
                self.paths.folders.push(Folder::Disk(Arc::clone(&shared)));
                begun = true;
            }
            self.file(&shared, name.into());
        }
    }

    fn file(&mut self, folder: &Arc<Path>, name: Box<OsStr>) {
        self.job(Place::Disk(Arc::clone(folder), name.clone()), name);
    }

    /// Every member is a file of its own. Compressed tars are spooled where temporary files go, sealed and without a name.
    fn archive(&mut self, path: &Path) {
        let archive = Arc::new(Archive::open(path, &std::env::temp_dir()));
        self.paths.folders.push(Folder::Archive(Arc::clone(&archive), self.paths.files.len() as u32));
        for index in 0..archive.members().len() {
            // The archive knows the name.
            self.job(Place::Member(Arc::clone(&archive), index), OsString::new().into());
        }
    }

    fn job(&mut self, place: Place, name: Box<OsStr>) {
        let (folder, source) = (self.paths.folders.len() - 1, self.paths.files.len() as u32);
        self.batch.push(Job { source, place });
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

/// A DICOM file that is named like an archive.
fn is_dicom(path: &Path) -> bool {
    let mut mark = [0; 4];
    File::open(path).and_then(|file| file.read_exact_at(&mut mark, 128)).is_ok() && &mark == b"DICM"
}
