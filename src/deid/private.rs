//! Private elements that are known to be safe, by their creator (PS3.15 table E.3.10-1 and what geometry, diffusion
//! and PET quantification need), and the Siemens CSA header, of which only numbers survive.

use std::borrow::Cow;

use crate::dicom::{DataSet, Element, Value};
use crate::model::{Tag, Vr, tags};

/// What may stand in a safe element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// Numbers, binary or as text.
    Numbers,
    /// A short coded word.
    Code,
    /// The Siemens CSA image header, which is rebuilt.
    Csa,
}

/// Creator, group, and the elements of its block that are safe.
type Block = (&'static str, u16, &'static [(u8, Safe)]);

use Safe::{Code, Csa, Numbers};

const SAFE: &[Block] = &[
    (
        "SIEMENS MR HEADER",
        0x0019,
        &[
            (0x08, Code),
            (0x09, Code),
            (0x0A, Numbers),
            (0x0B, Numbers),
            (0x0C, Numbers),
            (0x0D, Code),
            (0x0E, Numbers),
            (0x0F, Code),
            (0x11, Code),
            (0x12, Numbers),
            (0x13, Numbers),
            (0x14, Numbers),
            (0x15, Numbers),
            (0x16, Numbers),
            (0x17, Numbers),
            (0x18, Numbers),
            (0x27, Numbers),
            (0x28, Numbers),
            (0x29, Numbers),
        ],
    ),
    (
        "SIEMENS MR HEADER",
        0x0051,
        &[(0x0B, Code), (0x0C, Code), (0x0D, Code), (0x0E, Code), (0x11, Code), (0x16, Code)],
    ),
    ("SIEMENS CSA HEADER", 0x0029, &[(0x08, Code), (0x09, Code), (0x10, Csa)]),
    ("SIEMENS CT VA0  COAD", 0x0019, &[(0xB0, Numbers), (0x92, Numbers), (0x93, Numbers), (0x94, Numbers)]),
    ("SIEMENS MED PT", 0x0071, &[(0x21, Numbers), (0x22, Numbers)]),
    (
        "GEMS_ACQU_01",
        0x0019,
        &[
            (0x02, Numbers),
            (0x23, Numbers),
            (0x24, Numbers),
            (0x27, Numbers),
            (0x5A, Numbers),
            (0x7E, Numbers),
            (0x9C, Code),
            (0x9E, Code),
            (0xB3, Numbers),
            (0xBB, Numbers),
            (0xBC, Numbers),
            (0xBD, Numbers),
            (0xBE, Numbers),
            (0xE0, Numbers),
            (0xDF, Numbers),
            (0xD9, Numbers),
        ],
    ),
    (
        "GEMS_RELA_01",
        0x0021,
        &[
            (0x35, Numbers),
            (0x36, Numbers),
            (0x37, Numbers),
            (0x4F, Numbers),
            (0x5A, Numbers),
            (0x5B, Numbers),
            (0x5C, Numbers),
            (0x5D, Numbers),
            (0x5E, Numbers),
        ],
    ),
    (
        "GEMS_SERS_01",
        0x0025,
        &[
            (0x06, Numbers),
            (0x07, Numbers),
            (0x11, Numbers),
            (0x14, Numbers),
            (0x17, Numbers),
            (0x18, Numbers),
            (0x19, Numbers),
        ],
    ),
    (
        "GEMS_PARM_01",
        0x0043,
        &[
            (0x07, Numbers),
            (0x2C, Numbers),
            (0x2F, Numbers),
            (0x27, Code),
            (0x39, Numbers),
            (0x6F, Numbers),
            (0x2A, Numbers),
            (0x83, Numbers),
        ],
    ),
    ("GEMS_HELIOS_01", 0x0045, &[(0x01, Numbers), (0x02, Numbers), (0x0F, Numbers)]),
    ("GEMS_PETD_01", 0x0009, &[(0x38, Numbers), (0x3F, Numbers), (0x40, Numbers)]),
    ("GEIIS PACS", 0x0903, &[(0x10, Numbers), (0x11, Numbers), (0x12, Numbers)]),
    (
        "Philips Imaging DD 001",
        0x2001,
        &[
            (0x01, Numbers),
            (0x02, Numbers),
            (0x03, Numbers),
            (0x04, Code),
            (0x06, Code),
            (0x08, Numbers),
            (0x0A, Numbers),
            (0x0B, Code),
            (0x14, Numbers),
            (0x15, Numbers),
            (0x16, Code),
            (0x17, Numbers),
            (0x18, Numbers),
            (0x1A, Numbers),
            (0x22, Numbers),
            (0x23, Numbers),
            (0x2D, Numbers),
            (0x60, Numbers),
            (0x81, Numbers),
        ],
    ),
    (
        "Philips MR Imaging DD 001",
        0x2005,
        &[
            (0x00, Numbers),
            (0x01, Numbers),
            (0x02, Numbers),
            (0x08, Numbers),
            (0x09, Numbers),
            (0x0A, Numbers),
            (0x0D, Numbers),
            (0x0E, Numbers),
            (0x11, Code),
            (0xB0, Numbers),
            (0xB1, Numbers),
            (0xB2, Numbers),
        ],
    ),
    (
        "Philips MR Imaging DD 005",
        0x2005,
        &[(0x12, Numbers), (0x13, Numbers), (0x14, Numbers), (0x15, Numbers), (0x29, Code)],
    ),
    ("Philips PET Private Group", 0x7053, &[(0x00, Numbers), (0x03, Numbers), (0x09, Numbers)]),
    ("ELSCINT1", 0x00E1, &[(0x21, Numbers)]),
    ("ELSCINT1", 0x01E1, &[(0x26, Code), (0x50, Numbers)]),
    ("ELSCINT1", 0x01F1, &[(0x01, Code), (0x07, Numbers), (0x26, Numbers), (0x27, Numbers)]),
    (
        "Image Private Header",
        0x0065,
        &[(0x09, Numbers), (0x10, Numbers), (0x25, Code), (0x37, Numbers), (0x50, Numbers)],
    ),
];

