//! What was written as an independent reader sees it, element by element: compared with what was meant to be written and
//! with what it came from, and never held as a whole.

use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};

use dicom_core::{DataElement, VR};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::FileMetaTable;
use dicom_parser::dataset::LazyDataToken;
use dicom_parser::dataset::lazy_read::LazyDataSetReader;
use dicom_parser::stateful::decode::{DynStatefulDecoder, StatefulDecode};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{Image, Problem, Span, identifier, trim};
use crate::bytes::ByteSource;
use crate::deid::identity::{Identity, MIN_NEEDLE};
use crate::deid::words;
use crate::dicom::{DataSet, Element, Fragments, Value, is_pixel_data};
use crate::model::{Tag, Vr};

/// Bytes before the mark that begins the file meta information.
const PREAMBLE: u64 = 128;
/// What is read and compared at once.
const PIECE: usize = 256 << 10;

/// Reads `output` back: where its values stand, in order; those of fragments left out.
///
/// # Errors
/// The first [`Problem`] found.
pub fn check(
    output: &ByteSource<'_>,
    intended: &DataSet<'_>,
    identity: &Identity,
    before: &Image<'_>,
) -> Result<Vec<Span>, Problem> {
    let length = output.len();
    match output {
        ByteSource::Memory(bytes) => read(Cursor::new(&**bytes), length, intended, identity, before),
        ByteSource::Stored(_) => {
            let reader = BufReader::with_capacity(PIECE, output.reader());
            read(reader, length, intended, identity, before)
        }
    }
}

fn read(
    mut source: impl Read + Seek,
    length: u64,
    intended: &DataSet<'_>,
    identity: &Identity,
    before: &Image<'_>,
) -> Result<Vec<Span>, Problem> {
    source.seek(SeekFrom::Start(PREAMBLE))?;
    let meta = FileMetaTable::from_reader(&mut source).map_err(|_| Problem::Unreadable)?;
    let syntax = TransferSyntaxRegistry.get(meta.transfer_syntax()).ok_or(Problem::Unreadable)?;
    let reader = LazyDataSetReader::new_with_ts(source, syntax).map_err(|_| Problem::Unreadable)?;
    let mut back = ReadBack { reader, identity, before, spans: Vec::with_capacity(values_of(intended)) };
    back.level(intended, true)?;
    let ReadBack { reader, spans, .. } = back;
    let decoder = reader.into_decoder();
    // To ask for more at the end of the file would have the other reader trace back where that error comes from.
    if decoder.position() == length {
        return Ok(spans);
    }
    match LazyDataSetReader::new(decoder).advance() {
        None => Ok(spans),
        Some(Ok(LazyDataToken::ElementHeader(header))) => Err(Problem::Structure(ours(header.tag))),
        Some(Ok(LazyDataToken::SequenceStart { tag, .. })) => Err(Problem::Structure(ours(tag))),
        Some(_) => Err(Problem::Unreadable),
    }
}

/// How many values stand in a data set, about: it says how much room their places need.
fn values_of(set: &DataSet<'_>) -> usize {
    let items = |e: &Element<'_>| match &e.value {
        Value::Items(items) => items.iter().map(values_of).sum(),
        _ => 1,
    };
    set.elements().iter().map(items).sum()
}

struct ReadBack<'b, R> {
    reader: LazyDataSetReader<DynStatefulDecoder<R>>,
    identity: &'b Identity,
    before: &'b Image<'b>,
    spans: Vec<Span>,
}

/// What comes next, where `tag` is expected.
fn next<R: Read + Seek>(
    reader: &mut LazyDataSetReader<DynStatefulDecoder<R>>,
    tag: Tag,
) -> Result<Token<'_, R>, Problem> {
    match reader.advance() {
        Some(Ok(token)) => Ok(token),
        Some(Err(_)) => Err(Problem::Unreadable),
        None => Err(Problem::Structure(tag)),
    }
}

type Token<'t, R> = LazyDataToken<&'t mut DynStatefulDecoder<R>>;

