//! Bytes that need not be in memory: of a large file only what is small is read, and what is made of it goes to a
//! sealed file without a name. What cannot be small takes its part of an allowance.

pub mod gzip;
mod memory_budget;
mod spill_buffer;
mod spool;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

pub use memory_budget::{Held, MemoryBudget};
pub use spill_buffer::{NoRoom, SpillBuffer, SpillConfig};
pub use spool::Spool;

/// Values and files from this size on stay where they are.
pub const LARGE: u64 = 1 << 20;
/// How much of them is looked at in one piece.
const PIECE: u64 = 1 << 20;

/// Something that bytes are read from at any place, by several threads.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// As [`FileExt::read_at`].
    ///
    /// # Errors
    /// The operating system refuses.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// What is different after somebody has written to it; `None` where nobody else can.
    ///
    /// # Errors
    /// The operating system refuses.
    fn stamp(&self) -> io::Result<Option<Stamp>> {
        Ok(None)
    }
}

/// Size of a file and when it was last written to. That it was renamed or linked changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp([i64; 3]);

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, at)
    }

    fn stamp(&self) -> io::Result<Option<Stamp>> {
        let m = self.metadata()?;
        Ok(Some(Stamp([m.size() as i64, m.mtime(), m.mtime_nsec()])))
    }
}

/// Some of the bytes of a file. As small as it can be: every value of a data set has room for one.
#[derive(Debug, Clone)]
pub struct FileRange(Box<Place>);

#[derive(Debug, Clone)]
struct Place {
    store: Arc<dyn ReadAt>,
    /// Where the value that they are of begins, and how long that is.
    at: u64,
    whole: u64,
    /// Where in it they begin.
    skip: u64,
    length: u64,
    /// Bytes of a number that stands there in the other byte order, counted from the beginning of the value.
    swapped: u8,
}

impl PartialEq for FileRange {
    fn eq(&self, other: &Self) -> bool {
        let place = |e: &Place| (e.at, e.whole, e.skip, e.length, e.swapped);
        Arc::ptr_eq(&self.0.store, &other.0.store) && place(&self.0) == place(&other.0)
    }
}

impl Eq for FileRange {}

impl FileRange {
    /// `length` bytes from `at` on.
    pub fn new(store: Arc<dyn ReadAt>, at: u64, length: u64) -> Self {
        Self(Box::new(Place { store, at, whole: length, skip: 0, length, swapped: 1 }))
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.0.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.length == 0
    }

    /// Part of them, as far as it is there.
    #[must_use]
    pub fn part(&self, range: Range<u64>) -> Self {
        let end = range.end.min(self.0.length);
        let start = range.start.min(end);
        Self(Box::new(Place { skip: self.0.skip + start, length: end - start, ..(*self.0).clone() }))
    }

    /// The same as a value of numbers of so many bytes, each turned to the other byte order.
    #[must_use]
    pub fn turned(&self, unit: usize) -> Self {
        let swapped = unit.clamp(1, 8) as u8;
        let Place { at, skip, length, .. } = *self.0;
        Self(Box::new(Place { at: at + skip, whole: length, skip: 0, swapped, ..(*self.0).clone() }))
    }

