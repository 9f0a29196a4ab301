//! Whether one profile only takes away more than another. Where it does, what was stored under the other can be brought
//! under it without its source.

use super::plan::{Plan, Plans};
use super::profile::Profile;
use super::scrub::Scrub;
use super::table::Code;
use super::values::{ElementOutcome, age, dummy_of};
use super::{Action, pixels};
use crate::dicom::{Element, Value, keyword, vr_of};
use crate::model::{Tag, Vr, tags};

/// Why stored bytes are not enough to bring an instance under another profile: in words that hold nothing from a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("its source is not there any more, and {0}")]
pub struct NeedsSource(String);

/// What a stricter profile does with what another has left.
#[derive(Debug)]
pub struct Stricter {
    before: Plans,
    dates_go: bool,
    weight_goes: bool,
    /// Pixels are looked at anew.
    pub looks: bool,
}

/// Attributes whose replacement is made from the value that stood there: it cannot be made from what replaced it.
const MADE_FROM_THE_VALUE: [Tag; 5] = [
    tags::PATIENT_ID,
    tags::PATIENT_NAME,
    tags::ACCESSION_NUMBER,
    tags::DEVICE_SERIAL_NUMBER,
    tags::STATION_NAME,
];

impl Stricter {
    /// Of the profile under which something was stored and the one in force.
    ///
    /// # Errors
    /// The profile in force keeps something that was taken away, or replaces otherwise what was replaced.
    pub fn of(was: &Profile, now: &Profile, after: &Plans) -> Result<Self, NeedsSource> {
        let before = Plans::new(was);
        let why = if after.dates.is_some()
            && (before.dates, was.shift_rule()) != (after.dates, now.shift_rule())
        {
            Some("dates move otherwise".into())
        } else if !now.allow_words.is_subset(&was.allow_words) {
            Some("more words may stay in its texts".into())
        } else if after.pet_weight && !before.pet_weight {
            Some("Patient's Weight is to stay in PET images".into())
        } else if masks_less(was, now) {
            Some("less of its pixels is masked".into())
        } else {
            let mut named: Vec<Tag> = before.tags().chain(after.tags()).collect();
            named.sort_unstable();
            let more = named.into_iter().find(|tag| !takes_more(*tag, &before, after));
            more.map(|tag| {
                format!("{} is to stay or to be replaced otherwise", keyword(tag).unwrap_or("an attribute"))
            })
        };
        match why {
            Some(why) => Err(NeedsSource(why)),
            None => Ok(Self {
                dates_go: before.dates.is_some() && after.dates.is_none(),
                weight_goes: before.pet_weight && !after.pet_weight,
                looks: now.masks_otherwise(was),
                before,
            }),
        }
    }

    /// What becomes of an element, where that is something else than before.
    pub fn fate<'a>(
        &self,
        scrub: &Scrub<'_>,
        element: &Element<'a>,
        parent: Option<Tag>,
    ) -> Option<ElementOutcome<'a>> {
        let (tag, vr) = (element.tag, element.vr);
        let plan = scrub.plans.of(tag);
        let is_date = matches!(vr, Vr::DA | Vr::DT | Vr::TM);
        if tag == tags::PATIENT_WEIGHT && self.weight_goes {
            return self.coded(scrub, element, plan, parent);
        }
        if self.before.of(tag) == plan {
            let unnamed_date = plan.is_none() && is_date && self.dates_go;
            return unnamed_date.then(|| (Some(Element::new(tag, vr, &[][..])), Action::Emptied));
        }
        match plan {
            Some(Plan::Clean(_)) if vr == Vr::AS => {
                Some(age(Element::new(tag, vr, element.bytes()?.to_vec())))
            }
            Some(Plan::Clean(_)) if vr == Vr::SQ || vr.uses_character_set() => None,
            Some(Plan::Keep) | None => None,
            _ => self.coded(scrub, element, plan, parent),
        }
    }

    /// What a code leaves of a value.
    fn coded<'a>(
        &self,
        scrub: &Scrub<'_>,
        element: &Element<'a>,
        plan: Option<Plan>,
        parent: Option<Tag>,
    ) -> Option<ElementOutcome<'a>> {
        let (tag, vr) = (element.tag, element.vr);
        let Some(Plan::Code(code) | Plan::Clean(code)) = plan else { return None };
        let empty = match element.value {
            Value::Items(_) => Element::sequence(tag, Vec::new()),
            _ => Element::new(tag, vr, &[][..]),
        };
        Some(match scrub.plans.resolve(code, tag, parent, &scrub.sop_class) {
            Code::U => return None,
            Code::Z => (Some(empty), Action::Emptied),
            Code::D if vr == Vr::SQ => (Some(empty), Action::Emptied),
            Code::D => (Some(dummy_of(tag, scrub.plans.vr(tag).unwrap_or(vr))), Action::Dummy),
            _ => (None, Action::Removed),
        })
    }
}