impl<R: Read + Seek> ReadBack<'_, R> {
    /// Every element that was meant to be written is there, and no other.
    fn level(&mut self, intended: &DataSet<'_>, root: bool) -> Result<(), Problem> {
        intended.elements().iter().filter(|e| !e.tag.is_group_length()).try_for_each(|element| match &element
            .value
        {
            Value::Items(items) => self.sequence(element.tag, items),
            Value::Fragments(fragments) => self.fragments(element.tag, fragments),
            _ => self.element(element, root),
        })
    }

    fn next(&mut self, tag: Tag) -> Result<Token<'_, R>, Problem> {
        next(&mut self.reader, tag)
    }

    /// Whether what comes next is as it should be.
    fn require(&mut self, tag: Tag, is: impl FnOnce(&Token<'_, R>) -> bool) -> Result<(), Problem> {
        if is(&self.next(tag)?) { Ok(()) } else { Err(Problem::Structure(tag)) }
    }

    fn sequence(&mut self, tag: Tag, items: &[DataSet<'_>]) -> Result<(), Problem> {
        let begins =
            |t: &Token<'_, R>| matches!(t, LazyDataToken::SequenceStart { tag: t, .. } if ours(*t) == tag);
        self.require(tag, begins)?;
        for item in items {
            self.require(tag, |t| matches!(t, LazyDataToken::ItemStart { .. }))?;
            self.level(item, false)?;
            self.require(tag, |t| matches!(t, LazyDataToken::ItemEnd))?;
        }
        self.require(tag, |t| matches!(t, LazyDataToken::SequenceEnd))
    }

    /// Encapsulated pixel data: the offset table as it was meant, the fragments as they were before.
    fn fragments(&mut self, tag: Tag, intended: &Fragments<'_>) -> Result<(), Problem> {
        let before = match self.before.pixel_data(tag) {
            Some(Value::Fragments(before)) => before.fragments.iter().map(ByteSource::borrowed).collect(),
            _ => Vec::new(),
        };
        if before.len() != intended.fragments.len() {
            return Err(Problem::Changed(tag));
        }
        self.require(tag, |t| matches!(t, LazyDataToken::PixelSequenceStart))?;
        let offsets = ByteSource::from(&*intended.offsets);
        for expected in std::iter::once(&offsets).chain(&before) {
            self.fragment(tag, expected)?;
        }
        self.require(tag, |t| matches!(t, LazyDataToken::SequenceEnd))
    }

    fn fragment(&mut self, tag: Tag, expected: &ByteSource<'_>) -> Result<(), Problem> {
        let length = match self.next(tag)? {
            LazyDataToken::ItemStart { len } => len.get().ok_or(Problem::Structure(tag))?,
            _ => return Err(Problem::Structure(tag)),
        };
        if u64::from(length) != expected.len().next_multiple_of(2) {
            return Err(Problem::Changed(tag));
        }
        if length > 0 {
            let token = self.next(tag)?;
            same(token, expected)?.then_some(()).ok_or(Problem::Changed(tag))?;
        }
        self.require(tag, |t| matches!(t, LazyDataToken::ItemEnd))
    }

    fn element(&mut self, intended: &Element<'_>, root: bool) -> Result<(), Problem> {
        let tag = intended.tag;
        self.require(tag, |t| matches!(t, LazyDataToken::ElementHeader(header) if ours(header.tag) == tag))?;
        let (identity, before) = (self.identity, self.before);
        let token = next(&mut self.reader, tag)?;
        let LazyDataToken::LazyValue { header, decoder } = &token else {
            return Err(Problem::Structure(tag));
        };
        let (start, length) = (decoder.position(), header.len.get().ok_or(Problem::Structure(tag))?);
        let (header, vr) = (*header, Vr::from_code(header.vr().to_bytes()).unwrap_or(intended.vr));
        self.spans.push(Span { start, end: start + u64::from(length), tag, vr });
        if carries_text(header.vr()) || header.tag == dicom_dictionary_std::tags::SPECIFIC_CHARACTER_SET {
            return decoded(token, identity);
        }
        if root && is_pixel_data(tag) {
            let expected = match before.pixel_data(tag) {
                Some(Value::Bytes(bytes)) => ByteSource::from(&**bytes),
                Some(Value::Stored(extent)) => ByteSource::Stored(extent.clone()),
                _ => return Err(Problem::Changed(tag)),
            };
            return same(token, &expected)?.then_some(()).ok_or(Problem::Changed(tag));
        }
        if let Some(was) = before.value(tag).filter(|_| root) {
            let mut found = Vec::new();
            token.read_value_into(&mut found).map_err(|_| Problem::Unreadable)?;
            return if trim(&found) == trim(was) { Ok(()) } else { Err(Problem::Changed(tag)) };
        }
        let expected = intended.bulk().ok_or(Problem::Structure(tag))?;
        same(token, &expected)?.then_some(()).ok_or(Problem::Structure(tag))
    }
}

/// Text as the other reader decodes it: beyond ASCII no search for bytes finds all.
fn decoded<D: StatefulDecode>(token: LazyDataToken<D>, identity: &Identity) -> Result<(), Problem> {
    let LazyDataToken::LazyValue { header, .. } = &token else { return Err(Problem::Unreadable) };
    let header = *header;
    let value = token.into_value().map_err(|_| Problem::Unreadable)?;
    let element: DataElement = DataElement::new(header.tag, header.vr, value);
    let Ok(text) = element.to_str() else { return Ok(()) };
    if text.is_ascii() {
        return Ok(());
    }
    let folded = words::fold(&text);
    let hit = identity.words.iter().find(|(w, _)| {
        w.len() >= MIN_NEEDLE && !words::is_common(w) && !w.is_ascii() && folded.contains(&***w)
    });
    match hit {
        Some((_, kind)) => Err(identifier(*kind, format!(" in {}", ours(header.tag)))),
        None => Ok(()),
    }
}

/// Representations in the data set's character set; numbers, and above all pixels, are not turned into text.
fn carries_text(vr: VR) -> bool {
    matches!(vr, VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT | VR::UN)
}

fn ours(tag: dicom_core::Tag) -> Tag {
    Tag::new(tag.group(), tag.element())
}

/// Whether a value is this one, but for the byte that makes its length even.
fn same<D: StatefulDecode>(token: LazyDataToken<D>, expected: &ByteSource<'_>) -> Result<bool, Problem> {
    let piece = expected.len().min(PIECE as u64) as usize;
    let mut compare = BufWriter::with_capacity(piece, Compare { expected, at: 0, same: true });
    token.read_value_into(&mut compare).map_err(|_| Problem::Unreadable)?;
    let Compare { at, same, .. } = compare.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(same && at == expected.len().next_multiple_of(2))
}

/// Compares what is written to it.
struct Compare<'e> {
    expected: &'e ByteSource<'e>,
    at: u64,
    same: bool,
}

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = (self.at + bytes.len() as u64).min(self.expected.len());
        let expected = self.expected.read(self.at.min(end)..end)?;
        self.same &= bytes.starts_with(&expected);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
