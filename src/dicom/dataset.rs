//! A data set as a tree of elements that borrow from the file's bytes.
//!
//! Values are little-endian whatever the file was; nothing is interpreted before somebody asks, so what is not
//! touched is written back bit for bit.

use std::borrow::Cow;

use super::Charset;
use crate::bytes::{ByteSource, FileRange};
use crate::model::{Tag, Vr, tags};

/// A data set or a sequence item: elements in ascending order of their tags, each tag once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataSet<'a> {
    elements: Vec<Element<'a>>,
}

/// One data element.
#[derive(Debug, Clone, PartialEq)]
pub struct Element<'a> {
    /// The tag.
    pub tag: Tag,
    /// The value representation: as written, or the dictionary's for implicit VR.
    pub vr: Vr,
    /// The value.
    pub value: Value<'a>,
}

/// The value of an element.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Everything but sequences and encapsulated pixel data: raw little-endian bytes, padding included.
    Bytes(Cow<'a, [u8]>),
    /// The items of a sequence.
    Items(Vec<DataSet<'a>>),
    /// Encapsulated pixel data.
    Fragments(Box<Fragments<'a>>),
    /// A large value that stays in the file.
    Stored(FileRange),
    /// Pixel data that was not read ([`super::ReadOptions::header_only`]): its declared length in bytes, `None` when
    /// it is encapsulated.
    Unread(Option<u32>),
}

/// Encapsulated pixel data (PS3.5 annex A.4).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fragments<'a> {
    /// The basic offset table as it stands, maybe empty.
    pub offsets: Cow<'a, [u8]>,
    /// The fragments.
    pub fragments: Vec<ByteSource<'a>>,
}

impl<'a> DataSet<'a> {
    /// A data set without elements.
    pub fn new() -> Self {
        Self::default()
    }

    /// From elements in any order; of elements with the same tag the first stays.
    pub fn from_elements(mut elements: Vec<Element<'a>>) -> Self {
        if !elements.is_sorted_by(|a, b| a.tag < b.tag) {
            elements.sort_by_key(|e| e.tag);
            elements.dedup_by_key(|e| e.tag);
        }
        Self { elements }
    }

    /// The elements in ascending order.
    pub fn elements(&self) -> &[Element<'a>] {
        &self.elements
    }

    /// The elements, to change their values. Tags must stay as they are.
    pub fn elements_mut(&mut self) -> impl Iterator<Item = &mut Element<'a>> {
        self.elements.iter_mut()
    }

    /// The elements in ascending order, each its own.
    pub fn into_elements(self) -> Vec<Element<'a>> {
        self.elements
    }

    /// Keeps the elements for which `keep` says so; it may change them.
    pub fn retain_mut(&mut self, keep: impl FnMut(&mut Element<'a>) -> bool) {
        self.elements.retain_mut(keep);
    }

    /// The element with this tag.
    pub fn get(&self, tag: Tag) -> Option<&Element<'a>> {
        self.elements.binary_search_by_key(&tag, |e| e.tag).ok().map(|i| &self.elements[i])
    }

    /// The element with this tag, to change it.
    pub fn get_mut(&mut self, tag: Tag) -> Option<&mut Element<'a>> {
        let i = self.elements.binary_search_by_key(&tag, |e| e.tag).ok()?;
        Some(&mut self.elements[i])
    }

    /// Puts an element in, replacing one with the same tag.
    pub fn put(&mut self, element: Element<'a>) {
        match self.elements.binary_search_by_key(&element.tag, |e| e.tag) {
            Ok(i) => self.elements[i] = element,
            Err(i) => self.elements.insert(i, element),
        }
    }

    /// Puts a string in, padded to even length.
    pub fn put_str(&mut self, tag: Tag, vr: Vr, text: &str) {
        self.put(Element::text(tag, vr, text));
    }

    /// Takes the element with this tag out.
    pub fn remove(&mut self, tag: Tag) -> Option<Element<'a>> {
        let i = self.elements.binary_search_by_key(&tag, |e| e.tag).ok()?;
        Some(self.elements.remove(i))
    }

    /// The bytes of an element that is no sequence.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        self.get(tag)?.bytes()
    }

    /// The items of a sequence; empty where there is none.
    pub fn items(&self, tag: Tag) -> &[DataSet<'a>] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// The first item of a sequence.
    pub fn item(&self, tag: Tag) -> Option<&DataSet<'a>> {
        self.items(tag).first()
    }

    /// A plain ASCII string without padding; `None` when absent, empty or not ASCII.
    pub fn ascii(&self, tag: Tag) -> Option<&str> {
        let text = std::str::from_utf8(trim(self.bytes(tag)?)).ok()?;
        (!text.is_empty() && text.is_ascii()).then_some(text)
    }

    /// The values of a plain ASCII string, split at backslashes, each without padding.
    pub fn ascii_values(&self, tag: Tag) -> impl Iterator<Item = &str> {
        self.ascii(tag).into_iter().flat_map(|text| text.split('\\')).map(|v| v.trim_matches([' ', '\0']))
    }

    /// Text in the character set that holds here; `None` when absent or empty.
    pub fn text(&self, tag: Tag, charset: &Charset) -> Option<String> {
        let element = self.get(tag)?;
        let text = charset.decode(element.bytes()?, element.vr);
        let text = text.trim_matches([' ', '\0']);
        (!text.is_empty()).then(|| text.to_string())
    }

    /// The character set of this data set: its own, else that of the data set around it.
    pub fn charset(&self, outer: &Charset) -> Charset {
        match self.bytes(tags::SPECIFIC_CHARACTER_SET) {
            Some(value) if !trim(value).is_empty() => Charset::from_value(value),
            _ => outer.clone(),
        }
    }

    /// Every number of an element, whether it is binary or a decimal or integer string. Values that are no finite
    /// number are left out.
    pub fn numbers(&self, tag: Tag) -> Vec<f64> {
        self.get(tag).map(Element::numbers).unwrap_or_default()
    }

    /// The first number of an element.
    pub fn number(&self, tag: Tag) -> Option<f64> {
        self.get(tag)?.number()
    }

    /// The first number of an element where it is an integer that fits 32 bits.
    pub fn integer(&self, tag: Tag) -> Option<i32> {
        let number = self.number(tag)?;
        (number.fract() == 0.0 && number >= f64::from(i32::MIN) && number <= f64::from(i32::MAX))
            .then_some(number as i32)
    }

    /// Whether the creator that reserves the block of the private element `tag` is `creator`.
    pub fn private_creator(&self, tag: Tag) -> Option<&str> {
        self.ascii(tag.private_creator())
    }

    /// The same data set with every byte its own.
    pub fn into_owned(self) -> DataSet<'static> {
        DataSet { elements: self.elements.into_iter().map(Element::into_owned).collect() }
    }
}

