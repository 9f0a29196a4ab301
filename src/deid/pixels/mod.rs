//! Pixels: which may carry text, and what hides in the bits that no pixel uses.

mod detect;
mod face;
mod find;
mod grey;
mod mask;
mod review;
mod rules;
mod share;

pub use find::MASKED_BY_PERSON;
pub use review::{PixelReview, Search, SearchError, Seen, derivation, derived, is_derivation};
pub use rules::{PixelRule, Rules};
pub use share::{HELD_AT_ONCE, Share};

use std::io::{self, Write as _};

use crate::bytes::{ByteSource, SpillConfig};
use crate::dicom::{DataSet, Element, is_pixel_data};
use crate::model::{Tag, tags};

/// Whether pixels must be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There are none.
    No,
    /// They are to hold no text: they are looked at quickly, and what surely is text is for a person to judge.
    QuickLook,
    /// They are searched; what nobody can decode passes, for such pictures rarely carry text.
    Search,
    /// They usually carry text: what cannot be searched does not pass.
    Must,
}

/// Modalities whose pixels usually carry text.
const USUALLY: [&str; 8] = ["US", "XA", "RF", "ES", "IVUS", "BDUS", "SC", "DOC"];
/// Modalities whose pixels are measured or computed slice by slice. All others (projection radiography, scanned films,
/// photographs, what nobody knows) carry text now and then.
const RARELY: [&str; 14] = [
    "CT",
    "MR",
    "PT",
    "NM",
    "SM",
    "SEG",
    "RTDOSE",
    "ST",
    "CTPROTOCOL",
    "RTSEGANN",
    "DMS",
    "FID",
    "REG",
    "M3D",
];
/// SOP classes of pictures that were captured or scanned.
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// What a value of Image Type begins with, or holds, that names a picture of a screen.
const SCREEN: &str = "SCREEN";
/// A programme for people without complaints; no screen.
const SCREENING: &str = "SCREENING";
/// Values of Image Type that name the picture of a slide's label (PS3.3 C.8.12.4.1.1).
const LABEL: &str = "LABEL";
/// Recognizable Visual Features (PS3.3 C.7.6.1).
pub const RECOGNIZABLE_VISUAL_FEATURES: Tag = Tag::new(0x0028, 0x0302);

/// Clean Pixel Data Option (PS3.16, CID 7050).
pub const MASKED_CODE: &str = "113101";
/// Clean Recognizable Visual Features Option (PS3.16, CID 7050).
pub const BLURRED_CODE: &str = "113102";

/// Whether the header says that text is burned in.
pub fn says_burned_in(set: &DataSet<'_>) -> bool {
    set.ascii(tags::BURNED_IN_ANNOTATION).is_some_and(|v| v.eq_ignore_ascii_case("YES"))
}

/// Whether there are pixels at all.
pub fn has_pixels(set: &DataSet<'_>) -> bool {
    set.elements().iter().rev().any(|e| is_pixel_data(e.tag))
}

/// Whether the pixels may carry burned-in text, by what the header says. That it denies text is no proof that there is
/// none.
pub fn need(set: &DataSet<'_>) -> Need {
    if !has_pixels(set) {
        return Need::No;
    }
    if set.ascii(tags::BURNED_IN_ANNOTATION).is_some_and(|v| v.eq_ignore_ascii_case("NO")) {
        return Need::QuickLook;
    }
    let class = set.ascii(tags::SOP_CLASS_UID).unwrap_or_default();
    let secondary =
        class.strip_prefix(SECONDARY_CAPTURE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let modality = set.ascii(tags::MODALITY).unwrap_or_default();
    if says_burned_in(set) || secondary || is_screen(set) || USUALLY.contains(&modality) {
        Need::Must
    } else if RARELY.contains(&modality) {
        Need::QuickLook
    } else {
        Need::Search
    }
}

/// Whether Image Type names a picture of a screen.
fn is_screen(set: &DataSet<'_>) -> bool {
    set.ascii_values(tags::IMAGE_TYPE).any(|v| {
        let value = v.to_ascii_uppercase();
        value.contains(SCREEN) && !value.contains(SCREENING)
    })
}

/// Whether the picture is the photograph of a slide's label: names, numbers and bar codes, and nothing else.
pub fn is_label(set: &DataSet<'_>) -> bool {
    set.ascii(tags::MODALITY) == Some("SM")
        && set.ascii_values(tags::IMAGE_TYPE).any(|v| v.eq_ignore_ascii_case(LABEL))
}

/// Whether a face may be recognised in a rendering: thin slices of CT or MR through the head, unless the header says
/// that there is none (PS3.15 E.3.2).
pub fn face_recognisable(set: &DataSet<'_>) -> bool {
    let modality = set.ascii(tags::MODALITY).unwrap_or_default();
    if !matches!(modality, "CT" | "MR")
        || set.ascii(RECOGNIZABLE_VISUAL_FEATURES).is_some_and(|v| v.eq_ignore_ascii_case("NO"))
    {
        return false;
    }
    let thickness = grouped(set, tags::PIXEL_MEASURES_SEQUENCE, tags::SLICE_THICKNESS);
    let thin = thickness.and_then(|e| e.number()).is_some_and(|mm| mm > 0.0 && mm <= THIN_MM);
    thin && is_head(set)
}

/// Whether a body part or an anatomic region, of the whole or of a frame, is one that a face belongs to.
fn is_head(set: &DataSet<'_>) -> bool {
    let anatomy = groups(set).filter_map(|group| group.item(FRAME_ANATOMY_SEQUENCE));
    let regions = anatomy.chain([set]).flat_map(|holder| holder.items(ANATOMIC_REGION_SEQUENCE));
    let named = regions.filter_map(|region| region.ascii(CODE_MEANING));
    set.ascii(tags::BODY_PART_EXAMINED).into_iter().chain(named).any(|part| {
        let part = part.to_ascii_uppercase();
        HEAD.iter().any(|word| part.contains(word))
    })
}

/// Shared functional groups, then those of each frame (PS3.3 C.7.6.16).
fn groups<'s, 'a>(set: &'s DataSet<'a>) -> impl Iterator<Item = &'s DataSet<'a>> {
    let shared = set.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    shared.iter().chain(set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE))
}