/// What may stand in a private element; `None` where it is not known to be safe.
pub fn safe(set: &DataSet<'_>, tag: Tag) -> Option<Safe> {
    let (_, _, elements) = block(set, tag)?;
    elements.iter().find(|e| e.0 == tag.element() as u8).map(|e| e.1)
}

/// Blocks that are known by group and maker where an anonymiser before us has taken the creators away: geometry and
/// diffusion are read from them all the same.
const USUAL: [(u16, &str, &str); 2] = [(0x0043, "GEMS_PARM_01", "GE"), (0x0019, "GEMS_ACQU_01", "GE")];

/// The creator that is missing of a safe number, and where it belongs; `None` where the group has creators, or the
/// number is not known to be safe.
pub fn missing_creator(set: &DataSet<'_>, tag: Tag) -> Option<(Tag, &'static str)> {
    let &(group, creator, maker) = USUAL.iter().find(|u| u.0 == tag.group() && tag.element() >> 8 == 0x10)?;
    let numbers = &SAFE.iter().find(|b| b.0 == creator && b.1 == group)?.2;
    let safe = numbers.iter().any(|e| e.0 == tag.element() as u8 && e.1 == Numbers);
    let of_maker = set.ascii(tags::MANUFACTURER)?.to_ascii_uppercase().contains(maker);
    let reserved = set.elements().iter().any(|e| e.tag.group() == group && e.tag.is_private_creator());
    (safe && of_maker && !reserved).then_some((Tag::new(group, 0x0010), creator))
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

/// The element as far as it is safe; `None` where its value is not what the list promises.
pub fn cleaned<'a>(element: Element<'a>, safe: Safe) -> Option<Element<'a>> {
    let Value::Bytes(bytes) = &element.value else { return None };
    match safe {
        Numbers => is_numbers(element.vr, bytes).then_some(element),
        Code => is_code(element.vr, bytes).then_some(element),
        Csa => {
            let rebuilt = csa(bytes)?;
            Some(Element { value: Value::Bytes(Cow::Owned(rebuilt)), ..element })
        }
    }
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

/// Short, without anything that only prose has. Values still pass the search for identifiers.
fn is_code(vr: Vr, bytes: &[u8]) -> bool {
    matches!(vr, Vr::CS | Vr::SH | Vr::LO | Vr::UN | Vr::IS | Vr::DS)
        && bytes.len() <= 64
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b" _-.*/\\+()\0:".contains(b))
}