impl<'a> Element<'a> {
    /// An element with raw little-endian bytes.
    pub fn new(tag: Tag, vr: Vr, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { tag, vr, value: Value::Bytes(bytes.into()) }
    }

    /// An element with a string (in the encoding of the data set), padded to even length.
    pub fn text(tag: Tag, vr: Vr, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(vr.padding());
        }
        Self::new(tag, vr, bytes)
    }

    /// A sequence.
    pub fn sequence(tag: Tag, items: Vec<DataSet<'a>>) -> Self {
        Self { tag, vr: Vr::SQ, value: Value::Items(items) }
    }

    /// The bytes; `None` for sequences and encapsulated pixel data.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items of a sequence; empty where it is none.
    pub fn items(&self) -> &[DataSet<'a>] {
        match &self.value {
            Value::Items(items) => items,
            _ => &[],
        }
    }

    /// The bytes, wherever they are; `None` as for [`Element::bytes`].
    pub fn bulk(&self) -> Option<ByteSource<'_>> {
        match &self.value {
            Value::Bytes(bytes) => Some(ByteSource::Memory(Cow::Borrowed(bytes))),
            Value::Stored(extent) => Some(ByteSource::Stored(extent.clone())),
            _ => None,
        }
    }

    /// Neither bytes nor items.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Items(items) => items.is_empty(),
            Value::Stored(extent) => extent.is_empty(),
            Value::Fragments(_) | Value::Unread(_) => false,
        }
    }

    /// The first number, see [`DataSet::numbers`].
    pub fn number(&self) -> Option<f64> {
        let bytes = self.bytes()?;
        match self.vr.unit() {
            1 if self.vr.is_string() => bytes.split(|&b| b == b'\\').next().and_then(parse_number),
            _ => self.numbers().first().copied(),
        }
    }

    /// Every number, see [`DataSet::numbers`].
    pub fn numbers(&self) -> Vec<f64> {
        let Some(bytes) = self.bytes() else { return Vec::new() };
        match self.vr {
            Vr::US | Vr::OW | Vr::AT => le(bytes, |b| u16::from_le_bytes(b).into()),
            Vr::SS => le(bytes, |b| i16::from_le_bytes(b).into()),
            Vr::UL | Vr::OL => le(bytes, |b| u32::from_le_bytes(b).into()),
            Vr::SL => le(bytes, |b| i32::from_le_bytes(b).into()),
            Vr::UV | Vr::OV => le(bytes, |b| u64::from_le_bytes(b) as f64),
            Vr::SV => le(bytes, |b| i64::from_le_bytes(b) as f64),
            Vr::FL | Vr::OF => le(bytes, |b| f32::from_le_bytes(b).into()),
            Vr::FD | Vr::OD => le(bytes, f64::from_le_bytes),
            _ => bytes.split(|&b| b == b'\\').filter_map(parse_number).collect(),
        }
    }

    /// The same element with every byte its own.
    pub fn into_owned(self) -> Element<'static> {
        Element { tag: self.tag, vr: self.vr, value: self.value.into_owned() }
    }
}

