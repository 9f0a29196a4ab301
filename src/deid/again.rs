//! Cleaning again: what another instance of the study has named since goes out of a file that was made safe before.
//!
//! Text is cleaned by the same rules, attribute by attribute, as it was the first time. Pixels, UIDs, dates, pseudonyms
//! and dummies are what the first time made of them and stay so. The result is verified as every output is; so is what
//! did not have to change.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::private::drop_empty_blocks;
use super::record::Record;
use super::scrub::{Place, Scrub, Times};
use super::stricter::Stricter;
use super::table::Code;
use super::text::Strictness;
use super::values::{ElementOutcome, dummy_of, is_technical};
use super::{Action, ActionEntry, Deidentifier, Mask, Named, pixels, uid};
use crate::bytes::ByteSource;
use crate::dicom::{Charset, DataSet, Element, Value};
use crate::model::{Area, DrawnMask, Tag, Vr, tags};

const TIMEZONE_OFFSET_FROM_UTC: Tag = Tag::new(0x0008, 0x0201);

/// A file that was cleaned again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanedAgain {
    /// The new file.
    pub bytes: ByteSource<'static>,
    /// What was done to which attributes.
    pub actions: Vec<ActionEntry>,
    /// Attributes that also stand where nothing was done.
    pub(super) untouched: BTreeSet<Tag>,
    /// What was masked now.
    pub(super) masks: Vec<Mask>,
    /// Why it was done.
    pub(super) note: &'static str,
    /// The profile that it stands under from now on, where that is another one.
    pub(super) under: Option<Record>,
}

/// Why a file that was made safe once cannot be cleaned again. Names attributes, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Uncleaned(String);

impl Uncleaned {
    pub(super) fn because(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }

    /// A defect of the program, not of the file.
    pub fn defect() -> Self {
        Self("a defect in cleaning".into())
    }
}

/// A ledger line that is read back.
#[derive(Serialize, Deserialize)]
struct Line {
    profile: String,
    options: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    fingerprint: String,
    version: String,
    actions: Vec<ActionEntry>,
    masks: Vec<Mask>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    verified: bool,
}

/// The masks that a ledger line names, frame by frame.
pub fn masks_of(line: &str) -> Vec<DrawnMask> {
    masks(line, |_| true)
}

/// Those among them that a person has drawn.
pub fn drawn_by_person(line: &str) -> Vec<DrawnMask> {
    masks(line, |mask| mask.why == pixels::MASKED_BY_PERSON)
}

fn masks(line: &str, which: impl Fn(&Mask) -> bool) -> Vec<DrawnMask> {
    let line: Option<Line> = serde_json::from_str(line).ok();
    let masks = line.map(|line| line.masks).unwrap_or_default();
    let drawn = |&Mask { frame, x, y, width, height, .. }: &Mask| DrawnMask {
        frame: Some(frame),
        area: Area { x, y, width, height },
    };
    masks.iter().filter(|mask| which(mask)).map(drawn).collect()
}

impl CleanedAgain {
    /// The ledger line of the file with what was done now; `None` where the line cannot be read.
    pub fn amend(&self, line: &str) -> Option<String> {
        let mut line: Line = serde_json::from_str(line).ok()?;
        let gone = |e: &ActionEntry| {
            e.action == Action::Kept
                && !self.untouched.contains(&e.tag)
                && self.actions.iter().any(|a| a.tag == e.tag)
        };
        line.actions.retain(|e| !gone(e));
        line.actions.extend(&self.actions);
        line.actions.sort_unstable();
        line.actions.dedup();
        line.masks.extend(self.masks.iter().cloned());
        if !line.notes.iter().any(|n| n == self.note) {
            line.notes.push(self.note.into());
        }
        if let Some(under) = &self.under {
            line.profile.clone_from(&under.profile);
            line.options = under.options.iter().map(ToString::to_string).collect();
            line.fingerprint.clone_from(&under.fingerprint);
            line.version = under.version.into();
        }
        serde_json::to_string(&line).ok()
    }
}

impl Deidentifier {
    /// The UID that the study of a named instance has in every output.
    pub fn study_uid(&self, named: &Named) -> String {
        match self.plans.of(tags::STUDY_INSTANCE_UID) {
            Some(Plan::Keep) => named.study_uid.clone(),
            _ => uid::replaced(&named.study_uid, &self.keys),
        }
    }
}

/// The walk over a file that was made safe once.
pub(super) struct Again<'s> {
    pub scrub: Scrub<'s>,
    pub stricter: Option<&'s Stricter>,
    pub actions: BTreeSet<ActionEntry>,
    pub untouched: BTreeSet<Tag>,
}

