//! Profiles: which options are on, and what a project changes. Written in TOML, one may extend another.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::keys::{Bounds, ShiftRule};
use super::pixels::PixelRule;
use super::table::{self, ProfileOption};
use crate::config::DateShift;
use crate::dicom;
use crate::model::Tag;

/// How deep profiles may extend each other.
const MAX_PARENTS: usize = 16;
/// Days by which dates may move, at most.
const MOST_DAYS: i64 = 36_500;

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No profile has this name.
    #[error("there is no profile \"{0}\" (built in are: default, basic)")]
    Unknown(String),
    /// The TOML is wrong; the message names line and key.
    #[error("{0}")]
    Toml(String),
    /// Profiles extend each other in a circle, or too deep.
    #[error("profile \"{0}\" extends itself, or too many others")]
    Circle(String),
    /// An attribute is named that is neither a tag nor a keyword.
    #[error("\"{0}\" is neither a tag such as (0008,1030) nor a keyword such as StudyDescription")]
    Attribute(String),
    /// An option is named that does not exist.
    #[error("\"{0}\" is no option; options are the ten of PS3.15 annex E, such as retain_uids")]
    Option(String),
    /// Bounds between which no shift lies, or too far ones.
    #[error("date_shift.days = {0}")]
    Shift(String),
    /// An attribute that `retain_patient_characteristics` does not keep anyway.
    #[error("\"{0}\" is none of what retain_patient_characteristics keeps: {1}")]
    Characteristic(String, String),
    /// A rule for masks that would mask every picture, or none.
    #[error("the mask \"{0}\" needs a condition and areas (or outside_regions = true)")]
    Mask(String),
    /// The profile asks for a program that is not there.
    #[error("the profile asks for Tesseract (ocr = true), which is not installed")]
    Tesseract,
}

/// What a project wants done with one attribute, instead of what the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Override {
    /// Leave as it is.
    Keep,
    /// Take out.
    Remove,
    /// Leave without a value.
    Empty,
    /// Replace by a dummy.
    Dummy,
    /// Replace UIDs by their keyed hash.
    Uid,
    /// Clean text, shift dates.
    Clean,
}

/// Which pictures wait in quarantine until a person has looked at the masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewMasks {
    /// None, but for those that say that text is burned in where none is found.
    #[default]
    Never,
    /// Those in which something may be writing that is not sure enough to be masked.
    Doubtful,
    /// Those too that have any mask.
    Always,
}

/// A profile, complete: nothing is inherited any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Its name, as the ledger gives it.
    pub name: String,
    /// The options that are on.
    pub options: BTreeSet<ProfileOption>,
    /// Attributes that are treated otherwise than the table says.
    pub attributes: BTreeMap<Tag, Override>,
    /// Words that may stand in cleaned text beside the built-in ones, in lower case.
    pub allow_words: BTreeSet<String>,
    /// Dates move by whole weeks, so that the day of the week stays.
    pub keep_weekday: bool,
    /// Dates move within these bounds; else 1 to 3650 days into the past.
    pub shift_days: Option<Bounds>,
    /// Times of day move with their dates, over midnight too.
    pub shift_times: bool,
    /// What alone `retain_patient_characteristics` keeps; else everything that the option names.
    pub characteristics: Option<BTreeSet<Tag>>,
    /// Patient's Weight stays in PET images (and nowhere else): the standardised uptake value is computed from it.
    pub keep_pet_weight: bool,
    /// Pixels that may carry burned-in text are searched for it, and masked; otherwise they go to quarantine.
    pub search_pixels: bool,
    /// What is masked by rule, beside what the built-in rules say.
    pub masks: Vec<PixelRule>,
    /// The built-in rules of where scanners burn text in are followed.
    pub maker_masks: bool,
    /// Which pictures wait for a person.
    pub review_masks: ReviewMasks,
    /// Tesseract reads the pixels, too.
    pub ocr: bool,
    /// Faces in thin slices of heads (CT, MR) are blurred; what cannot be blurred goes to quarantine.
    pub blur_faces: bool,
}

