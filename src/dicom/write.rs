//! Writing: always explicit VR little endian (or the encapsulated syntax that the pixel data is in), a zero
//! preamble, a file meta information of our own. The bytes depend on nothing but the data set.

use super::dataset::{DataSet, Element, Value};
use crate::model::{Tag, Vr, tags};

/// Gantry as the implementation that wrote a file: a UUID-derived UID (PS3.5 annex B.2).
const IMPLEMENTATION_CLASS_UID: &str = "2.25.219104377210446023894751330157622713104";
const IMPLEMENTATION_VERSION_NAME: &str = concat!("GANTRY_", env!("CARGO_PKG_VERSION"));
const UNDEFINED: [u8; 4] = [0xFF; 4];

/// A whole file: preamble, file meta information, data set. `syntax_uid` must be Explicit VR Little Endian or an
/// encapsulated transfer syntax.
pub fn write(dataset: &DataSet<'_>, syntax_uid: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + size_hint(dataset));
    out.resize(128, 0);
    out.extend_from_slice(b"DICM");
    meta(&mut out, dataset, syntax_uid);
    elements(&mut out, dataset);
    out
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

fn elements(out: &mut Vec<u8>, dataset: &DataSet<'_>) {
    for e in dataset.elements() {
        // Group lengths are retired and would no longer be true.
        if !e.tag.is_group_length() {
            element(out, e);
        }
    }
}

fn element(out: &mut Vec<u8>, e: &Element<'_>) {
    match &e.value {
        Value::Bytes(bytes) => value(out, e.tag, e.vr, bytes),
        Value::Items(items) => sequence(out, e.tag, items),
        Value::Fragments(f) => {
            head(out, e.tag, Vr::OB, UNDEFINED);
            for fragment in std::iter::once(&f.offsets).chain(&f.fragments) {
                item(out, tags::ITEM, (fragment.len().next_multiple_of(2) as u32).to_le_bytes());
                padded(out, fragment, 0);
            }
            item(out, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
        }
        // Pixel data that was not read cannot be written; whoever reads headers only does not write.
        Value::Unread(_) => {}
    }
}

fn value(out: &mut Vec<u8>, tag: Tag, vr: Vr, bytes: &[u8]) {
    let length = bytes.len().next_multiple_of(2);
    // A value too long for a 16-bit length is written as UN (PS3.5 section 6.2.2).
    let vr = if !vr.has_long_length() && length > usize::from(u16::MAX) { Vr::UN } else { vr };
    head(out, tag, vr, (length as u32).to_le_bytes());
    padded(out, bytes, vr.padding());
}

fn sequence(out: &mut Vec<u8>, tag: Tag, items: &[DataSet<'_>]) {
    if items.is_empty() {
        return head(out, tag, Vr::SQ, [0; 4]);
    }
    head(out, tag, Vr::SQ, UNDEFINED);
    for dataset in items {
        item(out, tags::ITEM, UNDEFINED);
        elements(out, dataset);
        item(out, tags::ITEM_DELIMITATION_ITEM, [0; 4]);
    }
    item(out, tags::SEQUENCE_DELIMITATION_ITEM, [0; 4]);
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

fn padded(out: &mut Vec<u8>, bytes: &[u8], padding: u8) {
    out.extend_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        out.push(padding);
    }
}

fn size_hint(dataset: &DataSet<'_>) -> usize {
    let value = |e: &Element<'_>| match &e.value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Items(items) => items.iter().map(|i| 16 + size_hint(i)).sum(),
        Value::Fragments(f) => f.fragments.iter().map(|f| f.len() + 8).sum(),
        Value::Unread(_) => 0,
    };
    dataset.elements().iter().map(|e| 12 + value(e)).sum()
}