impl Again<'_> {
    /// One level of the data set.
    pub fn level<'a>(&mut self, set: DataSet<'a>, parent: Option<Tag>, outer: &Charset) -> DataSet<'a> {
        let charset = set.charset(outer);
        let place = Place { parent, charset: &charset, times: &Times::new() };
        let mut kept = Vec::with_capacity(set.elements().len());
        for element in set.into_elements() {
            let tag = element.tag;
            let stricter = self.stricter.filter(|_| !element.is_empty() && !is_written(&element));
            if let Some((now, action)) = stricter.and_then(|s| s.fate(&self.scrub, &element, parent)) {
                self.actions.insert(ActionEntry { tag, action });
                kept.extend(now);
                continue;
            }
            match element.value {
                Value::Items(items) if tag != tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE => {
                    let items = items.into_iter().map(|item| self.level(item, Some(tag), &charset));
                    kept.push(Element::sequence(tag, items.collect()));
                }
                Value::Bytes(ref bytes) if !bytes.is_empty() => {
                    let was = bytes.clone();
                    kept.extend(self.element(element, was, place));
                }
                _ => kept.push(element),
            }
        }
        drop_empty_blocks(&mut kept);
        DataSet::from_elements(kept)
    }

    fn element<'a>(
        &mut self,
        element: Element<'a>,
        was: Cow<'a, [u8]>,
        place: Place<'_>,
    ) -> Option<Element<'a>> {
        let (tag, vr) = (element.tag, element.vr);
        let (now, action) = self.fate(element, place);
        let same = now.as_ref().and_then(Element::bytes).is_some_and(|bytes| trim(bytes) == trim(&was));
        if same {
            self.untouched.insert(tag);
            return Some(Element::new(tag, vr, was));
        }
        self.actions.insert(ActionEntry { tag, action });
        now
    }

    fn fate<'a>(&mut self, element: Element<'a>, place: Place<'_>) -> ElementOutcome<'a> {
        let tag = element.tag;
        let plan = self.scrub.plans.of(tag);
        match (plan, element.vr) {
            _ if is_written(&element) => (Some(element), Action::Kept),
            (None, _) if tag.is_private() => {
                let clean = tag.is_private_creator() || self.scrub.is_clean_code(&element);
                if clean { (Some(element), Action::Kept) } else { (None, Action::Removed) }
            }
            (Some(Plan::Clean(code)), vr) if vr.uses_character_set() => {
                match self.scrub.text(element, Strictness::Terms, place) {
                    (Some(element), action) if !element.is_empty() => (Some(element), action),
                    _ => self.without_value(tag, vr, code, place),
                }
            }
            (None, Vr::CS) => self.scrub.coded_string(element, place),
            (None, vr) if vr.uses_character_set() && vr != Vr::PN => {
                let technical = is_technical(tag, place.parent);
                let how = if technical { Strictness::Technical } else { Strictness::Terms };
                self.scrub.text(element, how, place)
            }
            _ => (Some(element), Action::Kept),
        }
    }

    /// What a code leaves where nothing of a text stays.
    fn without_value<'a>(&self, tag: Tag, vr: Vr, code: Code, place: Place<'_>) -> ElementOutcome<'a> {
        let plans = self.scrub.plans;
        match plans.resolve(code, tag, place.parent, &self.scrub.sop_class) {
            Code::Z => (Some(Element::new(tag, vr, &[][..])), Action::Emptied),
            Code::D => (Some(dummy_of(tag, plans.vr(tag).unwrap_or(vr))), Action::Dummy),
            _ => (None, Action::Removed),
        }
    }
}

/// What de-identification itself writes, and what it has put in order without looking at words.
fn is_written(element: &Element<'_>) -> bool {
    matches!(
        element.tag,
        tags::SPECIFIC_CHARACTER_SET
            | tags::PATIENT_ID
            | tags::PATIENT_NAME
            | tags::PATIENT_IDENTITY_REMOVED
            | tags::DEIDENTIFICATION_METHOD
            | tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED
            | TIMEZONE_OFFSET_FROM_UTC
    ) || pixels::is_derivation(element)
}

