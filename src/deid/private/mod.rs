//! Private elements that are known to be safe, by their creator (PS3.15 table E.3.10-1 and what geometry, diffusion
//! and PET quantification need). Blocks that mix such facts with others (the CSA headers of Siemens, the protocol of GE)
//! are rebuilt from what of them is on a list; sequences are walked like any other.

mod ge;
mod list;
mod siemens;

use std::borrow::Cow;

use crate::dicom::{DataSet, Element, Value};
use crate::model::{Tag, Vr, tags};

use list::{Block, SAFE};

/// What may stand in a safe element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// Numbers, binary or as text.
    Numbers,
    /// A short coded word.
    Code,
    /// A sequence, whose items are de-identified as data sets of their own.
    Items,
    /// The Siemens CSA image header, which is rebuilt.
    Csa,
    /// The Siemens CSA series header, of which some lines of the protocol are kept.
    CsaSeries,
    /// The Siemens protocol as text, of which some lines are kept.
    Ascconv,
    /// The protocol of GE, compressed, of which some lines are kept.
    GeProtocol,
    /// A binary header of GE, of which the flags of phase encoding are kept.
    GeUserData,
}

impl Safe {
    /// Whether the element is rebuilt from parts of it.
    pub fn is_rebuilt(self) -> bool {
        !matches!(self, Self::Numbers | Self::Code | Self::Items)
    }
}

/// What may stand in a private element; `None` where it is not known to be safe.
pub fn safe(set: &DataSet<'_>, tag: Tag) -> Option<Safe> {
    let (_, _, elements) = block(set, tag)?;
    elements.iter().find(|e| e.0 == tag.element() as u8).map(|e| e.1)
}

/// Blocks that are known by group and maker where an anonymiser before us has taken the creators away: geometry,
/// timing and diffusion are read from them all the same.
const USUAL: [(u16, &str, &str); 6] = [
    (0x0019, "GEMS_ACQU_01", "GE"),
    (0x0043, "GEMS_PARM_01", "GE"),
    (0x0019, "SIEMENS MR HEADER", "SIEMENS"),
    (0x0029, "SIEMENS CSA HEADER", "SIEMENS"),
    (0x2001, "Philips Imaging DD 001", "PHILIPS"),
    (0x2005, "Philips MR Imaging DD 001", "PHILIPS"),
];

/// A creator that is missing of a safe element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingCreator {
    /// Where it belongs.
    pub tag: Tag,
    /// Its name.
    pub name: &'static str,
}

/// The creator that is missing of a number or a header that is rebuilt, and what the element is; `None` where the
/// group has creators, the equipment is not of the maker, or the element is not known to be safe.
pub fn missing_creator(set: &DataSet<'_>, tag: Tag) -> Option<(MissingCreator, Safe)> {
    if tag.element() >> 8 != 0x10 || !USUAL.iter().any(|u| u.0 == tag.group()) {
        return None;
    }
    let maker = set.ascii(tags::MANUFACTURER)?.to_ascii_uppercase();
    let is_mr = set.ascii(tags::MODALITY) == Some("MR");
    let usual = |u: &&(u16, &str, &str)| u.0 == tag.group() && maker.contains(u.2) && (is_mr || u.2 == "GE");
    let &(group, name, _) = USUAL.iter().find(usual)?;
    let elements = &SAFE.iter().find(|b| b.0 == name && b.1 == group)?.2;
    let kind = elements.iter().find(|e| e.0 == tag.element() as u8).map(|e| e.1)?;
    let reserved = set.elements().iter().any(|e| e.tag.group() == group && e.tag.is_private_creator());
    let certain = matches!(kind, Safe::Numbers | Safe::Csa | Safe::CsaSeries);
    (certain && !reserved).then_some((MissingCreator { tag: Tag::new(group, 0x0010), name }, kind))
}