/// An attribute of the data set, else of the first functional group that has it.
fn grouped<'s, 'a>(set: &'s DataSet<'a>, group: Tag, tag: Tag) -> Option<&'s Element<'a>> {
    let own = || groups(set).filter_map(|g| g.item(group)).find_map(|item| item.get(tag));
    set.get(tag).or_else(own)
}

const FRAME_ANATOMY_SEQUENCE: Tag = Tag::new(0x0020, 0x9071);
const ANATOMIC_REGION_SEQUENCE: Tag = Tag::new(0x0008, 0x2218);
const CODE_MEANING: Tag = Tag::new(0x0008, 0x0104);
/// Slices up to this thick show a face when rendered.
const THIN_MM: f64 = 3.0;
/// Body parts that a face belongs to.
const HEAD: [&str; 8] = ["HEAD", "BRAIN", "FACE", "SKULL", "SINUS", "ORBIT", "MAXILLA", "JAW"];

/// Native pixel data with the bits beyond Bits Stored cleared (sign-extended where pixels are signed), or `None` where
/// there is nothing in them. Overlays of old are kept there, and anything can be.
///
/// # Errors
/// Large pixel data cannot be read, or the disk refuses what is made of it.
pub fn cleared(set: &DataSet<'_>, scratch: SpillConfig<'_>) -> io::Result<Option<ByteSource<'static>>> {
    let found = set.get(tags::PIXEL_DATA).and_then(Element::bulk).zip(Used::of(set));
    let Some((pixels, used)) = found else { return Ok(None) };
    let mut dirty = false;
    pixels.each(|piece| {
        dirty |= used.is_dirty(piece);
        Ok::<(), io::Error>(())
    })?;
    if !dirty {
        return Ok(None);
    }
    let mut draft = scratch.draft();
    draft.reserve(pixels.len());
    // Whole pixels: pieces are of even length.
    pixels.each(|piece| draft.write_all(&used.clean(piece)))?;
    draft.finish().map(Some)
}

/// Which bits of a pixel are used.
#[derive(Clone, Copy)]
struct Used {
    bytes: usize,
    mask: u16,
    sign: Option<u16>,
}

impl Used {
    /// `None` where all are, or where they are no whole bytes.
    fn of(set: &DataSet<'_>) -> Option<Self> {
        let integer = |tag| set.integer(tag).and_then(|n| u32::try_from(n).ok());
        let (allocated, stored) = (integer(tags::BITS_ALLOCATED)?, integer(tags::BITS_STORED)?);
        let high = integer(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        let is_part = stored > 0 && stored < allocated && high < allocated && high + 1 >= stored;
        if !matches!(allocated, 8 | 16) || !is_part {
            return None;
        }
        let signed = integer(tags::PIXEL_REPRESENTATION) == Some(1);
        let mask = ((1u32 << stored) - 1) << (high + 1 - stored);
        Some(Self { bytes: allocated as usize / 8, mask: mask as u16, sign: signed.then(|| 1 << high) })
    }

    /// Signed values fill the bits above with their sign; below the lowest bit nothing belongs.
    fn cleaned(self, v: u16) -> u16 {
        match self.sign {
            Some(sign) if v & sign != 0 => v & self.mask | !(sign | (sign - 1)),
            _ => v & self.mask,
        }
    }

    fn is_dirty(self, piece: &[u8]) -> bool {
        let dirty = |v: u16| match self.sign {
            Some(_) => v != self.cleaned(v) && v != v & self.mask,
            None => v & !self.mask != 0,
        };
        if self.bytes == 1 {
            return self.sign.is_none() && piece.iter().fold(false, |found, &b| found | dirty(b.into()));
        }
        piece.as_chunks::<2>().0.iter().fold(false, |found, &p| found | dirty(u16::from_le_bytes(p)))
    }

    fn clean(self, piece: &[u8]) -> Vec<u8> {
        if self.bytes == 1 {
            return piece.iter().map(|b| b & self.mask as u8).collect();
        }
        let (pairs, rest) = piece.as_chunks::<2>();
        let mut out = Vec::with_capacity(piece.len());
        pairs.iter().for_each(|&p| out.extend_from_slice(&self.cleaned(u16::from_le_bytes(p)).to_le_bytes()));
        out.extend_from_slice(rest);
        out
    }
}
