//! Private elements, found by their creator and never by a fixed block (PS3.5 section 7.8.1).

use crate::dicom::{DataSet, Element};
use crate::model::{Tag, tags};

/// The element `element` of the block that `creator` reserves in `group`.
pub fn get<'s, 'a>(set: &'s DataSet<'a>, group: u16, creator: &str, element: u8) -> Option<&'s Element<'a>> {
    let elements = set.elements();
    let start = elements.partition_point(|e| e.tag < Tag::new(group, 0x10));
    elements[start..]
        .iter()
        .take_while(|e| e.tag.group() == group && e.tag.element() <= 0xFF)
        .filter(|e| set.ascii(e.tag).is_some_and(|name| name.eq_ignore_ascii_case(creator)))
        .find_map(|e| set.get(Tag::new(group, e.tag.element() << 8 | u16::from(element))))
}

/// The element, also where an anonymiser has taken the creators of the group away: then in the first block, if the
/// equipment is of the maker whose block it usually is.
pub fn of_maker<'s, 'a>(
    set: &'s DataSet<'a>,
    group: u16,
    (creator, maker): (&str, &str),
    element: u8,
) -> Option<&'s Element<'a>> {
    get(set, group, creator, element).or_else(|| {
        let elements = set.elements();
        let start = elements.partition_point(|e| e.tag < Tag::new(group, 0x10));
        let reserved = elements.get(start).is_some_and(|e| e.tag <= Tag::new(group, 0xFF));
        if reserved || !is_made_by(set, maker) {
            return None;
        }
        set.get(Tag::new(group, 0x1000 | u16::from(element)))
    })
}

/// The first number of it.
pub fn number_of_maker(
    set: &DataSet<'_>,
    group: u16,
    creator_and_maker: (&str, &str),
    element: u8,
) -> Option<f64> {
    of_maker(set, group, creator_and_maker, element)?.number()
}

/// Its first number.
pub fn number(set: &DataSet<'_>, group: u16, creator: &str, element: u8) -> Option<f64> {
    get(set, group, creator, element)?.number()
}

/// Its numbers, where they are of `width` bytes each when the file does not say what they are.
pub fn binary<const N: usize>(
    set: &DataSet<'_>,
    group: u16,
    creator: &str,
    element: u8,
    read: impl Fn([u8; N]) -> f64,
) -> Vec<f64> {
    let Some(found) = get(set, group, creator, element) else { return Vec::new() };
    let unknown = matches!(found.vr, crate::model::Vr::UN | crate::model::Vr::OB);
    match found.bytes() {
        Some(bytes) if unknown && !looks_like_text(bytes) => {
            bytes.as_chunks().0.iter().map(|&b| read(b)).filter(|n| n.is_finite()).collect()
        }
        _ => found.numbers(),
    }
}

fn looks_like_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E' | b'\\' | b' '))
}

/// Whether the equipment is of this maker.
pub fn is_made_by(set: &DataSet<'_>, maker: &str) -> bool {
    set.ascii(tags::MANUFACTURER).is_some_and(|m| m.to_ascii_uppercase().contains(maker))
}
