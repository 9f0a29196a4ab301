//! Files as PS3.10 has them, and as the field has them: without preamble, without file meta information, with the
//! wrong transfer syntax.

use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::dataset::DataSet;
use super::parse::{Encoding, Parser};
use crate::bytes::NoRoom;
use crate::model::words::io_words;
use crate::model::{Tag, tags};

/// What any deflated data set may grow to in memory.
const FREE_INFLATED: u64 = 96 << 20;
/// What a deflated data set may grow to in memory at most.
const MAX_INFLATED: u64 = 256 << 20;
/// Inflated bytes per deflated byte beyond [`FREE_INFLATED`]: images stay below ten.
pub(super) const MAX_RATIO: u64 = 32;
/// The first read of a header; most end within it.
const FIRST_READ: usize = 8 << 10;
/// How much more is read each time where it does not.
const MORE: usize = 16;
/// File meta information beyond this is refused: it is copied.
const MAX_META: usize = 4 << 20;
/// A header beyond this is refused.
const MAX_HEADER: usize = 256 << 20;

/// Why bytes could not be read as DICOM. Says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Neither a DICOM file nor a bare data set.
    #[error("not a DICOM file")]
    NotDicom,
    /// The file ends in the middle of an element.
    #[error("truncated: the file ends inside the element at byte {at}")]
    Truncated {
        /// Where the value of the unfinished element begins.
        at: u64,
    },
    /// The length of an element reaches beyond the sequence or item that holds it.
    #[error("the length of {tag} reaches beyond the item that holds it")]
    LyingLength {
        /// The element.
        tag: Tag,
    },
    /// No element can begin here.
    #[error("malformed data element at byte {at}")]
    Malformed {
        /// Where it should begin.
        at: u64,
    },
    /// Sequences nested deeper than any real object.
    #[error("sequences are nested deeper than 64 levels")]
    TooDeep,
    /// More elements than any real object.
    #[error("more elements or items than any real object")]
    TooManyElements,
    /// A deflated data set that is broken.
    #[error("the deflated data set cannot be inflated")]
    Deflate,
    /// Deflated data or a header that grows beyond all measure.
    #[error("its header, or what it inflates to, expands beyond {limit_mib} MiB")]
    TooLarge {
        /// The bound.
        limit_mib: u64,
    },
    /// The operating system refused.
    #[error("cannot be read: {}", io_words(*.0))]
    Io(io::ErrorKind),
    /// What it inflates to cannot be put aside.
    #[error(transparent)]
    NoRoom(NoRoom),
    /// Somebody wrote to the file meanwhile.
    #[error("somebody wrote to the file while it was read")]
    Changed,
    /// The reader failed in a way it should not have.
    #[error("the reader failed on it: a defect of Gantry")]
    Defect,
}

impl ReadError {
    /// A stable identifier for summaries and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotDicom => "not_dicom",
            Self::Truncated { .. } => "truncated",
            Self::LyingLength { .. } => "lying_length",
            Self::Malformed { .. } => "malformed",
            Self::TooDeep => "nested_too_deep",
            Self::TooManyElements => "too_many_elements",
            Self::Deflate => "deflate_broken",
            Self::TooLarge { .. } => "expands_too_far",
            Self::Io(_) | Self::Changed => "unreadable",
            Self::NoRoom(_) => "no_room",
            Self::Defect => "reader_failed",
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        NoRoom::of(&error).map_or(Self::Io(error.kind()), Self::NoRoom)
    }
}

/// What to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// Stop at pixel data; it is then [`super::Value::Unread`].
    pub header_only: bool,
    /// The bytes are only the beginning of the file: [`ReadError::Truncated`] instead of a shortened data set.
    pub partial: bool,
}

/// A transfer syntax: its UID, and how the data set is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syntax {
    /// The UID, without padding. Where the file has none, that of the encoding found.
    pub uid: String,
    /// The UID stood in the file.
    pub declared: bool,
}

impl Syntax {
    /// Implicit VR Little Endian.
    pub const IMPLICIT_LE: &'static str = "1.2.840.10008.1.2";
    /// Explicit VR Little Endian.
    pub const EXPLICIT_LE: &'static str = "1.2.840.10008.1.2.1";
    /// Deflated Explicit VR Little Endian.
    pub const DEFLATED: &'static str = "1.2.840.10008.1.2.1.99";
    /// Explicit VR Big Endian (retired).
    pub const EXPLICIT_BE: &'static str = "1.2.840.10008.1.2.2";