fn trim(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != b' ' && b != 0).map_or(0, |i| i + 1);
    &bytes[..end]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::bytes::SpillConfig;
    use crate::deid::{Context, Kind, Outcome, Profile, Secret};
    use crate::dicom::{self, Contents, ReadOptions, Syntax};

    const KERNEL: Tag = Tag::new(0x0018, 0x1210);

    fn deidentifier() -> Deidentifier {
        Deidentifier::new(Profile::default(), &Secret::new([7; 32])).unwrap()
    }

    fn cleaned(
        deidentifier: &Deidentifier,
        stored: &[u8],
        known: &[(Kind, String)],
    ) -> Result<Option<CleanedAgain>, Uncleaned> {
        deidentifier.clean_again(&Contents::from(stored), known, SpillConfig::default())
    }

    fn written(deidentifier: &Deidentifier, more: &[(Tag, Vr, &str)]) -> (Vec<u8>, String) {
        let mut set = DataSet::new();
        for (tag, vr, text) in [
            (tags::SOP_CLASS_UID, Vr::UI, "1.2.840.10008.5.1.4.1.1.2"),
            (tags::SOP_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.1"),
            (tags::STUDY_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.2"),
            (tags::SERIES_INSTANCE_UID, Vr::UI, "1.3.6.1.4.1.99999.3"),
            (tags::STUDY_DATE, Vr::DA, "20240115"),
            (tags::MODALITY, Vr::CS, "CT"),
            (tags::PATIENT_NAME, Vr::PN, "Wetherquill^Lucasta"),
            (tags::PATIENT_ID, Vr::LO, "MRN-7719-0043"),
            (tags::STATION_NAME, Vr::SH, "CT5"),
        ]
        .iter()
        .chain(more)
        {
            set.put_str(*tag, *vr, text);
        }
        let source = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
        match deidentifier.process(&Contents::from(&source), &Context::default()).unwrap() {
            Outcome::Written { bytes, record, .. } => {
                (bytes.into_bytes().unwrap(), serde_json::to_string(&record).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_that_comes_late_goes_out_and_all_else_stays() {
        let deidentifier = deidentifier();
        let more = [
            (tags::SERIES_DESCRIPTION, Vr::LO, "CHEST Li axial"),
            // In technical text what is no term stays, until somebody bears it.
            (KERNEL, Vr::SH, "Brackenthwaite2"),
        ];
        let (stored, line) = written(&deidentifier, &more);
        let known = [(Kind::Name, "Brackenthwaite^Osbert".to_string())];
        let again = cleaned(&deidentifier, &stored, &known).unwrap().unwrap();
        let cleaned_bytes = again.bytes.all().unwrap();
        assert!(!cleaned_bytes.to_ascii_lowercase().windows(8).any(|w| w == b"brackent"));
        let (old, new) = (
            dicom::read(&stored, ReadOptions::default()).unwrap(),
            dicom::read(&cleaned_bytes, ReadOptions::default()).unwrap(),
        );
        let but_kernel = |set: &DataSet<'_>| -> Vec<Element<'static>> {
            set.elements().iter().filter(|e| e.tag != KERNEL).cloned().map(Element::into_owned).collect()
        };
        assert_eq!(but_kernel(&old.dataset), but_kernel(&new.dataset));
        let amended = again.amend(&line).unwrap();
        assert!(amended.contains("cleaned_again") && amended.starts_with(r#"{"profile":"#), "{amended}");
        assert_ne!(amended.matches("kept").count(), line.matches("kept").count());
        // Once more, nothing is left to do.
        assert_eq!(cleaned(&deidentifier, &cleaned_bytes, &known), Ok(None));
    }

    #[test]
    fn what_is_clean_stays_as_it_is() {
        let deidentifier = deidentifier();
        let more = [
            (tags::SERIES_DESCRIPTION, Vr::LO, "CHEST axial Wetherquill 5.0 B31f"),
            (tags::STUDY_DESCRIPTION, Vr::LO, "Wetherquill"),
            (Tag::new(0x0020, 0x4000), Vr::LT, "seen 2024-01-15 by Dr. Hand, phone 555 123 4567, born 1962"),
            (tags::ACCESSION_NUMBER, Vr::SH, "ACC 77-12"),
        ];
        let (stored, _) = written(&deidentifier, &more);
        for known in [&[][..], &[(Kind::Name, "Roe^Jane".to_string())]] {
            assert_eq!(cleaned(&deidentifier, &stored, known), Ok(None));
        }
    }

    #[test]
    fn what_no_cleaning_reaches_is_refused() {
        let deidentifier = deidentifier();
        let (stored, _) = written(&deidentifier, &[]);
        let mut set = dicom::read(&stored, ReadOptions::default()).unwrap().dataset.into_owned();
        set.put(Element::text(Tag::new(0x0008, 0x1010), Vr::SH, "BRACKENTHWAITE"));
        let hidden = dicom::write(&set, Syntax::EXPLICIT_LE).unwrap();
        let known = [(Kind::Name, "Brackenthwaite^Osbert".to_string())];
        let refused = cleaned(&deidentifier, &hidden, &known).unwrap_err().to_string();
        assert!(refused.contains("(0008,1010)") && !refused.to_lowercase().contains("brack"), "{refused}");
        assert!(cleaned(&deidentifier, b"no DICOM", &known).is_err());
    }
}
