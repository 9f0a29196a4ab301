//! Pixels: which may carry text, and what hides in the bits that no pixel uses.

use crate::dicom::{DataSet, is_pixel_data};
use crate::model::tags;

/// Whether somebody has looked at the pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pixels {
    /// Nobody has; what may carry text goes to quarantine.
    #[default]
    Unchecked,
    /// They are known to carry none, or a person has passed them.
    Trusted,
}

/// Modalities whose pixels usually carry text.
const MODALITIES: [&str; 4] = ["US", "XA", "RF", "ES"];
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Whether the pixels may carry burned-in text.
pub fn may_carry_text(set: &DataSet<'_>) -> bool {
    if !set.elements().iter().rev().any(|e| is_pixel_data(e.tag)) {
        return false;
    }
    let says =
        |value: &str| set.ascii(tags::BURNED_IN_ANNOTATION).is_some_and(|v| v.eq_ignore_ascii_case(value));
    if says("NO") {
        return false;
    }
    let class = set.ascii(tags::SOP_CLASS_UID).unwrap_or_default();
    let secondary =
        class.strip_prefix(SECONDARY_CAPTURE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    says("YES") || secondary || set.ascii(tags::MODALITY).is_some_and(|m| MODALITIES.contains(&m))
}

/// Native pixel data with the bits beyond Bits Stored cleared (sign-extended where pixels are signed), or `None` where
/// there is nothing in them. Overlays of old are kept there, and anything can be.
pub fn cleared(set: &DataSet<'_>) -> Option<Vec<u8>> {
    let element = set.get(tags::PIXEL_DATA)?;
    let bytes = element.bytes()?;
    let integer = |tag| set.integer(tag).and_then(|n| u32::try_from(n).ok());
    let (allocated, stored) = (integer(tags::BITS_ALLOCATED)?, integer(tags::BITS_STORED)?);
    let high = integer(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
    if !matches!(allocated, 8 | 16)
        || stored == 0
        || stored >= allocated
        || high >= allocated
        || high + 1 < stored
    {
        return None;
    }
    let signed = integer(tags::PIXEL_REPRESENTATION) == Some(1);
    let low = high + 1 - stored;
    let mask = ((1u32 << stored) - 1) << low;
    if allocated == 8 {
        let mask = mask as u8;
        return bytes
            .iter()
            .any(|b| b & !mask != 0 && !signed)
            .then(|| bytes.iter().map(|b| b & mask).collect());
    }
    let mask = mask as u16;
    let sign = 1u16 << high;
    let extension = !(sign | (sign - 1));
    // Signed values fill the bits above with their sign; below the lowest bit nothing belongs.
    let clean = |v: u16| {
        let value = v & mask;
        if signed && value & sign != 0 { value | extension } else { value }
    };
    let dirty = |v: u16| if signed { v != clean(v) && v != v & mask } else { v & !mask != 0 };
    let pairs = bytes.as_chunks::<2>().0;
    if !pairs.iter().fold(false, |found, &p| found | dirty(u16::from_le_bytes(p))) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for &pair in pairs {
        out.extend_from_slice(&clean(u16::from_le_bytes(pair)).to_le_bytes());
    }
    out.extend_from_slice(&bytes[pairs.len() * 2..]);
    Some(out)
}
