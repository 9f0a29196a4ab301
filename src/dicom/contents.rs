//! The contents of a file of any size: what is small in memory, large values where they are.

use std::io::{self, Read, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dataset::{Fragments, Value};
use super::file::{self, File, MAX_RATIO, ReadError, ReadOptions, Syntax, beginning, encoding_at};
use super::parse::{Encoding, Large, MAX_ELEMENTS, MAX_ITEMS, Parser, Step};
use crate::bytes::{ByteSource, FileRange, Held, SpillBuffer, SpillConfig, Stamp};
use crate::model::{Tag, Vr, tags};

/// What is read ahead at first.
const AHEAD: u64 = 64 << 10;
/// All that is not large may come to so much.
const MAX_SMALL: usize = 200 << 20;
/// Where it comes to more than this, memory is asked for first.
const LONG: usize = 2 << 20;
/// What any deflated data set may grow to on the disk.
const FREE_INFLATED: u64 = 128 << 20;
/// What a deflated data set may grow to at most: lengths have 32 bits.
const MAX_INFLATED: u64 = 4 << 30;
/// An element that cannot be read is tried with so much more of the file.
const MAX_RETRY: usize = 16 << 20;

/// The contents of a file.
#[derive(Debug)]
pub struct Contents<'a> {
    whole: ByteSource<'a>,
    state: ContentsState,
    stamp: Option<Stamp>,
    held: Option<Held<'a>>,
}

#[derive(Debug)]
enum ContentsState {
    /// Everything is read from where it is.
    Memory,
    /// Large values were left out.
    Small(Small),
    /// It cannot be read.
    Broken(ReadError),
}

/// A file without its large values.
#[derive(Debug)]
struct Small {
    bytes: Vec<u8>,
    encoding: Encoding,
    cuts: Vec<Cut>,
}

/// A large value.
#[derive(Debug)]
struct Cut {
    tag: Tag,
    vr: Vr,
    value: Value<'static>,
    /// Where it would stand among what is small, and how many bytes are missing there.
    at: u64,
    bytes: u64,
}

impl<'a> From<&'a [u8]> for Contents<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { whole: bytes.into(), state: ContentsState::Memory, stamp: None, held: None }
    }
}

impl<'a> From<&'a Vec<u8>> for Contents<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::from(&**bytes)
    }
}

impl<'a> Contents<'a> {
    /// Of a file. What is wrong with it is said by [`Contents::read`]. A deflated data set is inflated into `scratch`,
    /// and a long header waits for its part of the memory there and holds it.
    pub fn of(whole: ByteSource<'a>, scratch: SpillConfig<'a>) -> Self {
        let stamp = match &whole {
            ByteSource::Stored(extent) => extent.stamp().unwrap_or_default(),
            ByteSource::Memory(_) => None,
        };
        let scan = catch_unwind(AssertUnwindSafe(|| ContentsState::of(&whole, scratch)));
        let scanned = scan.unwrap_or(Err(ReadError::Defect));
        let (state, held) = scanned.unwrap_or_else(|error| (ContentsState::Broken(error), None));
        Self { whole, state, stamp, held }
    }

    /// Whether memory is held for it.
    pub fn holds_memory(&self) -> bool {
        self.held.is_some()
    }

    /// Memory that its elements take, about, and what is made of them.
    pub fn working_bytes(&self) -> u64 {
        match &self.state {
            ContentsState::Memory => self.whole.len(),
            ContentsState::Small(small) => working_bytes(small.bytes.len() as u64),
            ContentsState::Broken(_) => 0,
        }
    }

