//! The element parser: bytes to a tree of elements, for the three encodings of PS3.5 section 7 and the ways in
//! which files of the field depart from them. Depth, number of elements and every length are bounded.

use std::borrow::Cow;

use super::dataset::{DataSet, Element, Fragments, Value};
use super::dictionary;
use super::file::ReadError;
use crate::bytes::{ByteSource, LARGE};
use crate::model::{Tag, Vr, tags};

/// Sequences may be nested this deep; real objects stay below ten.
pub const MAX_DEPTH: usize = 64;
/// Elements a file may hold; a per-frame header of 10,000 frames has about a million.
pub const MAX_ELEMENTS: usize = 1_500_000;
/// Items and fragments a file may hold: each costs far more memory than its bytes.
pub const MAX_ITEMS: usize = 400_000;
const UNDEFINED: u32 = u32::MAX;
/// A private value of this size is no header.
const LARGE_PRIVATE: u64 = 16 << 20;

/// How elements are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Value representations stand in the file.
    pub explicit: bool,
    /// Numbers are big-endian.
    pub big_endian: bool,
}

/// Parses one buffer.
pub struct Parser<'a> {
    bytes: &'a [u8],
    elements_left: usize,
    items_left: usize,
    stop_at_pixels: bool,
    /// Items and their elements are passed by, not kept.
    passes_by: bool,
    /// Where the data ended before an element did, if it did.
    pub truncated_at: Option<usize>,
}

/// The tag, representation and length that begin an element.
struct Head {
    tag: Tag,
    vr: Vr,
    length: u32,
    /// Where the value begins.
    value: usize,
}

/// An element of the root.
pub enum Step {
    /// It ends there.
    Ends(usize),
    /// Its value can stay where it is.
    Large(Large),
}

/// The head of an element whose value is large and no text.
pub struct Large {
    /// The tag.
    pub tag: Tag,
    /// The value representation.
    pub vr: Vr,
    /// Where the value begins.
    pub value: usize,
    /// Its length; `None` where it is encapsulated.
    pub length: Option<u32>,
}

type Parsed<T> = Result<T, ReadError>;

impl<'a> Parser<'a> {
    /// A parser of `bytes`. With `stop_at_pixels` the first pixel data element of the outermost level ends it.
    pub fn new(bytes: &'a [u8], stop_at_pixels: bool) -> Self {
        Self {
            bytes,
            elements_left: MAX_ELEMENTS,
            items_left: MAX_ITEMS,
            stop_at_pixels,
            passes_by: false,
            truncated_at: None,
        }
    }

    /// A parser for [`Parser::step`] alone: what it passes takes no memory.
    pub fn passer(bytes: &'a [u8]) -> Self {
        Self { passes_by: true, ..Self::new(bytes, false) }
    }