impl<'a> Value<'a> {
    /// The same value with the bytes of this one; items are copied.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Value::Fragments(f) => Value::from(Fragments {
                offsets: Cow::Borrowed(&f.offsets),
                fragments: f.fragments.iter().map(ByteSource::borrowed).collect(),
            }),
            other => other.clone(),
        }
    }

    /// The same value with every byte its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Value::Items(items) => Value::Items(items.into_iter().map(DataSet::into_owned).collect()),
            Value::Fragments(f) => Value::from(Fragments {
                offsets: Cow::Owned(f.offsets.into_owned()),
                fragments: f.fragments.into_iter().map(ByteSource::into_owned).collect(),
            }),
            Value::Stored(extent) => Value::Stored(extent),
            Value::Unread(length) => Value::Unread(length),
        }
    }
}

impl<'a> From<Fragments<'a>> for Value<'a> {
    fn from(fragments: Fragments<'a>) -> Self {
        Self::Fragments(Box::new(fragments))
    }
}

impl<'a> From<ByteSource<'a>> for Value<'a> {
    fn from(bulk: ByteSource<'a>) -> Self {
        match bulk {
            ByteSource::Memory(bytes) => Self::Bytes(bytes),
            ByteSource::Stored(extent) => Self::Stored(extent),
        }
    }
}

/// Finite numbers from little-endian bytes; a tail shorter than a number is ignored.
fn le<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&b| number(b)).filter(|n| n.is_finite()).collect()
}

fn parse_number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(trim(text)).ok()?.parse().ok().filter(|n: &f64| n.is_finite())
}

/// Without the spaces and zero bytes around.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_padding = |b: &u8| matches!(b, b' ' | 0);
    let start = bytes.iter().position(|b| !is_padding(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_padding(b)).map_or(start, |i| i + 1);
    &bytes[start..end]
}
