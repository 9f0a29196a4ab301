//! Writing: always explicit VR little endian (or the encapsulated syntax that the pixel data is in), a zero
//! preamble, a file meta information of our own. The bytes depend on nothing but the data set.

use std::io::{self, Write};

use super::Syntax;
use super::dataset::{DataSet, Element, Fragments, Value};
use crate::bytes::ByteSource;
use crate::model::{Tag, Vr, tags};

/// Gantry as the implementation that wrote a file: a UUID-derived UID (PS3.5 annex B.2).
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.219104377210446023894751330157622713104";
/// Its version.
pub const IMPLEMENTATION_VERSION_NAME: &str = concat!("GANTRY_", env!("CARGO_PKG_VERSION"));
const UNDEFINED: [u8; 4] = [0xFF; 4];

/// A whole file: preamble, file meta information, data set. `syntax_uid` must be Explicit VR Little Endian or an
/// encapsulated transfer syntax.
///
/// # Errors
/// A large value that stands in a file cannot be read.
pub fn write(dataset: &DataSet<'_>, syntax_uid: &str) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1024 + size_hint(dataset) as usize);
    write_to(&mut out, dataset, syntax_uid)?;
    Ok(out)
}

/// The same, to wherever it goes.
///
/// # Errors
/// A large value cannot be read; the file cannot be written.
pub fn write_to(out: &mut impl Write, dataset: &DataSet<'_>, syntax_uid: &str) -> io::Result<()> {
    let mut small = vec![0; 128];
    small.extend_from_slice(b"DICM");
    meta(&mut small, dataset, syntax_uid);
    let mut out = Out { small, out };
    written(dataset).try_for_each(|e| out.root(e))?;
    out.flush()
}

/// The same in a syntax of native pixel data: Implicit VR Little Endian, whose values may be of any length, or as
/// [`write_to`].
///
/// # Errors
/// As [`write_to`]; encapsulated pixel data, which no native syntax holds.
pub fn write_to_as(out: &mut impl Write, dataset: &DataSet<'_>, syntax_uid: &str) -> io::Result<()> {
    if syntax_uid != Syntax::IMPLICIT_LE {
        return write_to(out, dataset, syntax_uid);
    }
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    meta(&mut bytes, dataset, syntax_uid);
    implicit(&mut bytes, dataset)?;
    out.write_all(&bytes)
}

/// What stands before a data set that came without it: preamble and file meta information.
pub fn file_head(sop_class: &str, sop_uid: &str, syntax_uid: &str) -> Vec<u8> {
    let uid = |tag: Tag, value: &str| Element::text(tag, Vr::UI, value);
    let named = DataSet::from_elements(vec![
        uid(tags::SOP_CLASS_UID, sop_class),
        uid(tags::SOP_INSTANCE_UID, sop_uid),
    ]);
    let mut head = vec![0; 128];
    head.extend_from_slice(b"DICM");
    meta(&mut head, &named, syntax_uid);
    head
}

/// A data set alone, as messages carry it: in Implicit VR Little Endian, or explicit.
///
/// # Errors
/// A large value that stands in a file cannot be read.
pub fn data_set(dataset: &DataSet<'_>, syntax_uid: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if syntax_uid == Syntax::IMPLICIT_LE {
        implicit(&mut bytes, dataset)?;
    } else {
        written(dataset).for_each(|e| element(&mut bytes, e));
    }
    Ok(bytes)
}

/// The elements of a data set without their representations.
fn implicit(out: &mut Vec<u8>, dataset: &DataSet<'_>) -> io::Result<()> {
    for e in written(dataset) {
        put_tag(out, e.tag);
        if let Value::Items(items) = &e.value {
            out.extend_from_slice(&UNDEFINED);
            for one in items {
                item(out, tags::ITEM, UNDEFINED);
                implicit(out, one)?;
                item(out, tags::ITEM_DELIMITATION_ITEM, [0; 4]);
            }
            item(out, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
            continue;
        }
        let bulk = e.bulk().ok_or(io::ErrorKind::Unsupported)?;
        out.extend_from_slice(&even(bulk.len()).to_le_bytes());
        bulk.copy_to(out)?;
        pad(out, bulk.len(), e.vr.padding());
    }
    Ok(())
}

/// How much is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// A file as it is written: what is large does not pass through memory as a whole.
struct Out<'w, W> {
    small: Vec<u8>,
    out: &'w mut W,
}