/// Entries of the CSA header that are numbers or fixed words and that geometry or diffusion needs.
const CSA_ENTRIES: &[&str] = &[
    "B_matrix",
    "B_value",
    "BandwidthPerPixelPhaseEncode",
    "DiffusionDirectionality",
    "DiffusionGradientDirection",
    "EchoLinePosition",
    "EchoColumnPosition",
    "EchoPartitionPosition",
    "GradientMode",
    "ImaAbsTablePosition",
    "ImaRelTablePosition",
    "MosaicRefAcqTimes",
    "NumberOfImagesInMosaic",
    "PhaseEncodingDirectionPositive",
    "PhaseGradientAmplitude",
    "ProtocolSliceNumber",
    "ReadoutGradientAmplitude",
    "RealDwellTime",
    "SelectionGradientAmplitude",
    "SliceMeasurementDuration",
    "SliceNormalVector",
    "SlicePosition_PCS",
    "SliceResolution",
    "SpacingBetweenSlices",
    "TablePositionOrigin",
    "TimeAfterStart",
];
const CSA_MAX_ENTRIES: u32 = 128;

/// A CSA header with nothing but the known entries, in the second layout; `None` where it cannot be read.
fn csa(bytes: &[u8]) -> Option<Vec<u8>> {
    let second_layout = bytes.starts_with(b"SV10");
    let mut reader = Reader { bytes, at: if second_layout { 8 } else { 0 } };
    let count = reader.u32()?;
    reader.take(4)?;
    if !(1..=CSA_MAX_ENTRIES).contains(&count) {
        return None;
    }
    let mut kept: Vec<(&str, [u8; 4], Vec<&[u8]>)> = Vec::new();
    let mut first_items = None;
    for _ in 0..count {
        let name = reader.take(64)?;
        let name = &name[..name.iter().position(|&b| b == 0).unwrap_or(64)];
        reader.take(4)?;
        let vr = *reader.take(4)?.first_chunk::<4>()?;
        reader.take(4)?;
        let items = reader.u32()?;
        reader.take(4)?;
        let first_items = *first_items.get_or_insert(items);
        let mut values = Vec::new();
        for _ in 0..items {
            let sizes = [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?];
            let length = if second_layout { sizes[1] } else { sizes[0].checked_sub(first_items)? };
            let value = reader.take(length as usize)?;
            reader.take((4 - length as usize % 4) % 4)?;
            let value = value[..value.iter().position(|&b| b == 0).unwrap_or(value.len())].trim_ascii();
            let known =
                [&b"DIRECTIONAL"[..], b"NONE", b"ISOTROPIC", b"BMATRIX", b"Normal", b"Fast", b"Whisper"];
            if !value.is_empty() && value.len() <= 24 && (is_numeric_text(value) || known.contains(&value)) {
                values.push(value);
            }
        }
        if let Some(name) = CSA_ENTRIES.iter().find(|e| e.as_bytes() == name)
            && !values.is_empty()
            && vr[..2].iter().all(u8::is_ascii_uppercase)
        {
            kept.push((name, [vr[0], vr[1], 0, 0], values));
        }
    }
    Some(write_csa(&kept))
}

fn write_csa(entries: &[(&str, [u8; 4], Vec<&[u8]>)]) -> Vec<u8> {
    let mut out = b"SV10\x04\x03\x02\x01".to_vec();
    let number = |out: &mut Vec<u8>, n: u32| out.extend_from_slice(&n.to_le_bytes());
    number(&mut out, entries.len() as u32);
    number(&mut out, 77);
    for (name, vr, values) in entries {
        let mut field = [0; 64];
        field[..name.len()].copy_from_slice(name.as_bytes());
        out.extend_from_slice(&field);
        number(&mut out, values.len() as u32);
        out.extend_from_slice(vr);
        number(&mut out, 0);
        number(&mut out, values.len() as u32);
        number(&mut out, 77);
        for value in values {
            let length = value.len() as u32 + 1;
            for n in [length, length, 77, length] {
                number(&mut out, n);
            }
            out.extend_from_slice(value);
            out.resize(out.len() + 1 + (4 - length as usize % 4) % 4, 0);
        }
    }
    out
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// What of a data set's private elements is safe; looked up before the elements are taken apart.
#[derive(Default)]
pub struct SafePrivate {
    /// Elements that stay, with how they are cleaned.
    pub elements: Vec<(Tag, Safe)>,
    /// Their creators.
    pub creators: Vec<(Tag, &'static str)>,
    /// Creators that are not there and are written again if anything of their block stays.
    pub missing: Vec<(Tag, &'static str)>,
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
            } else if let Some(creator) = missing_creator(set, element.tag) {
                found.elements.push((element.tag, Numbers));
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
