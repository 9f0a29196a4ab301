//! What archives are asked for, and what they answer (PS3.4 annex C).

use std::collections::BTreeMap;

use thiserror::Error;

use crate::dicom::{Charset, DataSet, Element, keyword, tag_of, vr_of};
use crate::model::text::visible;
use crate::model::{Tag, Vr, tags};

/// The level of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// What an attribute has to be: a value, with `*` and `?` for anything, a range, or several between backslashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The attribute.
    pub tag: Tag,
    /// What it has to be.
    pub value: String,
}

/// What is known of a study, a series or an instance: text by attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub BTreeMap<Tag, String>);

/// Why something is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It has no `=`.
    #[error("{0:?} is no key: KEYWORD=VALUE, such as PatientID=A12 or StudyDate=20240101-20240131")]
    NoKey(String),
    /// The keyword is none of DICOM's.
    #[error("{0:?} is no keyword of DICOM, such as PatientID, StudyDate or Modality")]
    NoKeyword(String),
    /// Archives do not match by it.
    #[error(
        "archives do not match by {0}; they do by PatientID, StudyDate, AccessionNumber, ModalitiesInStudy, Modality, SeriesDescription …"
    )]
    NotMatched(String),
    /// The value is too long, or holds what cannot be asked for.
    #[error("the value of {0} cannot be asked for: at most 1,024 characters, no control characters")]
    Value(String),
}

/// A UID has at most so many characters.
const LONGEST_UID: usize = 64;
/// A value that is asked for, and one that is kept of an answer, has at most so many.
const LONGEST_VALUE: usize = 1_024;

const MODALITIES_IN_STUDY: Tag = Tag(0x0008_0061);
const RETRIEVE_AE_TITLE: Tag = Tag(0x0008_0054);
const QUERY_LEVEL: Tag = Tag(0x0008_0052);
/// Attributes of a study, and of whose it is, that archives match by (PS3.4 tables C.6-1, C.6-2, C.6-5).
const OF_STUDY: [Tag; 16] = [
    tags::STUDY_INSTANCE_UID,
    Tag(0x0008_0020),
    Tag(0x0008_0030),
    Tag(0x0008_0050),
    MODALITIES_IN_STUDY,
    Tag(0x0008_0090),
    Tag(0x0008_1030),
    Tag(0x0010_0010),
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    Tag(0x0010_0030),
    Tag(0x0010_0040),
    Tag(0x0020_0010),
    Tag(0x0020_1206),
    Tag(0x0020_1208),
    Tag(0x0008_0201),
];
/// Those that every archive matches by.
const REQUIRED: [Tag; 13] = [
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::SOP_INSTANCE_UID,
    Tag(0x0008_0020),
    Tag(0x0008_0030),
    Tag(0x0008_0050),
    Tag(0x0010_0010),
    tags::PATIENT_ID,
    Tag(0x0020_0010),
    MODALITIES_IN_STUDY,
    tags::MODALITY,
    Tag(0x0020_0011),
    Tag(0x0020_0013),
];
/// Attributes of a series beside its UID (PS3.4 table C.6-3, and what archives answer of PS3.3 C.7.3.1).
const OF_SERIES: [Tag; 7] = [
    tags::MODALITY,
    Tag(0x0020_0011),
    Tag(0x0008_103E),
    Tag(0x0018_0015),
    Tag(0x0018_1030),
    Tag(0x0008_0021),
    Tag(0x0020_1209),
];
/// Attributes of an instance beside its UID.
const OF_INSTANCE: [Tag; 4] = [tags::SOP_CLASS_UID, Tag(0x0020_0013), Tag(0x0008_0023), Tag(0x0008_0033)];

impl Level {
    /// Its name (PS3.4 C.6.2).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Study => "STUDY",
            Self::Series => "SERIES",
            Self::Instance => "IMAGE",
        }
    }

    /// The attribute that tells one from another.
    pub const fn unique(self) -> Tag {
        match self {
            Self::Study => tags::STUDY_INSTANCE_UID,
            Self::Series => tags::SERIES_INSTANCE_UID,
            Self::Instance => tags::SOP_INSTANCE_UID,
        }
    }

    /// What is wanted to be known.
    fn wanted(self) -> &'static [Tag] {
        match self {
            Self::Study => &[
                Tag(0x0008_0020),
                Tag(0x0008_0030),
                Tag(0x0008_0050),
                MODALITIES_IN_STUDY,
                Tag(0x0008_1030),
                Tag(0x0010_0010),
                tags::PATIENT_ID,
                Tag(0x0010_0030),
                Tag(0x0020_1208),
            ],
            Self::Series => &[
                tags::MODALITY,
                Tag(0x0008_103E),
                Tag(0x0020_0011),
                tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
            ],
            Self::Instance => &[tags::SOP_CLASS_UID, Tag(0x0020_0013)],
        }
    }

    /// The level that an attribute belongs to.
    pub fn of(tag: Tag) -> Self {
        if tag == tags::SERIES_INSTANCE_UID || OF_SERIES.contains(&tag) {
            Self::Series
        } else if tag == tags::SOP_INSTANCE_UID || OF_INSTANCE.contains(&tag) {
            Self::Instance
        } else {
            Self::Study
        }
    }
}

impl Key {
    /// That an attribute has one value.
    pub fn new(tag: Tag, value: &str) -> Self {
        Self { tag, value: value.into() }
    }

    /// The key for a question at `level`: a modality that is asked for is one of the study's.
    pub fn at(&self, level: Level) -> Self {
        if level == Level::Study && self.tag == tags::MODALITY {
            return Self { tag: MODALITIES_IN_STUDY, value: self.value.clone() };
        }
        self.clone()
    }