impl Default for Profile {
    /// The basic profile with clean descriptors, structured content and graphics, and modified dates; the weight stays
    /// in PET images.
    fn default() -> Self {
        Self {
            name: "default".into(),
            options: BTreeSet::from([
                ProfileOption::RetainLongModifiedDates,
                ProfileOption::CleanDescriptors,
                ProfileOption::CleanStructuredContent,
                ProfileOption::CleanGraphics,
            ]),
            attributes: BTreeMap::new(),
            allow_words: BTreeSet::new(),
            keep_weekday: false,
            shift_days: None,
            shift_times: false,
            characteristics: None,
            keep_pet_weight: true,
            search_pixels: true,
            masks: Vec::new(),
            maker_masks: true,
            review_masks: ReviewMasks::Never,
            ocr: false,
            blur_faces: false,
        }
    }
}

/// What a profile looks like in a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    extends: Option<String>,
    options: Option<Vec<String>>,
    #[serde(default)]
    add_options: Vec<String>,
    #[serde(default)]
    drop_options: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, Override>,
    #[serde(default)]
    allow_words: Vec<String>,
    keep_weekday: Option<bool>,
    date_shift: Option<DateShift>,
    shift_times: Option<bool>,
    patient_characteristics: Option<Vec<String>>,
    keep_pet_weight: Option<bool>,
    search_pixels: Option<bool>,
    #[serde(default, rename = "mask")]
    masks: Vec<PixelRule>,
    maker_masks: Option<bool>,
    review_masks: Option<ReviewMasks>,
    ocr: Option<bool>,
    blur_faces: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct ProfileFile {
    #[serde(default)]
    profile: BTreeMap<String, Written>,
}

#[derive(Debug, Deserialize)]
struct WorkspaceFile {
    deid: Option<WorkspaceDeid>,
}

/// The other keys of the table are not of a profile.
#[derive(Debug, Deserialize)]
struct WorkspaceDeid {
    date_shift: Option<DateShift>,
    shift_times: Option<bool>,
    patient_characteristics: Option<Vec<String>>,
}

impl Profile {
    /// The basic profile without any option.
    pub fn basic() -> Self {
        Self { name: "basic".into(), options: BTreeSet::new(), keep_pet_weight: false, ..Self::default() }
    }