    /// Whether pixel data is native, in which case Gantry writes Explicit VR Little Endian.
    pub fn is_native(&self) -> bool {
        matches!(&*self.uid, Self::IMPLICIT_LE | Self::EXPLICIT_LE | Self::DEFLATED | Self::EXPLICIT_BE)
    }
}

/// What the file meta information says that is worth knowing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meta {
    /// The 128 bytes before `DICM` stood there.
    pub preamble: bool,
    /// Group 0002 stood there.
    pub present: bool,
    /// The elements of group 0002.
    pub elements: DataSet<'static>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct File<'a> {
    /// File meta information.
    pub meta: Meta,
    /// The transfer syntax.
    pub syntax: Syntax,
    /// The data set.
    pub dataset: DataSet<'a>,
    /// Where the file ended before an element did, in bytes from the start of the (inflated) data; such a file may be
    /// looked at but is not whole.
    pub truncated_at: Option<u64>,
}

impl File<'_> {
    /// Whether this is a DICOMDIR: it guides reading and is never an instance.
    pub fn is_directory(&self) -> bool {
        self.meta.elements.ascii(tags::MEDIA_STORAGE_SOP_CLASS_UID) == Some("1.2.840.10008.1.3.10")
            || self.dataset.get(tags::DIRECTORY_RECORD_SEQUENCE).is_some()
    }
}

/// Reads a file from its bytes.
///
/// # Errors
/// [`ReadError`]: the bytes are not DICOM, or break one of the bounds. A data set that merely ends too early is
/// returned as far as it goes, see [`File::truncated_at`]. A defect of the reader is an error of this file alone.
pub fn read(bytes: &[u8], options: ReadOptions) -> Result<File<'_>, ReadError> {
    catch_unwind(AssertUnwindSafe(|| read_unguarded(bytes, options))).unwrap_or(Err(ReadError::Defect))
}

/// What stands before the data set.
pub(super) struct Beginning {
    meta: Meta,
    /// The transfer syntax, where the file says it.
    pub declared: Option<String>,
    /// Where the data set begins.
    pub start: usize,
}

/// Reads what stands before the data set.
pub(super) fn beginning(bytes: &[u8]) -> Result<Beginning, ReadError> {
    let (preamble, start) = if bytes.get(128..132) == Some(b"DICM") { (true, 132) } else { (false, 0) };
    let (elements, start) = meta(bytes, start)?;
    let present = !elements.elements().is_empty();
    if !preamble && !present && !looks_like_data_set(&bytes[start..]) {
        return Err(ReadError::NotDicom);
    }
    let declared = elements.ascii(tags::TRANSFER_SYNTAX_UID).map(str::to_string);
    Ok(Beginning { meta: Meta { preamble, present, elements }, declared, start })
}

/// The encoding of a data set that begins at `start`, as it shows itself.
pub(super) fn encoding_at(bytes: &[u8], start: usize, declared: Option<&str>) -> Encoding {
    let claimed = match declared {
        Some(Syntax::IMPLICIT_LE) => Encoding { explicit: false, big_endian: false },
        Some(Syntax::EXPLICIT_BE) => {
            guess(&bytes[start..]).unwrap_or(Encoding { explicit: true, big_endian: true })
        }
        Some(_) => Encoding { explicit: true, big_endian: false },
        None => guess(&bytes[start..]).unwrap_or(Encoding { explicit: false, big_endian: false }),
    };
    Parser::new(bytes, false).root_encoding(start, claimed)
}

fn read_unguarded(bytes: &[u8], options: ReadOptions) -> Result<File<'_>, ReadError> {
    let Beginning { meta, declared, start } = beginning(bytes)?;
    match declared.as_deref() {
        Some(Syntax::DEFLATED) => {
            let inflated = inflate(&bytes[start..], options)?;
            let encoding = encoding_at(&inflated, 0, declared.as_deref());
            let file = data_set(&inflated, Beginning { meta, declared, start: 0 }, encoding, options)?;
            Ok(File {
                meta: file.meta,
                syntax: file.syntax,
                dataset: file.dataset.into_owned(),
                truncated_at: file.truncated_at,
            })
        }
        _ => {
            let encoding = encoding_at(bytes, start, declared.as_deref());
            data_set(bytes, Beginning { meta, declared, start }, encoding, options)
        }
    }
}

