//! The contents of a file of any size: what is small in memory, large values where they are.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dataset::{Fragments, Value};
use super::file::{self, File, ReadError, ReadOptions, Syntax, beginning, encoding_at};
use super::parse::{Encoding, Large, MAX_ITEMS, Parser, Step};
use crate::bulk::{Bulk, Extent, Stamp};
use crate::model::{Tag, Vr, tags};

/// What is read ahead at first.
const AHEAD: u64 = 64 << 10;
/// All that is not large may come to so much.
const MAX_SMALL: usize = 256 << 20;
/// An element that cannot be read is tried with so much more of the file.
const MAX_RETRY: usize = 16 << 20;

/// The contents of a file.
#[derive(Debug)]
pub struct Contents<'a> {
    whole: Bulk<'a>,
    state: State,
    stamp: Option<Stamp>,
}

#[derive(Debug)]
enum State {
    /// Everything is read from where it is.
    Memory,
    /// Large values were left out.
    Small(Small),
    /// All of it was read, for it is deflated.
    Deflated(Vec<u8>),
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
        Self { whole: bytes.into(), state: State::Memory, stamp: None }
    }
}

impl<'a> From<&'a Vec<u8>> for Contents<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::from(&**bytes)
    }
}

impl<'a> Contents<'a> {
    /// Of a file. What is wrong with it is said by [`Contents::read`].
    pub fn of(whole: Bulk<'a>) -> Self {
        let Bulk::Stored(extent) = &whole else { return Self { whole, state: State::Memory, stamp: None } };
        let stamp = extent.stamp().unwrap_or_default();
        let scan = catch_unwind(AssertUnwindSafe(|| State::of(extent)));
        let state = scan.unwrap_or(Err(ReadError::Defect)).unwrap_or_else(State::Broken);
        Self { stamp, state, whole }
    }

    /// All bytes, as they are.
    pub fn whole(&self) -> &Bulk<'a> {
        &self.whole
    }

    /// Reads the file. Large values are [`Value::Stored`], and fragments are; those of a file in memory are not.
    ///
    /// # Errors
    /// As [`super::read`].
    pub fn read(&self, options: ReadOptions) -> Result<File<'_>, ReadError> {
        match (&self.state, &self.whole) {
            (State::Memory, Bulk::Memory(bytes)) => file::read(bytes, options),
            (State::Small(small), _) => small.read(),
            (State::Deflated(bytes), _) => file::read(bytes, options),
            (State::Broken(error), _) => Err(error.clone()),
            (State::Memory, Bulk::Stored(_)) => Err(ReadError::Defect),
        }
    }

    /// That what was read is what stands there still: large values are read more than once.
    ///
    /// # Errors
    /// [`ReadError::Changed`]; the file cannot be read.
    pub fn check_unchanged(&self) -> Result<(), ReadError> {
        match &self.whole {
            Bulk::Stored(extent) if extent.stamp()? != self.stamp => Err(ReadError::Changed),
            _ => Ok(()),
        }
    }
}

impl State {
    fn of(extent: &Extent) -> Result<Self, ReadError> {
        // Room for all that may be small, of which nothing is touched before it is needed: a long header that grows
        // piece by piece would be copied again and again.
        let room = extent.len().min(MAX_SMALL as u64) as usize;
        let mut bytes = Vec::new();
        // Where there is no such room, it grows.
        let _ = bytes.try_reserve_exact(room);
        let mut scan = Scan { file: extent, bytes, source: 0, cuts: Vec::new() };
        scan.ahead(AHEAD)?;
        let begin = loop {
            match beginning(&scan.bytes) {
                Err(ReadError::Truncated { .. }) if scan.more()? => {}
                other => break other?,
            }
        };
        if begin.declared.as_deref() == Some(Syntax::DEFLATED) {
            return Ok(Self::Deflated(Bulk::Stored(extent.clone()).into_bytes()?));
        }
        let encoding = encoding_at(&scan.bytes, begin.start, begin.declared.as_deref());
        scan.root(begin.start, encoding)?;
        scan.bytes.shrink_to_fit();
        Ok(Self::Small(Small { bytes: scan.bytes, encoding, cuts: scan.cuts }))
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
struct Scan<'f> {
    file: &'f Extent,
    /// What is small so far, then what was read ahead.
    bytes: Vec<u8>,
    /// Where in the file the bytes behind stand.
    source: u64,
    cuts: Vec<Cut>,
}

impl Scan<'_> {
    /// Reads so much more; whether there was any.
    fn ahead(&mut self, bytes: u64) -> Result<bool, ReadError> {
        let end = self.source.saturating_add(bytes).min(self.file.len());
        if end == self.source {
            return Ok(false);
        }
        if self.bytes.len() as u64 + (end - self.source) > MAX_SMALL as u64 {
            return Err(ReadError::TooLarge { limit_mib: (MAX_SMALL >> 20) as u64 });
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
            match Parser::new(&self.bytes, false).step(pos, encoding) {
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
        let whole = Bulk::Stored(self.file.clone());
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
            Some(table) if table.len() <= 4 * MAX_ITEMS as u64 => Bulk::Stored(table).into_bytes()?,
            Some(_) => return Err(ReadError::TooManyElements),
            None => Vec::new(),
        };
        let fragments = Fragments { offsets: offsets.into(), fragments: items.map(Bulk::Stored).collect() };
        Ok((Value::Fragments(fragments), at))
    }
}