fn block(set: &DataSet<'_>, tag: Tag) -> Option<&'static Block> {
    if tag.element() < 0x1000 || !SAFE.iter().any(|b| b.1 == tag.group()) {
        return None;
    }
    let creator = set.private_creator(tag)?;
    SAFE.iter().find(|b| b.1 == tag.group() && b.0.eq_ignore_ascii_case(creator))
}

/// The creator as the list spells it, for a creator element whose block has safe elements.
pub fn creator(set: &DataSet<'_>, tag: Tag) -> Option<&'static str> {
    let name = set.ascii(tag)?;
    SAFE.iter().find(|b| b.1 == tag.group() && b.0.eq_ignore_ascii_case(name)).map(|b| b.0)
}

/// Whether a text holds no identifier of the subject.
pub(super) type IsClean<'c> = &'c dyn Fn(&str) -> bool;

/// The element as far as it is safe; `None` where its value is not what the list promises.
pub fn cleaned<'a>(element: Element<'a>, safe: Safe, is_clean: IsClean<'_>) -> Option<Element<'a>> {
    let Value::Bytes(bytes) = &element.value else { return None };
    let rebuilt = match safe {
        Safe::Numbers => return is_numbers(element.vr, bytes).then_some(element),
        Safe::Code => return is_code(element.vr, bytes).then_some(element),
        Safe::Items => return None,
        Safe::Csa => siemens::image_header(bytes, is_clean)?,
        Safe::CsaSeries => siemens::series_header(bytes, is_clean)?,
        Safe::Ascconv => siemens::protocol(bytes, is_clean)?,
        Safe::GeProtocol => ge::protocol(bytes, is_clean)?,
        Safe::GeUserData => ge::user_data(bytes)?,
    };
    let mut rebuilt = rebuilt;
    if rebuilt.len() % 2 == 1 {
        rebuilt.push(0);
    }
    Some(Element { value: Value::Bytes(Cow::Owned(rebuilt)), ..element })
}

/// Whether text is decimal numbers, separated by backslashes; values may be empty.
pub fn is_numeric_text(bytes: &[u8]) -> bool {
    bytes.split(|&b| b == b'\\').all(|value| {
        let end = value.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
        let value = value[..end].trim_ascii();
        value.is_empty()
            || value.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
                && std::str::from_utf8(value).is_ok_and(|text| text.parse::<f64>().is_ok())
    })
}

fn is_numbers(vr: Vr, bytes: &[u8]) -> bool {
    match vr {
        Vr::DS | Vr::IS | Vr::LO | Vr::SH | Vr::CS | Vr::ST | Vr::LT => is_numeric_text(bytes),
        Vr::UN | Vr::OB | Vr::OW => {
            bytes.len() <= 1024 && (is_numeric_text(bytes) || !super::binary::looks_like_text(bytes))
        }
        Vr::FL | Vr::FD | Vr::SL | Vr::SS | Vr::UL | Vr::US | Vr::SV | Vr::UV | Vr::OF | Vr::OD => {
            !super::binary::looks_like_text(bytes)
        }
        _ => false,
    }
}

/// Short values without anything that only prose has. They still pass the search for identifiers.
fn is_code(vr: Vr, bytes: &[u8]) -> bool {
    matches!(vr, Vr::CS | Vr::SH | Vr::LO | Vr::UN | Vr::IS | Vr::DS)
        && bytes.len() <= LONGEST_CODES
        && bytes.split(|&b| b == b'\\').all(is_code_value)
}

/// Bytes of all values of a code.
const LONGEST_CODES: usize = 1024;
/// Bytes of one of them: LO holds as many.
const LONGEST_CODE: usize = 64;

/// One value of a code.
fn is_code_value(value: &[u8]) -> bool {
    value.len() <= LONGEST_CODE
        && value.iter().all(|b| b.is_ascii_alphanumeric() || b" _-.*/+()\0:,;=%".contains(b))
}

/// What of a data set's private elements is safe; looked up before the elements are taken apart.
#[derive(Default)]
pub struct SafePrivate {
    /// Elements that stay, with how they are cleaned.
    pub elements: Vec<(Tag, Safe)>,
    /// Their creators.
    pub creators: Vec<(Tag, &'static str)>,
    /// Creators that are not there and are written again if anything of their block stays.
    pub missing: Vec<MissingCreator>,
}

impl SafePrivate {
    /// Of a data set.
    pub fn of(set: &DataSet<'_>) -> Self {
        let mut found = Self::default();
        for element in set.elements().iter().filter(|e| e.tag.is_private()) {
            if element.tag.is_private_creator() {
                found.creators.extend(creator(set, element.tag).map(|name| (element.tag, name)));
            } else if let Some(kind) = safe(set, element.tag).filter(|_| !found.creators.is_empty()) {
                found.elements.push((element.tag, kind));
            } else if let Some((creator, kind)) = missing_creator(set, element.tag) {
                found.elements.push((element.tag, kind));
                if !found.missing.contains(&creator) {
                    found.missing.push(creator);
                }
            }
        }
        found
    }
}

/// Takes out private creators whose block is empty.
pub fn drop_empty_blocks(elements: &mut Vec<Element<'_>>) {
    let used: Vec<Tag> = elements
        .iter()
        .filter(|e| e.tag.is_private() && !e.tag.is_private_creator())
        .map(|e| e.tag.private_creator())
        .collect();
    elements.retain(|e| !e.tag.is_private_creator() || used.contains(&e.tag));
}
