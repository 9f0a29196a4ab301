//! Reading the headers of a batch of files: as few calls and bytes as it takes.

use std::ffi::OsStr;
use std::fs::File as OsFile;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags};

use super::directory::Listing;
use super::walk::{Job, Place};
use super::{Refusal, Tree, join};
use crate::dicom::file::{self, ReadError, ReadOptions, is_all_there, read_header};
use crate::dicom::{Digest, File, codec, header, pixel_digest};
use crate::model::{Header, Interner};

/// What one reader found.
#[derive(Default)]
pub(super) struct Part {
    pub(super) headers: Vec<Header>,
    pub(super) refused: Vec<(u32, Refusal)>,
    pub(super) listings: Vec<Listing>,
    pub(super) bytes_read: u64,
}

/// What a file turned out to be.
enum Found {
    Instance(Box<Header>),
    Directory(Listing),
}

/// Reads batches until there are no more.
pub(super) fn batches(
    receiver: &crossbeam_channel::Receiver<Vec<Job>>,
    interner: &Interner,
    progress: &AtomicU64,
) -> Part {
    let mut part = Part::default();
    let (mut buffer, mut opener) = (Vec::new(), Opener::default());
    for batch in receiver {
        for job in &batch {
            let mut read = 0;
            // A defect in reading one file must not take the others with it.
            let outcome =
                catch_unwind(AssertUnwindSafe(|| one(job, &mut opener, &mut buffer, interner, &mut read)))
                    .unwrap_or(Err(ReadError::Defect.into()));
            part.bytes_read += read;
            match outcome {
                Ok(Found::Instance(header)) => part.headers.push(*header),
                Ok(Found::Directory(listing)) => {
                    part.listings.push(listing);
                    part.refused.push((job.source, Refusal::Directory));
                }
                Err(refusal) => part.refused.push((job.source, refusal)),
            }
        }
        progress.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
    part
}

fn one(
    job: &Job,
    opener: &mut Opener,
    buffer: &mut Vec<u8>,
    interner: &Interner,
    read: &mut u64,
) -> Result<Found, Refusal> {
    let use_it = |file: &File<'_>, length: u64| {
        if file.is_directory() {
            Found::Directory(Listing::of(file, job.source))
        } else {
            Found::Instance(Box::new(header(file, length, interner, job.source)))
        }
    };
    match &job.place {
        Place::Disk(folder, name) => {
            let mut disk = opener.open(folder, name).map_err(ReadError::from)?;
            let found = read_header(&mut disk, buffer, read, |file, filled, disk| {
                let length = || disk.metadata().map_or(filled, |m| m.len());
                use_it(file, if is_all_there(file, filled) { filled } else { length() })
            });
            Ok(found?)
        }
        Place::Member(archive, index) => {
            let length = archive.members().get(*index).map_or(0, |m| m.bytes);
            let mut member = archive.reader(*index)?;
            Ok(read_header(&mut member, buffer, read, |file, _, _| use_it(file, length))?)
        }
    }
}

/// Opens files that follow one another in a folder without walking the whole path for each.
#[derive(Default)]
struct Opener {
    last: Option<Arc<Path>>,
    folder: Option<OwnedFd>,
}

impl Opener {
    fn open(&mut self, folder: &Arc<Path>, name: &OsStr) -> io::Result<OsFile> {
        if !self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, folder)) {
            (self.last, self.folder) = (Some(Arc::clone(folder)), None);
            return OsFile::open(join(folder, name));
        }
        if name.is_empty() {
            return OsFile::open(folder);
        }
        let at = match &self.folder {
            Some(at) => at,
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
                self.folder.insert(rustix::fs::open(&**folder, flags, Mode::empty())?)
            }
        };
        Ok(rustix::fs::openat(at, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?.into())
    }
}

/// Digest of decoded samples, the same in every encoding without loss; `None` where they cannot be decoded.
pub fn decoded_digest(file: &File<'_>) -> Option<u64> {
    let found = codec::open(file).and_then(|reader| codec::fingerprint(&reader)).ok()?;
    let mut digest = Digest::default();
    digest.bytes(found.pixels_sha256.as_bytes());
    Some(digest.finish())
}

/// Instances found in several files: whether their pixels are the same, as they are stored, or where that does not say
/// and `decode` allows it, decoded.
pub(super) fn compare_copies(tree: &mut Tree, decode: bool) {
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
        let encodings_differ = group.iter().any(|i| encoding(i) != encoding(&group[0]));
        let mut stored: Vec<Option<u64>> = Vec::with_capacity(group.len());
        for &i in &group {
            let digest = of_file(tree, i, pixel_digest);
            stored.push(digest);
            tree.headers[i as usize].pixel_digest = digest;
        }
        // Where they differ, which of them can be decoded decides which is used.
        if decode && (encodings_differ || stored.iter().any(|d| *d != stored[0])) {
            for i in group {
                let digest = of_file(tree, i, decoded_digest);
                let header = &mut tree.headers[i as usize];
                (header.pixel_digest, header.pixels_decoded) = (digest, true);
            }
        }
    }
}

/// A digest of the pixels of an instance; `None` where its file cannot be read.
fn of_file(tree: &mut Tree, index: u32, digest: impl Fn(&File<'_>) -> Option<u64>) -> Option<u64> {
    let bytes = tree.read(tree.headers[index as usize].source).ok()?;
    tree.bytes_read += bytes.len() as u64;
    digest(&file::read(&bytes, ReadOptions::default()).ok()?)
}
