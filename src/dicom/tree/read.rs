//! Reading the headers of a batch of files: as few calls and bytes as it takes.

use std::fs::File as OsFile;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::directory::Listing;
use super::walk::{Job, Place};
use super::{Refusal, Tree, join};
use crate::dicom::file::{self, ReadError, ReadOptions};
use crate::dicom::{Digest, File, Value, codec, header, pixel_digest};
use crate::model::{Header, Interner};

/// The first read of a header; most end within it.
const FIRST_READ: usize = 16 << 10;
/// A header beyond this is refused.
const MAX_HEADER: usize = 256 << 20;

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
    let mut buffer = vec![0; FIRST_READ];
    for batch in receiver {
        for job in &batch {
            let mut read = 0;
            // A defect in reading one file must not take the others with it.
            let outcome = catch_unwind(AssertUnwindSafe(|| one(job, &mut buffer, interner, &mut read)))
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

fn one(job: &Job, buffer: &mut Vec<u8>, interner: &Interner, read: &mut u64) -> Result<Found, Refusal> {
    let use_it = |file: &File<'_>, length: u64| {
        if file.is_directory() {
            Found::Directory(Listing::of(file, job.source))
        } else {
            Found::Instance(Box::new(header(file, length, interner, job.source)))
        }
    };
    match &job.place {
        Place::Disk(folder, name) => {
            let mut disk = OsFile::open(join(folder, name)).map_err(ReadError::from)?;
            let found = with_header(&mut disk, buffer, read, |file, filled, disk| {
                let length = || disk.metadata().map_or(filled, |m| m.len());
                use_it(file, if is_all_there(file, filled) { filled } else { length() })
            });
            Ok(found?)
        }
        Place::Member(archive, index) => {
            let length = archive.members().get(*index).map_or(0, |m| m.bytes);
            let mut member = archive.reader(*index)?;
            Ok(with_header(&mut member, buffer, read, |file, _, _| use_it(file, length))?)
        }
    }
}

/// Whether what was read holds the pixel data too, or there is none: how long the file is then tells nothing new.
fn is_all_there(file: &File<'_>, filled: u64) -> bool {
    match file.dataset.elements().last().map(|e| &e.value) {
        Some(Value::Unread(Some(length))) => u64::from(*length) <= filled,
        Some(Value::Unread(None)) | None => false,
        Some(_) => true,
    }
}

/// Reads the header of a file into a buffer that is used again; `use_it` gets the file and how many bytes of it were
/// read. Small files take one call: that a second would give nothing is asked only where the header has not ended.
fn with_header<R: Read, T>(
    reader: &mut R,
    buffer: &mut Vec<u8>,
    read: &mut u64,
    use_it: impl FnOnce(&File<'_>, u64, &R) -> T,
) -> Result<T, ReadError> {
    let (mut filled, mut want, mut whole) = (0, FIRST_READ, false);
    let outcome = loop {
        if buffer.len() < want {
            buffer.resize(want, 0);
        }
        match reader.read(&mut buffer[filled..want]) {
            Ok(0) => whole = true,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => break Err(e.into()),
        }
        match file::read(&buffer[..filled], ReadOptions { header_only: true, partial: !whole }) {
            Err(ReadError::Truncated { .. }) if !whole && filled < want => {}
            Err(ReadError::Truncated { .. }) if !whole && want < MAX_HEADER => want *= 8,
            Err(ReadError::Truncated { .. }) if !whole => {
                break Err(ReadError::TooLarge { limit_mib: (MAX_HEADER >> 20) as u64 });
            }
            // What cannot be told from so few bytes may be told from more.
            Err(ReadError::NotDicom | ReadError::Deflate) if !whole && filled < FIRST_READ => {}
            Err(error) => break Err(error),
            Ok(file) => break Ok(use_it(&file, filled as u64, reader)),
        }
    };
    *read += filled as u64;
    buffer.truncate(FIRST_READ);
    buffer.shrink_to(FIRST_READ);
    outcome
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