    /// All bytes, as they are.
    pub fn whole(&self) -> &ByteSource<'a> {
        &self.whole
    }

    /// Reads the file. Large values are [`Value::Stored`], and fragments are; those of a file in memory are not.
    ///
    /// # Errors
    /// As [`super::read`].
    pub fn read(&self, options: ReadOptions) -> Result<File<'_>, ReadError> {
        match (&self.state, &self.whole) {
            (ContentsState::Memory, ByteSource::Memory(bytes)) => file::read(bytes, options),
            (ContentsState::Small(small), _) => small.read(),
            (ContentsState::Broken(error), _) => Err(error.clone()),
            (ContentsState::Memory, ByteSource::Stored(_)) => Err(ReadError::Defect),
        }
    }

    /// That what was read is what stands there still: large values are read more than once.
    ///
    /// # Errors
    /// [`ReadError::Changed`]; the file cannot be read.
    pub fn check_unchanged(&self) -> Result<(), ReadError> {
        match &self.whole {
            ByteSource::Stored(extent) if extent.stamp()? != self.stamp => Err(ReadError::Changed),
            _ => Ok(()),
        }
    }
}

impl ContentsState {
    fn of<'m>(
        whole: &ByteSource<'_>,
        scratch: SpillConfig<'m>,
    ) -> Result<(Self, Option<Held<'m>>), ReadError> {
        let extent = match whole {
            ByteSource::Stored(extent) => extent,
            ByteSource::Memory(bytes) => {
                return match beginning(bytes) {
                    Ok(begin) if begin.declared.as_deref() == Some(Syntax::DEFLATED) => {
                        Self::inflated(whole, begin.start as u64, scratch)
                    }
                    _ => Ok((Self::Memory, None)),
                };
            }
        };
        let mut scan = Scan::new(extent, scratch);
        let (start, declared) = scan.begin()?;
        if declared.as_deref() == Some(Syntax::DEFLATED) {
            drop(scan);
            return Self::inflated(whole, start as u64, scratch);
        }
        scan.small(start, declared.as_deref())
    }

    /// Of a deflated file whose data set begins at `start`: what it inflates to follows what stands before it.
    fn inflated<'m>(
        whole: &ByteSource<'_>,
        start: u64,
        scratch: SpillConfig<'m>,
    ) -> Result<(Self, Option<Held<'m>>), ReadError> {
        let head = whole.read(0..start)?;
        let mut draft = scratch.draft();
        draft.write_all(&head)?;
        let deflated = whole.range(start..whole.len());
        if !inflate(flate2::read::DeflateDecoder::new(deflated.reader()), deflated.len(), &mut draft)? {
            // Some files carry a zlib header that should not be there.
            draft = scratch.draft();
            draft.write_all(&head)?;
            if !inflate(flate2::read::ZlibDecoder::new(deflated.reader()), deflated.len(), &mut draft)? {
                return Err(ReadError::Deflate);
            }
        }
        let start = start as usize;
        match draft.finish()? {
            ByteSource::Memory(bytes) => {
                let (bytes, cuts) = (bytes.into_owned(), Vec::new());
                let encoding = encoding_at(&bytes, start, Some(Syntax::DEFLATED));
                Ok((Self::Small(Small { bytes, encoding, cuts }), None))
            }
            ByteSource::Stored(extent) => {
                let mut scan = Scan::new(&extent, scratch);
                while scan.bytes.len() < start + 8 && scan.more()? {}
                scan.small(start, Some(Syntax::DEFLATED))
            }
        }
    }
}

/// Memory for a header of so many bytes: itself, what is written of it, and its elements, which may be as short as can be.
fn working_bytes(header: u64) -> u64 {
    const ELEMENT: u64 = 100;
    header + header / 4 + ELEMENT * (header / 16).min(MAX_ELEMENTS as u64)
}

