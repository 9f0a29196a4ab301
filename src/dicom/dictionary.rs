//! The data dictionary of PS3.6: what implicit VR files leave out, and names for people.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

use crate::model::{Tag, Vr};

/// The value representation that the dictionary gives a tag; `None` for what it does not know. "OB or OW" is OW, as
/// implicit VR has it (PS3.5 annex A.1); "US or SS" is US (the reader settles it by Pixel Representation).
pub fn vr_of(tag: Tag) -> Option<Vr> {
    if tag.is_private() {
        return tag.is_private_creator().then_some(Vr::LO);
    }
    if tag.is_group_length() {
        return Some(Vr::UL);
    }
    match entry(tag)?.vr() {
        VirtualVr::Exact(vr) => Vr::from_code(vr.to_bytes()),
        VirtualVr::Xs => Some(Vr::US),
        VirtualVr::Ox | VirtualVr::Px => Some(Vr::OW),
        VirtualVr::Lt => Some(Vr::OW),
        _ => None,
    }
}

/// Whether the dictionary leaves the choice between US and SS to Pixel Representation.
pub fn is_us_or_ss(tag: Tag) -> bool {
    !tag.is_private() && entry(tag).is_some_and(|e| matches!(e.vr(), VirtualVr::Xs))
}

/// The keyword of a tag, such as `PatientName`.
pub fn keyword(tag: Tag) -> Option<&'static str> {
    entry(tag).map(|e| e.alias)
}

/// The tag with this keyword.
pub fn tag_of(keyword: &str) -> Option<Tag> {
    StandardDataDictionary.by_name(keyword).map(|e| Tag::new(e.tag().group(), e.tag().element()))
}

fn entry(tag: Tag) -> Option<&'static dicom_core::dictionary::DataDictionaryEntryRef<'static>> {
    StandardDataDictionary.by_tag(dicom_core::Tag(tag.group(), tag.element()))
}