    /// A profile that is built in.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn built_in(name: &str) -> Result<Self, ProfileError> {
        match name {
            "default" => Ok(Self::default()),
            "basic" => Ok(Self::basic()),
            _ => Err(ProfileError::Unknown(name.into())),
        }
    }

    /// The profile `[profile.NAME]` of a TOML document, with what it extends.
    ///
    /// # Errors
    /// The document is no TOML, or names what does not exist.
    pub fn from_toml(document: &str, name: &str) -> Result<Self, ProfileError> {
        let file: ProfileFile = toml::from_str(document).map_err(|e| ProfileError::Toml(e.to_string()))?;
        Self::resolve(&file.profile, name, 0)
    }

    fn resolve(written: &BTreeMap<String, Written>, name: &str, depth: usize) -> Result<Self, ProfileError> {
        if depth > MAX_PARENTS {
            return Err(ProfileError::Circle(name.into()));
        }
        let Some(own) = written.get(name) else { return Self::built_in(name) };
        let parent = own.extends.as_deref().unwrap_or("default");
        let mut profile = if parent == name {
            Self::built_in(name).map_err(|_| ProfileError::Circle(name.into()))?
        } else {
            Self::resolve(written, parent, depth + 1)?
        };
        profile.name = name.into();
        if let Some(options) = &own.options {
            profile.options = options.iter().map(|o| option(o)).collect::<Result<_, _>>()?;
        }
        for name in &own.add_options {
            profile.options.insert(option(name)?);
        }
        for name in &own.drop_options {
            profile.options.remove(&option(name)?);
        }
        for (attribute, what) in &own.attributes {
            profile.attributes.insert(tag(attribute)?, *what);
        }
        profile.allow_words.extend(own.allow_words.iter().map(|w| w.to_lowercase()));
        profile.keep_weekday = own.keep_weekday.unwrap_or(profile.keep_weekday);
        profile.move_dates(own.date_shift.as_ref(), own.shift_times)?;
        profile.narrow(own.patient_characteristics.as_deref())?;
        profile.keep_pet_weight = own.keep_pet_weight.unwrap_or(profile.keep_pet_weight);
        profile.search_pixels = own.search_pixels.unwrap_or(profile.search_pixels);
        if let Some(idle) = own.masks.iter().find(|m| m.is_unconditional() || m.is_idle()) {
            return Err(ProfileError::Mask(idle.name.clone()));
        }
        profile.masks.extend(own.masks.iter().cloned());
        profile.maker_masks = own.maker_masks.unwrap_or(profile.maker_masks);
        profile.review_masks = own.review_masks.unwrap_or(profile.review_masks);
        profile.ocr = own.ocr.unwrap_or(profile.ocr);
        profile.blur_faces = own.blur_faces.unwrap_or(profile.blur_faces);
        Ok(profile)
    }

    /// Dates move as is asked for here, where something is.
    ///
    /// # Errors
    /// [`ProfileError::Shift`]
    pub fn move_dates(
        &mut self,
        shift: Option<&DateShift>,
        shift_times: Option<bool>,
    ) -> Result<(), ProfileError> {
        self.shift_times = shift_times.unwrap_or(self.shift_times);
        let Some(shift) = shift else { return Ok(()) };
        self.keep_weekday = shift.keep_weekday.unwrap_or(self.keep_weekday);
        let Some([first, last]) = shift.days else { return Ok(()) };
        let wrong = |why: &str| Err(ProfileError::Shift(format!("[{first}, {last}]: {why}")));
        if first > last {
            return wrong("the first is greater than the last");
        }
        if first < -MOST_DAYS || last > MOST_DAYS {
            return wrong("at most 36500 days either way");
        }
        let bounds = Bounds { first, last };
        if bounds.count(self.keep_weekday) == 0 {
            return wrong(if self.keep_weekday {
                "no whole week but 0 lies between them"
            } else {
                "no day but 0 lies between them"
            });
        }
        self.shift_days = Some(bounds);
        Ok(())
    }

    /// The same with what the table `deid` of a workspace's configuration says of dates and characteristics, where the
    /// document has one.
    ///
    /// # Errors
    /// What it says is wrong.
    pub fn with_workspace(mut self, document: &str) -> Result<Self, ProfileError> {
        let file: WorkspaceFile = toml::from_str(document).map_err(|e| ProfileError::Toml(e.to_string()))?;
        if let Some(deid) = file.deid {
            self.move_dates(deid.date_shift.as_ref(), deid.shift_times)?;
            self.narrow(deid.patient_characteristics.as_deref())?;
        }
        Ok(self)
    }

    /// How dates move.
    pub fn shift_rule(&self) -> ShiftRule {
        ShiftRule { bounds: self.shift_days, whole_weeks: self.keep_weekday, times: self.shift_times }
    }

    /// Narrows what `retain_patient_characteristics` keeps, where that is asked for.
    ///
    /// # Errors
    /// [`ProfileError::Characteristic`]
    pub fn narrow(&mut self, names: Option<&[String]>) -> Result<(), ProfileError> {
        let Some(names) = names else { return Ok(()) };
        let known = characteristics();
        let one = |name: &String| {
            let found = tag(name).ok().filter(|tag| known.iter().any(|(known, _)| known == tag));
            found.ok_or_else(|| {
                let all: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
                ProfileError::Characteristic(name.clone(), all.join(", "))
            })
        };
        self.characteristics = Some(names.iter().map(one).collect::<Result<_, _>>()?);
        Ok(())
    }

    /// The same with one more option, as `--option` asks for; one for dates replaces the other.
    #[must_use]
    pub fn with_option(mut self, option: ProfileOption) -> Self {
        match option {
            ProfileOption::RetainLongFullDates => {
                self.options.remove(&ProfileOption::RetainLongModifiedDates)
            }
            ProfileOption::RetainLongModifiedDates => {
                self.options.remove(&ProfileOption::RetainLongFullDates)
            }
            _ => false,
        };
        self.options.insert(option);
        self
    }

    /// What tells this profile from every other: 16 hexadecimal digits of a hash over all in which it differs from the
    /// default one.
    pub fn fingerprint(&self) -> String {
        let values = |profile: &Self| match serde_json::to_value(profile) {
            Ok(serde_json::Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        // A later version may know of more that can be set: what stands as it always did must not count as changed.
        let default = values(&Self::default());
        let mut own = values(self);
        own.retain(|key, value| default.get(key) != Some(value));
        let text = serde_json::Value::Object(own).to_string();
        hex::encode(&Sha256::digest(text)[..8])
    }

    /// Whether pixels are looked at and masked by other rules than under another profile.
    pub(super) fn masks_otherwise(&self, other: &Self) -> bool {
        let rules = |p: &Self| (p.search_pixels, p.maker_masks, p.ocr, p.blur_faces, p.review_masks);
        rules(self) != rules(other) || self.masks != other.masks
    }

    /// Whether an option is on.
    pub fn has(&self, option: ProfileOption) -> bool {
        self.options.contains(&option)
    }
}

/// What the option keeps or cleans, with its keyword.
pub(super) fn characteristics() -> Vec<(Tag, &'static str)> {
    let option = ProfileOption::RetainPatientCharacteristics;
    let column = ProfileOption::ALL.iter().position(|o| *o == option).unwrap_or_default();
    let named = |row: table::Row| {
        let tag = row.single_tag().filter(|_| row.options[column].is_some())?;
        Some((tag, dicom::keyword(tag).unwrap_or(row.name)))
    };
    table::rows().into_iter().filter_map(named).collect()
}

fn option(name: &str) -> Result<ProfileOption, ProfileError> {
    ProfileOption::from_name(name).ok_or_else(|| ProfileError::Option(name.into()))
}

fn tag(attribute: &str) -> Result<Tag, ProfileError> {
    Tag::parse(attribute)
        .or_else(|| dicom::tag_of(attribute))
        .ok_or_else(|| ProfileError::Attribute(attribute.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_extends_another_and_the_linter_sees_what_is_weaker() {
        let document = r#"
            [profile.site]
            add_options = ["retain_patient_characteristics"]
            allow_words = ["Zorblax", "chest"]
            [profile.study]
            extends = "site"
            drop_options = ["clean_graphics"]
            keep_weekday = true
            attributes = { PatientName = "keep", "(0008,1030)" = "remove" }
        "#;
        let profile = Profile::from_toml(document, "study").unwrap();
        assert!(profile.has(ProfileOption::RetainPatientCharacteristics) && profile.keep_weekday);
        assert!(!profile.has(ProfileOption::CleanGraphics) && profile.has(ProfileOption::CleanDescriptors));
        let codes: Vec<_> = profile.lint().into_iter().map(|l| l.code).collect();
        assert_eq!(codes, ["weakened", "weakened", "unneeded"]);
        assert!(Profile::default().lint().is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        let error = |document: &str| Profile::from_toml(document, "a").unwrap_err();
        assert!(matches!(
            error("[profile.a]\nextends = \"b\"\n[profile.b]\nextends = \"a\""),
            ProfileError::Circle(_)
        ));
        assert!(matches!(error("[profile.a]\noptions = [\"keep_all\"]"), ProfileError::Option(_)));
        assert!(matches!(
            error("[profile.a.attributes]\nPatientsName = \"keep\""),
            ProfileError::Attribute(_)
        ));
        let ProfileError::Toml(message) = error("[profile.a]\nkeep_weekdays = true") else { panic!() };
        assert!(message.contains("line 2") && message.contains("keep_weekdays"), "{message}");
    }
}