/// Inflates `bytes` deflated bytes to the end of a draft; whether it was a whole stream. Nothing is said of one that does
/// not even begin.
///
/// # Errors
/// It grows beyond all measure, or is cut; there is no room.
fn inflate(mut stream: impl Read, bytes: u64, draft: &mut SpillBuffer<'_>) -> Result<bool, ReadError> {
    let limit = bytes.saturating_mul(MAX_RATIO).clamp(FREE_INFLATED, MAX_INFLATED);
    let (before, mut piece) = (draft.len(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(true),
            Ok(n) => draft.write_all(&piece[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if draft.len() == before => return Ok(false),
            Err(_) => return Err(ReadError::Deflate),
        }
        if draft.len() - before > limit {
            return Err(ReadError::TooLarge { limit_mib: limit >> 20 });
        }
    }
}

impl Small {
    fn read(&self) -> Result<File<'_>, ReadError> {
        let mut file =
            file::read_settled(&self.bytes, self.encoding).map_err(|e| in_the_file(e, &self.cuts))?;
        file.truncated_at = file.truncated_at.map(|at| place(at, &self.cuts));
        for cut in &self.cuts {
            // Of elements with the same tag the first counts; an empty one is what a cut leaves.
            if let Some(element) = file.dataset.get_mut(cut.tag).filter(|e| e.is_empty()) {
                element.vr = cut.vr;
                element.value = cut.value.clone();
            }
        }
        // What is small was turned when it was read.
        let pixels = file.dataset.get(tags::PIXEL_DATA).map(|e| &e.value);
        if self.encoding.big_endian && matches!(pixels, Some(Value::Stored(_))) {
            file::turn_wide_samples(&mut file.dataset);
        }
        Ok(file)
    }
}

/// Where in the file something stands that is at `at` of what is small: what follows a cut begins where the cut does.
fn place(at: u64, cuts: &[Cut]) -> u64 {
    at + cuts.iter().filter(|cut| cut.at <= at).map(|cut| cut.bytes).sum::<u64>()
}

fn in_the_file(error: ReadError, cuts: &[Cut]) -> ReadError {
    match error {
        ReadError::Truncated { at } => ReadError::Truncated { at: place(at, cuts) },
        ReadError::Malformed { at } => ReadError::Malformed { at: place(at, cuts) },
        other => other,
    }
}

/// The walk over the elements of the root.
struct Scan<'f, 'm> {
    file: &'f FileRange,
    /// What is small so far, then what was read ahead.
    bytes: Vec<u8>,
    /// Where in the file the bytes behind stand.
    source: u64,
    cuts: Vec<Cut>,
    scratch: SpillConfig<'m>,
    held: Option<Held<'m>>,
}

impl<'f, 'm> Scan<'f, 'm> {
    fn new(file: &'f FileRange, scratch: SpillConfig<'m>) -> Self {
        // Room for all that may be small, of which nothing is touched before it is needed: a long header that grows
        // piece by piece would be copied again and again.
        let room = file.len().min(MAX_SMALL as u64) as usize;
        let mut bytes = Vec::new();
        // Where there is no such room, it grows.
        let _ = bytes.try_reserve_exact(room);
        Self { file, bytes, source: 0, cuts: Vec::new(), scratch, held: None }
    }

    /// Where the data set begins, and the transfer syntax where the file says it.
    fn begin(&mut self) -> Result<(usize, Option<String>), ReadError> {
        self.ahead(AHEAD)?;
        loop {
            match beginning(&self.bytes) {
                Err(ReadError::Truncated { .. }) if self.more()? => {}
                other => break other.map(|begin| (begin.start, begin.declared)),
            }
        }
    }

    /// The file without its large values.
    fn small(
        mut self,
        start: usize,
        declared: Option<&str>,
    ) -> Result<(ContentsState, Option<Held<'m>>), ReadError> {
        let encoding = encoding_at(&self.bytes, start, declared);
        self.root(start, encoding)?;
        self.bytes.shrink_to_fit();
        Ok((ContentsState::Small(Small { bytes: self.bytes, encoding, cuts: self.cuts }), self.held))
    }

    /// Reads so much more; whether there was any.
    fn ahead(&mut self, bytes: u64) -> Result<bool, ReadError> {
        let end = self.source.saturating_add(bytes).min(self.file.len());
        if end == self.source {
            return Ok(false);
        }
        let room = (MAX_SMALL - self.bytes.len().min(MAX_SMALL)) as u64;
        if room == 0 {
            return Err(ReadError::TooLarge { limit_mib: (MAX_SMALL >> 20) as u64 });
        }
        let end = end.min(self.source + room);
        if self.held.is_none() && self.bytes.len() > LONG {
            // How long it is nobody knows yet, nor what its frames take.
            self.held = self.scratch.hold(u64::MAX);
        }
        self.file.append(self.source..end, &mut self.bytes)?;
        self.source = end;
        Ok(true)
    }

    fn more(&mut self) -> Result<bool, ReadError> {
        self.ahead((self.bytes.len() as u64 / 2).max(AHEAD))
    }

    fn root(&mut self, mut pos: usize, encoding: Encoding) -> Result<(), ReadError> {
        loop {
            if pos >= self.bytes.len() && !self.more()? {
                return Ok(());
            }
            match Parser::passer(&self.bytes).step(pos, encoding) {
                Ok(Step::Ends(next)) => pos = next,
                Ok(Step::Large(large)) => pos = self.leave_out(&large, encoding)?,
                Err(ReadError::Truncated { .. }) if self.more()? => {}
                // The rest is for the parser to judge: it may be padding.
                Err(_) if self.bytes.len() - pos < MAX_RETRY => {
                    if !self.more()? {
                        return Ok(());
                    }
                }
                Err(error) => return Err(in_the_file(error, &self.cuts)),
            }
        }
    }

    /// Takes a value out of what is small; what follows it begins where it began.
    fn leave_out(&mut self, large: &Large, encoding: Encoding) -> Result<usize, ReadError> {
        // Where in the file the value begins: what was read ahead of it is given back.
        let begin = self.source - (self.bytes.len() - large.value) as u64;
        let (value, end) = match large.length {
            Some(length) => {
                let end = begin + u64::from(length);
                if end > self.file.len() {
                    return Err(ReadError::Truncated { at: begin });
                }
                let unit = if encoding.big_endian { large.vr.unit() } else { 1 };
                (Value::Stored(self.file.part(begin..end).turned(unit)), end)
            }
            None => self.fragments(begin, encoding)?,
        };
        let vr = if large.length.is_none() { Vr::OB } else { large.vr };
        let (at, bytes) = (large.value as u64, end - begin);
        self.cuts.push(Cut { tag: large.tag, vr, value, at, bytes });
        self.bytes.truncate(large.value);
        self.bytes[large.value - 4..].fill(0);
        self.source = end;
        Ok(large.value)
    }

    /// The fragments that begin at `at` of the file, and where they end.
    fn fragments(&self, mut at: u64, encoding: Encoding) -> Result<(Value<'static>, u64), ReadError> {
        let whole = ByteSource::Stored(self.file.clone());
        let mut items = Vec::new();
        loop {
            let head = match whole.read(at..at + 8) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ReadError::Truncated { at });
                }
                head => head?,
            };
            let (tag, length, _) = Parser::new(&head, false).item_at(0, encoding)?;
            at += 8;
            if tag == tags::SEQUENCE_DELIMITATION_ITEM {
                break;
            }
            if tag != tags::ITEM || length == u32::MAX {
                return Err(ReadError::Malformed { at });
            }
            let end = at + u64::from(length);
            if end > self.file.len() {
                return Err(ReadError::Truncated { at });
            }
            if items.len() > MAX_ITEMS {
                return Err(ReadError::TooManyElements);
            }
            items.push(self.file.part(at..end));
            at = end;
        }
        let mut items = items.into_iter();
        let offsets = match items.next() {
            // A table of more frames than there can be fragments is none.
            Some(table) if table.len() <= 4 * MAX_ITEMS as u64 => ByteSource::Stored(table).into_bytes()?,
            Some(_) => return Err(ReadError::TooManyElements),
            None => Vec::new(),
        };
        let fragments =
            Fragments { offsets: offsets.into(), fragments: items.map(ByteSource::Stored).collect() };
        Ok((fragments.into(), at))
    }
}
