//! What the output says of what was done to it.

use super::pixels::{self, Seen};
use super::record::{Action, ActionEntry};
use super::scrub::Scrub;
use super::{Deidentifier, ProfileOption, verify};
use crate::dicom::{self, DataSet, Element};
use crate::model::{Tag, Vr, tags};

impl Deidentifier {
    /// Says in the data set what was done (PS3.15 section E.1.1, PS3.3 C.12.1 and C.7.1.1).
    pub(super) fn mark(&self, set: &mut DataSet<'_>, scrub: &mut Scrub<'_>, (masked, blurred): (bool, bool)) {
        let mut put = |set: &mut DataSet<'_>, element: Element<'static>| {
            *scrub.actions.entry(ActionEntry { tag: element.tag, action: Action::Added }).or_default() += 1;
            set.put(element);
        };
        if set.get(tags::PATIENT_ID).is_none_or(Element::is_empty) {
            put(set, Element::text(tags::PATIENT_ID, Vr::LO, &scrub.subject.pseudonym()));
        }
        put(set, Element::text(tags::PATIENT_IDENTITY_REMOVED, Vr::CS, "YES"));
        let method = concat!("Gantry ", env!("CARGO_PKG_VERSION"), ", PS3.15 annex E basic profile");
        let weight = if scrub.weight_kept { "\\Patient's Weight kept for SUV" } else { "" };
        put(set, Element::text(tags::DEIDENTIFICATION_METHOD, Vr::LO, &format!("{method}{weight}")));
        let mut codes = vec![code_item("113100", "Basic Application Confidentiality Profile")];
        if masked {
            codes.push(code_item(pixels::MASKED_CODE, "Clean Pixel Data Option"));
        }
        if blurred {
            codes.push(code_item(pixels::BLURRED_CODE, "Clean Recognizable Visual Features Option"));
        }
        for option in ProfileOption::ALL {
            let implied = option == ProfileOption::RetainSafePrivate && scrub.private_kept;
            if self.profile.has(option) || implied {
                let (value, meaning) = option.code();
                codes.push(code_item(value, meaning));
            }
        }
        put(set, Element::sequence(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes));
        let longitudinal = match self.plans.dates {
            Some(true) => "MODIFIED",
            Some(false) => "UNMODIFIED",
            None => "REMOVED",
        };
        put(set, Element::text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, Vr::CS, longitudinal));
        if scrub.beyond_ascii {
            drop_charsets(set);
            set.put(Element::text(tags::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 192"));
        }
    }
}

/// Puts masked pixels and what describes them in place.
pub(super) fn put_masked<'s>(
    seen: &'s Seen<'_>,
    image_type: Vec<u8>,
    set: &mut DataSet<'s>,
    before: &mut verify::Image<'s>,
    scrub: &mut Scrub<'_>,
) {
    set.remove(tags::EXTENDED_OFFSET_TABLE);
    set.remove(tags::EXTENDED_OFFSET_TABLE_LENGTHS);
    let image_type = Element::new(tags::IMAGE_TYPE, Vr::CS, image_type);
    // Borrowed: of a long cine the pixels are most of the memory.
    let masked = &seen.masked.element;
    let masked = Element { tag: masked.tag, vr: masked.vr, value: masked.value.borrowed() };
    let mut header = vec![masked, image_type, pixels::derivation(seen)];
    let denied = [
        (seen.has_masks(), tags::BURNED_IN_ANNOTATION),
        (seen.has_blurred(), pixels::RECOGNIZABLE_VISUAL_FEATURES),
    ];
    let denied = denied.into_iter().filter(|(changed, _)| *changed);
    header.extend(denied.map(|(_, tag)| Element::text(tag, Vr::CS, "NO")));
    header.extend(seen.masked.header.iter().cloned());
    for element in header {
        before.put(element.clone());
        *scrub.actions.entry(ActionEntry { tag: element.tag, action: Action::Added }).or_default() += 1;
        set.put(element);
    }
}

/// Items inherit the character set of the whole.
fn drop_charsets(set: &mut DataSet<'_>) {
    set.remove(tags::SPECIFIC_CHARACTER_SET);
    for element in set.elements_mut() {
        if let dicom::Value::Items(items) = &mut element.value {
            items.iter_mut().for_each(drop_charsets);
        }
    }
}

fn code_item(value: &'static str, meaning: &'static str) -> DataSet<'static> {
    DataSet::from_elements(vec![
        Element::text(Tag::new(0x0008, 0x0100), Vr::SH, value),
        Element::text(Tag::new(0x0008, 0x0102), Vr::SH, "DCM"),
        Element::text(Tag::new(0x0008, 0x0104), Vr::LO, meaning),
    ])
}