/// Reads a file in an encoding that is known.
pub(super) fn read_settled(bytes: &[u8], encoding: Encoding) -> Result<File<'_>, ReadError> {
    let read = || data_set(bytes, beginning(bytes)?, encoding, ReadOptions::default());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(ReadError::Defect))
}

/// Reads the header of a file on disk: as few bytes as it takes, pixel data never. `use_it` gets the length of the file,
/// too.
///
/// # Errors
/// As [`read`].
pub fn with_header<T>(path: &Path, use_it: impl FnOnce(&File<'_>, u64) -> T) -> Result<T, ReadError> {
    header_of(&mut fs::File::open(path)?, use_it)
}

/// The same of a file that is open.
///
/// # Errors
/// As [`read`].
pub fn header_of<T>(disk: &mut fs::File, use_it: impl FnOnce(&File<'_>, u64) -> T) -> Result<T, ReadError> {
    read_header(disk, &mut Vec::new(), &mut 0, |file, filled, disk| {
        let length = || disk.metadata().map_or(filled, |m| m.len());
        use_it(file, if is_all_there(file, filled) { filled } else { length() })
    })
}

/// Whether what was read holds the pixel data too, or there is none: how long the file is then tells nothing new.
pub(super) fn is_all_there(file: &File<'_>, filled: u64) -> bool {
    match file.dataset.elements().last().map(|e| &e.value) {
        Some(super::Value::Unread(Some(length))) => u64::from(*length) <= filled,
        Some(super::Value::Unread(None)) | None => false,
        Some(_) => true,
    }
}

/// Reads the header of a file into a buffer that is used again; `use_it` gets the file and how many bytes of it were
/// read. Small files take one call: that a second would give nothing is asked only where the header has not ended.
pub(super) fn read_header<R: Read, T>(
    reader: &mut R,
    buffer: &mut Vec<u8>,
    bytes_read: &mut u64,
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
        match read(&buffer[..filled], ReadOptions { header_only: true, partial: !whole }) {
            Err(ReadError::Truncated { .. }) if !whole && filled < want => {}
            Err(ReadError::Truncated { .. }) if !whole && want < MAX_HEADER => want *= MORE,
            Err(ReadError::Truncated { .. }) if !whole => {
                break Err(ReadError::TooLarge { limit_mib: (MAX_HEADER >> 20) as u64 });
            }
            // What cannot be told from so few bytes may be told from more.
            Err(ReadError::NotDicom | ReadError::Deflate) if !whole && filled < FIRST_READ => {}
            Err(error) => break Err(error),
            Ok(file) => break Ok(use_it(&file, filled as u64, reader)),
        }
    };
    *bytes_read += filled as u64;
    buffer.truncate(FIRST_READ);
    buffer.shrink_to(FIRST_READ);
    outcome
}

/// Group 0002 in explicit little endian from `start`; the elements and where they end.
fn meta(bytes: &[u8], start: usize) -> Result<(DataSet<'static>, usize), ReadError> {
    let group = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let mut end = start;
    while group(end) == Some(2) {
        let Some(head) = bytes.get(end..end + 12) else {
            return Err(ReadError::Truncated { at: end as u64 });
        };
        let long = matches!(&head[4..6], b"OB" | b"UN" | b"OW" | b"UT" | b"SQ");
        let (value, length) = if head[4..6].iter().all(u8::is_ascii_uppercase) {
            if long {
                (end + 12, u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize)
            } else {
                (end + 8, u16::from_le_bytes([head[6], head[7]]) as usize)
            }
        } else {
            (end + 8, u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize)
        };
        end = value.saturating_add(length);
        if end > bytes.len() {
            return Err(ReadError::Truncated { at: value as u64 });
        }
        if end - start > MAX_META {
            return Err(ReadError::TooLarge { limit_mib: (MAX_META >> 20) as u64 });
        }
    }
    let mut parser = Parser::new(&bytes[..end], false);
    let elements = parser.root(start, Encoding { explicit: true, big_endian: false })?;
    Ok((elements.into_owned(), end))
}

fn data_set(
    bytes: &[u8],
    Beginning { meta, declared, start }: Beginning,
    encoding: Encoding,
    options: ReadOptions,
) -> Result<File<'_>, ReadError> {
    let mut parser = Parser::new(bytes, options.header_only);
    let mut dataset = parser.settled_root(start, encoding)?;
    if encoding.big_endian {
        turn_wide_samples(&mut dataset);
    }
    let truncated_at = parser.truncated_at.map(|at| at as u64);
    if let (Some(at), true) = (truncated_at, options.partial) {
        return Err(ReadError::Truncated { at });
    }
    // The whole of a partial buffer was used up, and pixel data may follow.
    let stopped = dataset.elements().last().is_some_and(|e| matches!(e.value, super::Value::Unread(_)));
    if options.partial && !stopped {
        return Err(ReadError::Truncated { at: bytes.len() as u64 });
    }
    if dataset.elements().is_empty() {
        return Err(truncated_at.map_or(ReadError::NotDicom, |at| ReadError::Truncated { at }));
    }
    let found = match (encoding.explicit, encoding.big_endian) {
        (false, _) => Syntax::IMPLICIT_LE,
        (true, false) => Syntax::EXPLICIT_LE,
        (true, true) => Syntax::EXPLICIT_BE,
    };
    let syntax = Syntax { declared: declared.is_some(), uid: declared.unwrap_or_else(|| found.into()) };
    Ok(File { meta, syntax, dataset, truncated_at })
}