    /// See [`ReadAt::stamp`].
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn stamp(&self) -> io::Result<Option<Stamp>> {
        self.0.store.stamp()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_to(range, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a range in place of what a buffer held.
    fn read_to(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
        let Place { at, whole, skip, swapped, .. } = *self.0;
        let unit = u64::from(swapped);
        let range = skip + range.start..skip + range.end;
        // Whole numbers, as far as there are any.
        let (start, end) = (range.start / unit * unit, range.end.next_multiple_of(unit).min(whole));
        let size = usize::try_from(end.saturating_sub(start)).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(size, 0);
        self.fill(bytes, at + start)?;
        if unit > 1 {
            bytes.chunks_exact_mut(unit as usize).for_each(<[u8]>::reverse);
        }
        bytes.truncate((range.end - start) as usize);
        bytes.drain(..(range.start - start) as usize);
        Ok(())
    }

    /// Adds the bytes of a range, as they stand there, to those that are read already.
    ///
    /// # Errors
    /// As [`ByteSource::read`].
    pub fn append(&self, range: Range<u64>, to: &mut Vec<u8>) -> io::Result<()> {
        if range.start > range.end || range.end > self.0.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let before = to.len();
        to.resize(before + (range.end - range.start) as usize, 0);
        self.fill(&mut to[before..], self.0.at + self.0.skip + range.start)
    }

    /// Fills a buffer with what stands at a place of the file.
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.store.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// Reads a file that is said to have `length` bytes to its end, but no more than `most` bytes: one call where nobody
/// writes to it meanwhile.
///
/// # Errors
/// The file cannot be read.
pub fn read_whole(file: &mut impl Read, length: usize, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.saturating_add(1).min(most)];
    let mut filled = 0;
    while filled < most {
        if filled == bytes.len() {
            bytes.resize((2 * filled).min(most), 0);
        }
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        // There was room for more, and no more came.
        if filled == length {
            break;
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Bytes in memory, or in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByteSource<'a> {
    /// In memory.
    Memory(Cow<'a, [u8]>),
    /// In a file.
    Stored(FileRange),
}

impl<'a> From<&'a [u8]> for ByteSource<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Memory(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for ByteSource<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(Cow::Owned(bytes))
    }
}

impl<'a> ByteSource<'a> {
    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(extent) => extent.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where it reaches beyond the end; the file cannot be read.
    pub fn read(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        if range.start > range.end || range.end > self.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(&bytes[range.start as usize..range.end as usize])),
            Self::Stored(extent) => extent.read(range).map(Cow::Owned),
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn all(&self) -> io::Result<Cow<'_, [u8]>> {
        self.read(0..self.len())
    }

    /// All bytes, for whoever needs them in memory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.into_owned()),
            Self::Stored(extent) => extent.read(0..extent.len()),
        }
    }

    /// The same bytes, owned by this one.
    pub fn borrowed(&self) -> ByteSource<'_> {
        match self {
            Self::Memory(bytes) => ByteSource::Memory(Cow::Borrowed(bytes)),
            Self::Stored(extent) => ByteSource::Stored(extent.clone()),
        }
    }

    /// A range of them, as far as it is there: nothing is copied.
    #[must_use]
    pub fn range(&self, range: Range<u64>) -> ByteSource<'_> {
        match self {
            Self::Memory(bytes) => {
                let end = bytes.len().min(usize::try_from(range.end).unwrap_or(usize::MAX));
                ByteSource::from(&bytes[end.min(range.start as usize)..end])
            }
            Self::Stored(extent) => ByteSource::Stored(extent.part(range)),
        }
    }

    /// The same with every byte its own.
    pub fn into_owned(self) -> ByteSource<'static> {
        match self {
            Self::Memory(bytes) => ByteSource::Memory(Cow::Owned(bytes.into_owned())),
            Self::Stored(extent) => ByteSource::Stored(extent),
        }
    }

    /// Part of the bytes, as far as they are there: in memory a copy.
    #[must_use]
    pub fn part(&self, range: Range<u64>) -> ByteSource<'static> {
        match self {
            Self::Memory(bytes) => {
                let end = bytes.len().min(range.end as usize);
                bytes[end.min(range.start as usize)..end].to_vec().into()
            }
            Self::Stored(extent) => ByteSource::Stored(extent.part(range)),
        }
    }

    /// The first bytes, as many as there are of `length`.
    #[must_use]
    pub fn cut(self, length: u64) -> Self {
        match self {
            Self::Memory(Cow::Borrowed(all)) => {
                Self::Memory(Cow::Borrowed(&all[..all.len().min(length as usize)]))
            }
            Self::Memory(Cow::Owned(mut all)) => {
                all.truncate(length as usize);
                Self::Memory(Cow::Owned(all))
            }
            Self::Stored(extent) => Self::Stored(extent.part(0..length)),
        }
    }

    /// Gives the bytes piece by piece: in memory all at once.
    ///
    /// # Errors
    /// The file cannot be read; what `look` says.
    pub fn each<E: From<io::Error>>(&self, mut look: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::Memory(bytes) => look(bytes),
            Self::Stored(extent) => {
                let (starts, mut bytes) = ((0..extent.len()).step_by(PIECE as usize), Vec::new());
                starts.map(|at| at..(at + PIECE).min(extent.len())).try_for_each(|piece| {
                    extent.read_to(piece, &mut bytes)?;
                    look(&bytes)
                })
            }
        }
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// One of the two files refuses.
    pub fn copy_to(&self, out: &mut impl Write) -> io::Result<()> {
        self.each(|piece| out.write_all(piece))
    }

    /// A reader of the bytes.
    pub fn reader(&'a self) -> Reader<'a> {
        Reader { bulk: self, at: 0 }
    }
}