/// Whether some pixels that were masked are not any more.
fn masks_less(was: &Profile, now: &Profile) -> bool {
    let dropped = |was: bool, now: bool| was && !now;
    dropped(was.search_pixels, now.search_pixels)
        || dropped(was.maker_masks, now.maker_masks)
        || dropped(was.ocr, now.ocr)
        || dropped(was.blur_faces, now.blur_faces)
        || !was.masks.iter().all(|mask| now.masks.contains(mask))
}

/// Whether of an attribute at most what was left is to be left, and what replaced it stands.
fn takes_more(tag: Tag, before: &Plans, after: &Plans) -> bool {
    let (was, now) = (before.of(tag), after.of(tag));
    if was == now {
        return true;
    }
    let vr = after.vr(tag).or_else(|| vr_of(tag));
    let replaced = MADE_FROM_THE_VALUE.contains(&tag) || matches!(vr, Some(Vr::UI | Vr::AE));
    match (was, now) {
        _ if replaced => false,
        (_, Some(Plan::Code(Code::U))) | (Some(_), None) | (None, Some(Plan::Clean(_))) => false,
        // In a sequence that is replaced as a whole every value gets a replacement of its own.
        (_, Some(Plan::Code(Code::D))) if vr == Some(Vr::SQ) => false,
        (_, Some(Plan::Keep)) | (Some(Plan::Code(_)), Some(Plan::Clean(_))) => false,
        (Some(Plan::Keep), Some(Plan::Clean(_))) => {
            vr.is_some_and(|vr| matches!(vr, Vr::AS | Vr::SQ) || vr.uses_character_set())
        }
        _ => true,
    }
}

/// What the codes of a stored file say that was done to its pixels: text masked, a face blurred.
pub fn pixels_marked(element: Option<&Element<'_>>) -> (bool, bool) {
    let Some(Value::Items(items)) = element.map(|e| &e.value) else { return (false, false) };
    let says = |code: &str| items.iter().any(|item| item.ascii(CODE_VALUE) == Some(code));
    (says(pixels::MASKED_CODE), says(pixels::BLURRED_CODE))
}

const CODE_VALUE: Tag = Tag::new(0x0008, 0x0100);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        Profile::from_toml(&format!("[profile.p]\n{text}"), "p").unwrap()
    }

    fn judged(was: &str, now: &str) -> Result<(), String> {
        let (was, now) = (profile(was), profile(now));
        Stricter::of(&was, &now, &Plans::new(&now)).map(|_| ()).map_err(|why| why.to_string())
    }

    #[test]
    fn less_may_be_kept_without_the_source_and_more_may_not() {
        let device = r#"add_options = ["retain_device_identity"]"#;
        let characteristics = r#"add_options = ["retain_patient_characteristics"]"#;
        let no_dates = r#"drop_options = ["retain_long_modified_dates"]"#;
        let narrowed =
            "add_options = [\"retain_patient_characteristics\"]\npatient_characteristics = [\"PatientSex\"]";
        for (was, now) in [
            (characteristics, ""),
            (characteristics, narrowed),
            ("", no_dates),
            ("", r#"attributes = { SeriesDescription = "remove" }"#),
            (r#"allow_words = ["zorblax"]"#, ""),
            ("keep_pet_weight = true", "keep_pet_weight = false"),
            ("", "blur_faces = true"),
            ("search_pixels = false", "search_pixels = true"),
        ] {
            assert_eq!(judged(was, now), Ok(()), "{was} to {now}");
            assert!(judged(now, was).is_err(), "{now} to {was}");
        }
        for (was, now) in [
            ("", "keep_weekday = true"),
            ("", "date_shift = { days = [-30, 30] }"),
            // Serial numbers get a pseudonym that is made from them.
            (device, ""),
            (r#"add_options = ["retain_uids"]"#, ""),
        ] {
            assert!(judged(was, now).is_err(), "{was} to {now}");
        }
    }

    #[test]
    fn a_fingerprint_tells_every_change_and_nothing_else() {
        let changed = [
            "",
            "keep_weekday = true",
            "shift_times = true",
            "date_shift = { days = [-30, 30] }",
            r#"attributes = { SeriesDescription = "remove" }"#,
            r#"patient_characteristics = ["PatientSex"]"#,
            "blur_faces = true",
            r#"allow_words = ["zorblax"]"#,
        ];
        let prints: std::collections::BTreeSet<String> =
            changed.iter().map(|text| profile(text).fingerprint()).collect();
        assert_eq!(prints.len(), changed.len());
        let written = profile("keep_weekday = true");
        let read: Profile = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!((read.fingerprint(), &read), (written.fingerprint(), &written));
    }
}