/// Big-endian OW was swapped as 16-bit words, as its representation says; samples of 32 bits are one word each (PS3.5
/// section 8.1.1).
pub(super) fn turn_wide_samples(set: &mut DataSet<'_>) {
    if set.number(tags::BITS_ALLOCATED) != Some(32.0) {
        return;
    }
    if let Some(element) = set.get_mut(tags::PIXEL_DATA)
        && element.vr == crate::model::Vr::OW
    {
        match &mut element.value {
            super::Value::Bytes(bytes) => {
                bytes.to_mut().as_chunks_mut::<4>().0.iter_mut().for_each(|sample| sample.rotate_left(2));
            }
            super::Value::Stored(extent) => *extent = extent.turned(4),
            _ => {}
        }
    }
}

/// A bare data set begins with an element of a low group whose length is plausible.
fn looks_like_data_set(bytes: &[u8]) -> bool {
    guess(bytes).is_some()
}

/// The encoding that the first element shows; `None` where no data set can begin.
fn guess(bytes: &[u8]) -> Option<Encoding> {
    let head = bytes.first_chunk::<8>()?;
    let little = u16::from_le_bytes([head[0], head[1]]);
    let big = u16::from_be_bytes([head[0], head[1]]);
    let explicit = crate::model::Vr::from_code([head[4], head[5]]).is_some();
    if !(matches!(little, 2 | 8) || matches!(big, 2 | 8)) {
        return None;
    }
    let big_endian = matches!(big, 2 | 8) && !matches!(little, 2 | 8);
    if explicit {
        return Some(Encoding { explicit, big_endian });
    }
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    (!big_endian && length < 4096.min(bytes.len()) && length.is_multiple_of(2))
        .then_some(Encoding { explicit: false, big_endian: false })
}

/// Inflates within bounds; some files carry a zlib header that should not be there.
fn inflate(bytes: &[u8], options: ReadOptions) -> Result<Vec<u8>, ReadError> {
    let limit = (bytes.len() as u64).saturating_mul(MAX_RATIO).clamp(FREE_INFLATED, MAX_INFLATED);
    let raw = inflate_with(flate2::read::DeflateDecoder::new(bytes), limit);
    let (data, whole) = match raw {
        (data, false) if data.is_empty() => inflate_with(flate2::read::ZlibDecoder::new(bytes), limit),
        other => other,
    };
    if data.len() as u64 > limit {
        return Err(ReadError::TooLarge { limit_mib: limit >> 20 });
    }
    if whole || (options.partial && !data.is_empty()) { Ok(data) } else { Err(ReadError::Deflate) }
}

fn inflate_with(reader: impl Read, limit: u64) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    let whole = reader.take(limit + 1).read_to_end(&mut data).is_ok();
    (data, whole)
}