impl<W: Write> Out<'_, W> {
    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.small)?;
        self.small.clear();
        Ok(())
    }

    fn bulk(&mut self, bulk: &ByteSource<'_>) -> io::Result<()> {
        self.flush()?;
        bulk.copy_to(self.out)
    }

    /// An element of the root.
    fn root(&mut self, e: &Element<'_>) -> io::Result<()> {
        match &e.value {
            Value::Fragments(f) => self.fragments(e.tag, f)?,
            Value::Items(items) if !items.is_empty() => {
                head(&mut self.small, e.tag, Vr::SQ, UNDEFINED);
                for dataset in items {
                    one_item(&mut self.small, dataset);
                    if self.small.len() >= GATHERED {
                        self.flush()?;
                    }
                }
                item(&mut self.small, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
            }
            _ => {
                match e.bulk().filter(|b| matches!(b, ByteSource::Stored(_)) || b.len() >= GATHERED as u64) {
                    Some(bulk) => {
                        let vr = value_head(&mut self.small, e.tag, e.vr, bulk.len());
                        self.bulk(&bulk)?;
                        pad(&mut self.small, bulk.len(), vr.padding());
                    }
                    None => element(&mut self.small, e),
                }
            }
        }
        if self.small.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn fragments(&mut self, tag: Tag, f: &Fragments<'_>) -> io::Result<()> {
        head(&mut self.small, tag, Vr::OB, UNDEFINED);
        let offsets = ByteSource::from(&*f.offsets);
        for fragment in std::iter::once(&offsets).chain(&f.fragments) {
            item(&mut self.small, tags::ITEM, even(fragment.len()).to_le_bytes());
            self.bulk(fragment)?;
            pad(&mut self.small, fragment.len(), 0);
        }
        item(&mut self.small, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
        Ok(())
    }
}

fn meta(out: &mut Vec<u8>, dataset: &DataSet<'_>, syntax_uid: &str) {
    let uid = |tag: Tag, value: &str| Element::text(tag, Vr::UI, value);
    let mut group = Vec::with_capacity(256);
    element(&mut group, &Element::new(tags::FILE_META_INFORMATION_VERSION, Vr::OB, &[0, 1][..]));
    let class = dataset.ascii(tags::SOP_CLASS_UID).unwrap_or_default();
    element(&mut group, &uid(tags::MEDIA_STORAGE_SOP_CLASS_UID, class));
    let instance = dataset.ascii(tags::SOP_INSTANCE_UID).unwrap_or_default();
    element(&mut group, &uid(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, instance));
    element(&mut group, &uid(tags::TRANSFER_SYNTAX_UID, syntax_uid));
    element(&mut group, &uid(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_CLASS_UID));
    element(
        &mut group,
        &Element::text(tags::IMPLEMENTATION_VERSION_NAME, Vr::SH, IMPLEMENTATION_VERSION_NAME),
    );
    let length = (group.len() as u32).to_le_bytes();
    element(out, &Element::new(tags::FILE_META_INFORMATION_GROUP_LENGTH, Vr::UL, &length[..]));
    out.extend_from_slice(&group);
}

/// Group lengths are retired and would no longer be true.
fn written<'s, 'a>(dataset: &'s DataSet<'a>) -> impl Iterator<Item = &'s Element<'a>> {
    dataset.elements().iter().filter(|e| !e.tag.is_group_length())
}

fn element(out: &mut Vec<u8>, e: &Element<'_>) {
    match &e.value {
        Value::Bytes(bytes) => value(out, e.tag, e.vr, bytes),
        Value::Items(items) => sequence(out, e.tag, items),
        // Only the root holds what is large; pixel data that was not read cannot be written, and whoever reads headers
        // only does not write.
        Value::Fragments(_) | Value::Stored(_) | Value::Unread(_) => {}
    }
}

fn value(out: &mut Vec<u8>, tag: Tag, vr: Vr, bytes: &[u8]) {
    let vr = value_head(out, tag, vr, bytes.len() as u64);
    out.extend_from_slice(bytes);
    pad(out, bytes.len() as u64, vr.padding());
}

/// The head of a value; the representation in which it is written.
fn value_head(out: &mut Vec<u8>, tag: Tag, vr: Vr, length: u64) -> Vr {
    // A value too long for a 16-bit length is written as UN (PS3.5 section 6.2.2).
    let vr = if !vr.has_long_length() && length > u64::from(u16::MAX) { Vr::UN } else { vr };
    head(out, tag, vr, even(length).to_le_bytes());
    vr
}

/// A length with the byte that makes it even.
fn even(length: u64) -> u32 {
    length.next_multiple_of(2) as u32
}

fn sequence(out: &mut Vec<u8>, tag: Tag, items: &[DataSet<'_>]) {
    if items.is_empty() {
        return head(out, tag, Vr::SQ, [0; 4]);
    }
    head(out, tag, Vr::SQ, UNDEFINED);
    items.iter().for_each(|dataset| one_item(out, dataset));
    item(out, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
}

fn one_item(out: &mut Vec<u8>, dataset: &DataSet<'_>) {
    item(out, tags::ITEM, UNDEFINED);
    written(dataset).for_each(|e| element(out, e));
    item(out, tags::ITEM_DELIMITATION_ITEM, [0; 4]);
}

fn head(out: &mut Vec<u8>, tag: Tag, vr: Vr, length: [u8; 4]) {
    put_tag(out, tag);
    out.extend_from_slice(vr.code().as_bytes());
    if vr.has_long_length() {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&length);
    } else {
        out.extend_from_slice(&length[..2]);
    }
}

fn item(out: &mut Vec<u8>, tag: Tag, length: [u8; 4]) {
    put_tag(out, tag);
    out.extend_from_slice(&length);
}

fn put_tag(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.group().to_le_bytes());
    out.extend_from_slice(&tag.element().to_le_bytes());
}

fn pad(out: &mut Vec<u8>, length: u64, padding: u8) {
    if length % 2 == 1 {
        out.push(padding);
    }
}

/// How many bytes the elements of a data set come to when they are written, about.
pub fn size_hint(dataset: &DataSet<'_>) -> u64 {
    let value = |e: &Element<'_>| match &e.value {
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::Items(items) => items.iter().map(|i| 16 + size_hint(i)).sum(),
        Value::Fragments(f) => f.fragments.iter().map(|f| f.len() + 8).sum(),
        Value::Stored(extent) => extent.len(),
        Value::Unread(_) => 0,
    };
    dataset.elements().iter().map(|e| 12 + value(e)).sum()
}