    /// Whether every archive matches by it.
    pub fn is_required(&self) -> bool {
        REQUIRED.contains(&self.tag)
    }

    /// Whether a value is what is asked for: one of a list, a range of numbers, or a pattern, without regard to case.
    pub fn fits(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        self.value.to_lowercase().split('\\').any(|wanted| {
            let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            match wanted.split_once('-').filter(|(a, b)| is_number(a) && is_number(b) && is_number(&value)) {
                Some((from, to)) => {
                    (from.is_empty() || *value >= *from)
                        && (to.is_empty() || *value <= *to || value.starts_with(to))
                }
                None => super::super::negotiate::caller_fits(wanted, &value),
            }
        })
    }

    /// Its value cannot be read from the wire twice: no wildcard, range or list.
    pub fn is_uid(&self) -> bool {
        is_uid(&self.value)
    }
}

/// Whether it is a UID, and may stand in a path.
pub fn is_uid(text: &str) -> bool {
    (1..=LONGEST_UID).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text.bytes().any(|b| b != b'.')
        && !text.starts_with('.')
}

/// Keys as a person writes them, `KEYWORD=VALUE`.
///
/// # Errors
/// One of them is no key.
///
/// ```
/// use gantry::net::keys_of;
/// let keys = keys_of(&["PatientID=A*".into(), "StudyDate=20240101-".into()]).unwrap();
/// assert_eq!(keys[0].value, "A*");
/// assert!(keys_of(&["Patient=A".into()]).is_err());
/// ```
pub fn keys_of(texts: &[String]) -> Result<Vec<Key>, KeyError> {
    let key = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| KeyError::NoKey(text.clone()))?;
        let tag = tag_of(name.trim()).ok_or_else(|| KeyError::NoKeyword(name.into()))?;
        let is_known = vr_of(tag).is_some_and(|vr| vr.is_string());
        if !is_known || tag == QUERY_LEVEL || tag == RETRIEVE_AE_TITLE {
            return Err(KeyError::NoKeyword(name.into()));
        }
        if Level::of(tag) == Level::Study && !OF_STUDY.contains(&tag) {
            return Err(KeyError::NotMatched(name.trim().into()));
        }
        let value = value.trim();
        if value.chars().count() > LONGEST_VALUE || value.chars().any(char::is_control) {
            return Err(KeyError::Value(name.into()));
        }
        Ok(Key { tag, value: value.into() })
    };
    texts.iter().map(key).collect()
}

/// The question as a data set.
pub(super) fn identifier(level: Level, keys: &[Key]) -> DataSet<'static> {
    let mut set = DataSet::from_elements(Vec::new());
    let vr = |tag: Tag| vr_of(tag).unwrap_or(Vr::LO);
    for tag in level.wanted().iter().chain([&level.unique()]) {
        set.put(Element::new(*tag, vr(*tag), Vec::new()));
    }
    for key in keys {
        set.put_str(key.tag, vr(key.tag), &key.value);
    }
    if keys.iter().any(|key| !key.value.is_ascii()) {
        set.put_str(tags::SPECIFIC_CHARACTER_SET, Vr::CS, "ISO_IR 192");
    }
    set.put_str(QUERY_LEVEL, Vr::CS, level.name());
    set
}

impl Attributes {
    /// What a data set says, in text.
    pub(super) fn of(set: &DataSet<'_>) -> Self {
        let charset = set.charset(&Charset::default());
        let text = |element: &Element<'_>| {
            let tag = element.tag;
            let is_wanted = element.vr.is_string()
                && ![tags::SPECIFIC_CHARACTER_SET, QUERY_LEVEL, RETRIEVE_AE_TITLE].contains(&tag);
            let text = is_wanted.then(|| set.text(tag, &charset)).flatten()?;
            Some((tag, cut(&text))).filter(|(_, text)| !text.is_empty())
        };
        Self(set.elements().iter().filter_map(text).collect())
    }

    /// A value.
    pub fn get(&self, tag: Tag) -> &str {
        self.0.get(&tag).map_or("", String::as_str)
    }

    /// A UID that may be asked for and stand in a path; none where it is no UID.
    pub fn uid(&self, tag: Tag) -> Option<&str> {
        Some(self.get(tag)).filter(|text| is_uid(text))
    }

    /// Values by keyword, as they may be shown.
    pub fn named(&self) -> BTreeMap<String, String> {
        let name = |tag: &Tag| keyword(*tag).map_or_else(|| tag.to_string(), ToOwned::to_owned);
        self.0.iter().map(|(tag, value)| (name(tag), visible(value))).collect()
    }
}

/// A value without what it was padded with, of a bounded length.
pub(super) fn cut(text: &str) -> String {
    text.trim_matches(['\0', ' ']).chars().take(LONGEST_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_what_may_stand_in_a_path() {
        for uid in ["1.2.840.10008.1.1", "2.25.1"] {
            assert!(is_uid(uid), "{uid}");
        }
        for other in ["", "..", ".1", "1/2", "1.2*", "1\\2", &"1".repeat(65)] {
            assert!(!is_uid(other), "{other}");
        }
    }

    #[test]
    fn an_attribute_is_asked_for_at_its_level() {
        assert_eq!(Level::of(tags::PATIENT_ID), Level::Study);
        assert_eq!(Level::of(tags::MODALITY), Level::Series);
        assert_eq!(Level::of(tags::SOP_INSTANCE_UID), Level::Instance);
        assert_eq!(Key::new(tags::MODALITY, "CT").at(Level::Study).tag, MODALITIES_IN_STUDY);
    }
}