    /// The data set from `start` to the end of the buffer. A data set that ends in the middle of an element gives
    /// the elements before it and sets `truncated_at`.
    pub fn root(&mut self, start: usize, encoding: Encoding) -> Parsed<DataSet<'a>> {
        self.settled_root(start, self.root_encoding(start, encoding))
    }

    /// The encoding that the root has, whatever it claims.
    pub fn root_encoding(&self, start: usize, claimed: Encoding) -> Encoding {
        self.settle(start, self.bytes.len(), claimed)
    }

    /// As [`Parser::root`], in an encoding that is known.
    pub fn settled_root(&mut self, start: usize, encoding: Encoding) -> Parsed<DataSet<'a>> {
        let mut pos = start;
        let mut elements = Vec::with_capacity(96);
        while pos < self.bytes.len() && self.truncated_at.is_none() {
            match self.element(pos, self.bytes.len(), encoding, 0, &elements) {
                Ok((element, next)) => {
                    let stop = matches!(element.value, Value::Unread(_));
                    elements.push(element);
                    pos = next;
                    if stop {
                        break;
                    }
                }
                Err(ReadError::Truncated { at }) => self.truncated_at = Some(at as usize),
                // Zeros after the last element are padding of tape and disk blocks.
                Err(_) if !elements.is_empty() && self.bytes[pos..].iter().all(|&b| b == 0) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(DataSet::from_elements(elements))
    }

    /// Files and items of the field do not always use the encoding that they claim: the first element tells.
    fn settle(&self, start: usize, end: usize, claimed: Encoding) -> Encoding {
        let Some(head) = self.bytes[start..end.min(self.bytes.len())].first_chunk::<8>() else {
            return claimed;
        };
        let vr = Vr::from_code([head[4], head[5]]);
        if claimed.explicit && vr.is_none() && !claimed.big_endian && head[..2] != [0xFE, 0xFF] {
            return Encoding { explicit: false, ..claimed };
        }
        let implicit_length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        // A first element is short; a representation with a length behind it is a large number.
        let too_long = implicit_length > usize::from(u16::MAX) || implicit_length > end - start;
        if !claimed.explicit && vr.is_some() && too_long {
            return Encoding { explicit: true, ..claimed };
        }
        claimed
    }

    /// What the element at `pos` of the root is to somebody who leaves large values where they are.
    pub fn step(&mut self, pos: usize, encoding: Encoding) -> Parsed<Step> {
        let head = self.head(pos, self.bytes.len(), encoding)?;
        let Head { tag, vr, value, length } = head;
        let large = match length {
            _ if tag.group() == 0xFFFE => false,
            UNDEFINED => is_encapsulated(tag, vr),
            // What is private may be a header that is read, up to a size that no header has.
            _ if tag.is_private() => u64::from(length) >= LARGE_PRIVATE && !holds_text_or_items(tag, vr),
            _ => u64::from(length) >= LARGE && !holds_text_or_items(tag, vr),
        };
        if large {
            return Ok(Step::Large(Large {
                tag,
                vr,
                value,
                length: (length != UNDEFINED).then_some(length),
            }));
        }
        let (_, next) = self.element(pos, self.bytes.len(), encoding, 0, &[])?;
        // Pixel data that goes on beyond what is there is given as far as it goes.
        match self.truncated_at {
            Some(at) => Err(ReadError::Truncated { at: at as u64 }),
            None => Ok(Step::Ends(next)),
        }
    }

    /// The head of the item or delimiter at `pos`: tag, length, and where its value begins.
    pub fn item_at(&self, pos: usize, encoding: Encoding) -> Parsed<(Tag, u32, usize)> {
        self.item_head(pos, self.bytes.len(), encoding)
    }

    fn element(
        &mut self,
        pos: usize,
        end: usize,
        encoding: Encoding,
        depth: usize,
        before: &[Element<'a>],
    ) -> Parsed<(Element<'a>, usize)> {
        self.elements_left = self.elements_left.checked_sub(1).ok_or(ReadError::TooManyElements)?;
        let head = self.head(pos, end, encoding)?;
        if head.tag.group() == 0xFFFE {
            return Err(ReadError::Malformed { at: pos as u64 });
        }
        let may_be_signed = head.vr == Vr::US && !encoding.explicit && dictionary::is_us_or_ss(head.tag);
        let vr = if may_be_signed && signed(before) { Vr::SS } else { head.vr };
        if depth == 0 && self.stop_at_pixels && is_pixel_data(head.tag) {
            let length = (head.length != UNDEFINED).then_some(head.length);
            return Ok((Element { tag: head.tag, vr, value: Value::Unread(length) }, head.value));
        }
        if head.length == UNDEFINED {
            return self.undefined(&head, vr, end, encoding, depth);
        }
        self.defined(&head, vr, end, encoding, depth)
    }

    /// A value of undefined length: a sequence, or encapsulated pixel data.
    fn undefined(
        &mut self,
        head: &Head,
        vr: Vr,
        end: usize,
        encoding: Encoding,
        depth: usize,
    ) -> Parsed<(Element<'a>, usize)> {
        if is_encapsulated(head.tag, vr) {
            let (fragments, next) = self.fragments(head.value, end, encoding)?;
            return Ok((Element { tag: head.tag, vr: Vr::OB, value: fragments.into() }, next));
        }
        // UN of undefined length is a sequence in implicit VR little endian (PS3.5 section 6.2.2, note on CP-246).
        let inner = if vr == Vr::UN { Encoding { explicit: false, big_endian: false } } else { encoding };
        let (items, next) = self.items(head.value, end, true, inner, depth + 1)?;
        Ok((Element::sequence(head.tag, items), next))
    }

    fn defined(
        &mut self,
        head: &Head,
        vr: Vr,
        end: usize,
        encoding: Encoding,
        depth: usize,
    ) -> Parsed<(Element<'a>, usize)> {
        let next = head.value + head.length as usize;
        if next > end {
            return self.beyond(head, vr, end, depth);
        }
        if vr == Vr::SQ {
            let (items, _) = self.items(head.value, next, false, encoding, depth + 1)?;
            return Ok((Element::sequence(head.tag, items), next));
        }
        let bytes = &self.bytes[head.value..next];
        if vr == Vr::UN && is_private_sequence(head.tag, bytes) {
            // What an implicit file, or a reader that did not know better, calls unknown.
            let implicit =
                Encoding { explicit: false, big_endian: encoding.big_endian && !encoding.explicit };
            match self.items(head.value, next, false, implicit, depth + 1) {
                Ok((items, _)) => return Ok((Element::sequence(head.tag, items), next)),
                Err(error @ (ReadError::TooDeep | ReadError::TooManyElements)) => return Err(error),
                Err(_) => {}
            }
        }
        if vr == Vr::UN && encoding.explicit {
            return Ok((self.unknown(head, next, depth)?, next));
        }
        let bytes = if encoding.big_endian { swapped(bytes, vr) } else { Cow::Borrowed(bytes) };
        Ok((Element::new(head.tag, vr, bytes), next))
    }

    /// An explicit UN: what the dictionary knows better is given its own representation; a public sequence is opened,
    /// so that nothing hides in it.
    fn unknown(&mut self, head: &Head, next: usize, depth: usize) -> Parsed<Element<'a>> {
        let implicit = Encoding { explicit: false, big_endian: false };
        match dictionary::vr_of(head.tag) {
            Some(Vr::SQ) => match self.items(head.value, next, false, implicit, depth + 1) {
                Ok((items, _)) => Ok(Element::sequence(head.tag, items)),
                Err(error @ (ReadError::TooDeep | ReadError::TooManyElements)) => Err(error),
                Err(_) => Ok(Element::new(head.tag, Vr::UN, &self.bytes[head.value..next])),
            },
            known => Ok(Element::new(head.tag, known.unwrap_or(Vr::UN), &self.bytes[head.value..next])),
        }
    }

    /// A length that reaches beyond what is there. Pixel data keeps what came; anything else ends the reading.
    fn beyond(&mut self, head: &Head, vr: Vr, end: usize, depth: usize) -> Parsed<(Element<'a>, usize)> {
        if end < self.bytes.len() {
            return Err(ReadError::LyingLength { tag: head.tag });
        }
        if depth == 0 && is_pixel_data(head.tag) {
            self.truncated_at = Some(end);
            return Ok((Element::new(head.tag, vr, &self.bytes[head.value..end]), end));
        }
        Err(ReadError::Truncated { at: head.value as u64 })
    }

    /// The items of a sequence from `pos`, up to its delimiter (`delimited`) or to `end`.
    fn items(
        &mut self,
        mut pos: usize,
        end: usize,
        delimited: bool,
        encoding: Encoding,
        depth: usize,
    ) -> Parsed<(Vec<DataSet<'a>>, usize)> {
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        let mut items = Vec::new();
        while pos < end {
            let (tag, length, value) = self.item_head(pos, end, encoding)?;
            match tag {
                tags::ITEM => {
                    self.items_left = self.items_left.checked_sub(1).ok_or(ReadError::TooManyElements)?;
                    let (item, next) = self.item(value, end, length, encoding, depth)?;
                    if !self.passes_by {
                        items.push(item);
                    }
                    pos = next;
                }
                tags::SEQUENCE_DELIMITATION_ITEM if delimited => return Ok((items, value)),
                tags::SEQUENCE_DELIMITATION_ITEM => pos = value,
                _ => return Err(ReadError::Malformed { at: pos as u64 }),
            }
        }
        if delimited { Err(self.out_of(end, pos)) } else { Ok((items, pos)) }
    }

    fn item(
        &mut self,
        start: usize,
        end: usize,
        length: u32,
        encoding: Encoding,
        depth: usize,
    ) -> Parsed<(DataSet<'a>, usize)> {
        let delimited = length == UNDEFINED;
        let stop = if delimited { end } else { start + length as usize };
        if stop > end {
            return Err(self.out_of(end, start));
        }
        let encoding = self.settle(start, stop, encoding);
        let (mut pos, mut elements) = (start, Vec::new());
        while pos < stop {
            let (tag, _, value) = self.item_head(pos, stop, encoding)?;
            if tag == tags::ITEM_DELIMITATION_ITEM {
                pos = value;
                if delimited {
                    return Ok((DataSet::from_elements(elements), pos));
                }
                continue;
            }
            let (element, next) = self.element(pos, stop, encoding, depth, &elements)?;
            if !self.passes_by {
                elements.push(element);
            }
            pos = next;
        }
        if delimited { Err(self.out_of(end, pos)) } else { Ok((DataSet::from_elements(elements), pos)) }
    }

    /// Encapsulated fragments from `pos`. Where they end without a delimiter, what came is kept.
    fn fragments(
        &mut self,
        mut pos: usize,
        end: usize,
        encoding: Encoding,
    ) -> Parsed<(Fragments<'a>, usize)> {
        let mut found: Vec<ByteSource<'a>> = Vec::new();
        loop {
            let Ok((tag, length, value)) = self.item_head(pos, end, encoding) else {
                self.truncated_at = Some(end);
                break;
            };
            pos = value;
            if tag == tags::SEQUENCE_DELIMITATION_ITEM {
                break;
            }
            if tag != tags::ITEM || length == UNDEFINED {
                return Err(ReadError::Malformed { at: pos as u64 });
            }
            self.items_left = self.items_left.checked_sub(1).ok_or(ReadError::TooManyElements)?;
            let stop = value + length as usize;
            if stop > end {
                self.truncated_at = Some(end);
                found.push(ByteSource::from(&self.bytes[value..end]));
                pos = end;
                break;
            }
            found.push(ByteSource::from(&self.bytes[value..stop]));
            pos = stop;
        }
        let mut found = found.into_iter();
        let offsets = match found.next() {
            Some(ByteSource::Memory(offsets)) => offsets,
            _ => Cow::Borrowed(&[][..]),
        };
        Ok((Fragments { offsets, fragments: found.collect() }, pos))
    }

    fn head(&self, pos: usize, end: usize, encoding: Encoding) -> Parsed<Head> {
        let (tag, implicit_length, after) = self.item_head(pos, end, encoding)?;
        if tag.group() == 0xFFFE {
            return Ok(Head { tag, vr: Vr::UN, length: implicit_length, value: after });
        }
        if !encoding.explicit {
            let vr = dictionary::vr_of(tag).unwrap_or(Vr::UN);
            return Ok(Head { tag, vr, length: implicit_length, value: after });
        }
        let Some(vr) = Vr::from_code([self.bytes[pos + 4], self.bytes[pos + 5]]) else {
            return self.stray(pos, end, tag, implicit_length, after);
        };
        if !vr.has_long_length() {
            let length = self.u16(pos + 6, encoding);
            return Ok(Head { tag, vr, length: length.into(), value: after });
        }
        if pos + 12 > end {
            return Err(self.out_of(end, pos));
        }
        Ok(Head { tag, vr, length: self.u32(pos + 8, encoding), value: pos + 12 })
    }

    /// No known representation where one should stand: an implicit element among explicit ones, or one of a
    /// representation younger than this reader, which then has a 32-bit length (PS3.5 section 7.1.2).
    fn stray(&self, pos: usize, end: usize, tag: Tag, implicit_length: u32, after: usize) -> Parsed<Head> {
        let code = [self.bytes[pos + 4], self.bytes[pos + 5]];
        if code.iter().all(u8::is_ascii_uppercase)
            && self.bytes[pos + 6..pos + 8] == [0, 0]
            && pos + 12 <= end
        {
            let length = self.u32(pos + 8, Encoding { explicit: true, big_endian: false });
            return Ok(Head { tag, vr: Vr::UN, length, value: pos + 12 });
        }
        if implicit_length as usize <= end - after {
            let vr = dictionary::vr_of(tag).unwrap_or(Vr::UN);
            return Ok(Head { tag, vr, length: implicit_length, value: after });
        }
        Err(ReadError::Malformed { at: pos as u64 })
    }

    /// Tag and 32-bit length of an item, or of an implicit element.
    fn item_head(&self, pos: usize, end: usize, encoding: Encoding) -> Parsed<(Tag, u32, usize)> {
        if pos + 8 > end {
            return Err(self.out_of(end, pos));
        }
        let tag = Tag::new(self.u16(pos, encoding), self.u16(pos + 2, encoding));
        Ok((tag, self.u32(pos + 4, encoding), pos + 8))
    }

    /// Reaching `end` early means that the file ends there, or that a length around it lies.
    fn out_of(&self, end: usize, pos: usize) -> ReadError {
        if end < self.bytes.len() {
            ReadError::Malformed { at: pos as u64 }
        } else {
            ReadError::Truncated { at: pos as u64 }
        }
    }

    fn u16(&self, pos: usize, encoding: Encoding) -> u16 {
        let bytes = [self.bytes[pos], self.bytes[pos + 1]];
        if encoding.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, pos: usize, encoding: Encoding) -> u32 {
        let bytes = [self.bytes[pos], self.bytes[pos + 1], self.bytes[pos + 2], self.bytes[pos + 3]];
        if encoding.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Whether a value of unknown representation is one of the private sequences that hold what geometry and timing need
/// (Philips stacks and frames, Siemens frames, United Imaging grids): they are at known elements and begin with an item.
fn is_private_sequence(tag: Tag, bytes: &[u8]) -> bool {
    let known = matches!(
        (tag.group(), tag.element() & 0xFF),
        (0x2001, 0x5F) | (0x2005, 0x0E | 0x0F) | (0x0021, 0xFE) | (0x0065, 0x51)
    );
    known && tag.element() >= 0x1000 && bytes.starts_with(&[0xFE, 0xFF, 0x00, 0xE0])
}

/// Whether a value of undefined length is encapsulated pixel data rather than a sequence.
fn is_encapsulated(tag: Tag, vr: Vr) -> bool {
    is_pixel_data(tag) || matches!(vr, Vr::OB | Vr::OW)
}

/// Values that have to be looked into, however long they are.
fn holds_text_or_items(tag: Tag, vr: Vr) -> bool {
    vr.is_string() || vr == Vr::SQ || vr == Vr::UN && dictionary::vr_of(tag) == Some(Vr::SQ)
}

/// Pixel Data, Float Pixel Data, Double Float Pixel Data.
pub fn is_pixel_data(tag: Tag) -> bool {
    matches!(tag, tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA)
}

/// Whether Pixel Representation among the elements so far says that pixel values are signed.
fn signed(elements: &[Element<'_>]) -> bool {
    elements.iter().rev().take(24).find(|e| e.tag == tags::PIXEL_REPRESENTATION).and_then(Element::number)
        == Some(1.0)
}

fn swapped(bytes: &[u8], vr: Vr) -> Cow<'_, [u8]> {
    let unit = vr.unit();
    if unit == 1 {
        return Cow::Borrowed(bytes);
    }
    let mut out = bytes.to_vec();
    for number in out.chunks_exact_mut(unit) {
        number.reverse();
    }
    Cow::Owned(out)
}
