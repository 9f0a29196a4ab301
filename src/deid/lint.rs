//! What weakens a profile, contradicts itself or does nothing.

use serde::Serialize;

use super::profile::{Override, Profile, characteristics};
use super::table::{self, ProfileOption};

/// Something about a profile that its owner should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Stable code: `weakened`, `conflict`, `unneeded`.
    pub code: &'static str,
    /// What, in words.
    pub message: String,
}

/// Fewer shifts than this can be tried one by one against what somebody knows of a visit.
const FEW_SHIFTS: u64 = 100;

impl Profile {
    /// What weakens the profile, contradicts itself or does nothing.
    pub fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        let mut say = |code, message: String| lints.push(Lint { code, message });
        if self.has(ProfileOption::RetainLongFullDates) && self.has(ProfileOption::RetainLongModifiedDates) {
            say("conflict", "full and modified dates are both on; dates are modified".into());
        }
        self.lint_dates(&mut say);
        self.lint_characteristics(&mut say);
        for option in &self.options {
            if *option == ProfileOption::RetainPatientCharacteristics && self.characteristics.is_some() {
                continue;
            }
            if matches!(
                option,
                ProfileOption::RetainUids
                    | ProfileOption::RetainInstitutionIdentity
                    | ProfileOption::RetainLongFullDates
                    | ProfileOption::RetainDeviceIdentity
                    | ProfileOption::RetainPatientCharacteristics
            ) {
                say("weakened", format!("{} keeps values that the basic profile takes away", option.name()));
            }
        }
        if !self.search_pixels {
            say(
                "weakened",
                "pixels of radiographs and photographs are not searched for burned-in text".into(),
            );
            if self.ocr || !self.masks.is_empty() {
                say(
                    "conflict",
                    "while search_pixels is false, ocr does nothing and what a mask is for is quarantined"
                        .into(),
                );
            }
        }
        if !self.maker_masks {
            say("weakened", "where scanners are known to burn in names is not masked by rule".into());
        }
        let rows = table::rows();
        for (tag, what) in &self.attributes {
            let row = rows.iter().find(|r| r.single_tag() == Some(*tag));
            match (what, row) {
                (Override::Keep, Some(row)) => say(
                    "weakened",
                    format!("{tag} {} is kept; the basic profile says {}", row.name, row.basic.text()),
                ),
                (Override::Keep, None) if tag.is_private() => {
                    say("weakened", format!("{tag} is private and kept whoever its creator is"));
                }
                (Override::Clean, Some(row)) if !row.options.contains(&Some(table::OptionRule::Clean)) => {
                    say(
                        "weakened",
                        format!("{tag} {} is cleaned; the basic profile says {}", row.name, row.basic.text()),
                    )
                }
                _ => {}
            }
        }
        for word in &self.allow_words {
            if super::words::is_common(word) {
                say("unneeded", format!("the word \"{word}\" is allowed anyway"));
            }
        }
        lints
    }

    fn lint_dates(&self, say: &mut impl FnMut(&'static str, String)) {
        let asked = self.shift_days.is_some() || self.shift_times;
        if asked && !self.has(ProfileOption::RetainLongModifiedDates) {
            say(
                "conflict",
                "date_shift and shift_times do nothing without retain_long_modified_dates".into(),
            );
            return;
        }
        let full = self.has(ProfileOption::RetainLongFullDates);
        if full && !self.has(ProfileOption::RetainLongModifiedDates) {
            return;
        }
        if let Some(bounds) = self.shift_days {
            let count = bounds.count(self.keep_weekday);
            if count < FEW_SHIFTS {
                let (first, last) = (bounds.first, bounds.last);
                say("weakened", format!("dates move by one of {count} shifts only, {first} to {last} days"));
            }
        }
        if self.shift_times && self.keep_weekday {
            let why = "shift_times takes a time over midnight, and its date to the day beside, although keep_weekday is on";
            say("conflict", why.into());
        }
    }

    fn lint_characteristics(&self, say: &mut impl FnMut(&'static str, String)) {
        let Some(kept) = &self.characteristics else { return };
        if !self.has(ProfileOption::RetainPatientCharacteristics) {
            let why = "patient_characteristics does nothing without retain_patient_characteristics";
            say("conflict", why.into());
            return;
        }
        let names: Vec<&str> = characteristics()
            .into_iter()
            .filter(|(tag, _)| kept.contains(tag))
            .map(|(_, name)| name)
            .collect();
        if !names.is_empty() {
            let name = ProfileOption::RetainPatientCharacteristics.name();
            say("weakened", format!("{name} keeps {}, which the basic profile takes away", names.join(", ")));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::deid::ProfileError;

    #[test]
    fn shifts_and_characteristics_are_narrowed_and_the_linter_speaks_of_both() {
        let profile = |more: &str| {
            let head = "[profile.a]\nadd_options = [\"retain_patient_characteristics\"]\n";
            Profile::from_toml(&format!("{head}{more}"), "a")
        };
        let narrow = profile("patient_characteristics = [\"PatientSex\", \"(0010,1010)\"]").unwrap();
        let said = narrow.lint();
        assert_eq!(said.len(), 1);
        assert!(said[0].message.contains("keeps PatientAge, PatientSex, which"), "{said:?}");
        assert!(profile("patient_characteristics = []").unwrap().lint().is_empty());
        assert!(matches!(
            profile("patient_characteristics = [\"PatientName\"]"),
            Err(ProfileError::Characteristic(..))
        ));
        let week =
            profile("date_shift = { days = [-30, 30], keep_weekday = true }\nshift_times = true").unwrap();
        let codes: Vec<_> = week.lint().into_iter().map(|l| l.code).collect();
        assert_eq!(codes, ["weakened", "conflict", "weakened"]);
        assert!(week.lint()[0].message.contains("one of 8 shifts"));
        for none in ["[0, 0]", "[3, -3]", "[-99999, 0]"] {
            assert!(matches!(
                profile(&format!("date_shift = {{ days = {none} }}")),
                Err(ProfileError::Shift(_))
            ));
        }
        let none = profile("date_shift = { days = [-6, 6], keep_weekday = true }");
        assert!(matches!(none, Err(ProfileError::Shift(_))));
        let idle =
            "options = []\ndate_shift = { days = [-400, -1] }\npatient_characteristics = [\"PatientSex\"]";
        let idle = Profile::from_toml(&format!("[profile.b]\n{idle}"), "b").unwrap();
        let codes: Vec<_> = idle.lint().into_iter().map(|l| l.code).collect();
        assert_eq!(codes, ["conflict", "conflict"]);
    }
}