/// Reads bytes one after the other.
#[derive(Debug)]
pub struct Reader<'a> {
    bulk: &'a ByteSource<'a>,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.at.saturating_add(buffer.len() as u64).min(self.bulk.len());
        let bytes = self.bulk.read(self.at.min(end)..end)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at = end;
        Ok(bytes.len())
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.bulk.len(), by),
        };
        self.at = from.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(bytes: &[u8]) -> FileRange {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(b"behind").unwrap();
        FileRange::new(Arc::new(file), 6, bytes.len() as u64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_file_holds_the_same_as_memory(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            a in 0_u64..320,
            b in 0_u64..320,
            unit in prop::sample::select(vec![1_usize, 2, 4, 8]),
        ) {
            let whole = bytes.len() / unit * unit;
            let bytes = &bytes[..whole];
            let mut turned = bytes.to_vec();
            turned.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
            let (memory, file) = (ByteSource::from(&turned[..]), ByteSource::Stored(stored(bytes).turned(unit)));
            prop_assert_eq!(memory.len(), file.len());
            match (memory.read(a..b), file.read(a..b)) {
                (Ok(m), Ok(f)) => prop_assert_eq!(m, f),
                (m, f) => prop_assert!(m.is_err() && f.is_err()),
            }
            let mut reader = file.reader();
            reader.seek(SeekFrom::Start(a)).unwrap();
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            prop_assert_eq!(&rest[..], &turned[turned.len().min(a as usize)..]);
            let parts = [memory.part(a..b), file.part(a..b)].map(|part| part.into_bytes().unwrap());
            prop_assert_eq!(&parts[0], &parts[1]);
            prop_assert_eq!(file.cut(b).into_bytes().unwrap(), memory.cut(b).into_bytes().unwrap());
        }
    }

    /// Gives what a file holds in pieces, and counts the calls.
    struct Pieces(Vec<&'static [u8]>, usize);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            let Some(piece) = self.0.first_mut() else { return Ok(0) };
            let n = piece.len().min(buffer.len());
            buffer[..n].copy_from_slice(&piece[..n]);
            *piece = &piece[n..];
            if piece.is_empty() {
                self.0.remove(0);
            }
            Ok(n)
        }
    }

    #[test]
    fn a_small_file_is_read_by_one_call_and_to_its_end_whatever_its_length_was() {
        let read = |pieces: &[&'static [u8]], length, most| {
            let mut file = Pieces(pieces.to_vec(), 0);
            let bytes = read_whole(&mut file, length, most).unwrap();
            (bytes, file.1)
        };
        assert_eq!(read(&[b"abcdef"], 6, 100), (b"abcdef".to_vec(), 1));
        assert_eq!(read(&[b"abc", b"def"], 6, 100), (b"abcdef".to_vec(), 2));
        // It has grown, or shrunk.
        assert_eq!(read(&[b"abcdefgh"], 6, 100).0, b"abcdefgh");
        assert_eq!(read(&[b"ab"], 6, 100).0, b"ab");
        assert_eq!(read(&[b"abcdef"], 6, 4).0, b"abcd");
        assert_eq!(read(&[b"abcdef"], 0, 100).0, b"abcdef");
        assert_eq!(read(&[], 0, 100).0, b"");
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_one_that_is_written_to_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 100]).unwrap();
        let extent = FileRange::new(Arc::new(File::open(file.path()).unwrap()), 0, 100);
        let before = extent.stamp().unwrap();
        assert_eq!(extent.stamp().unwrap(), before);
        std::fs::write(file.path(), [8; 50]).unwrap();
        assert_ne!(extent.stamp().unwrap(), before);
        assert_eq!(ByteSource::Stored(extent).all().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
