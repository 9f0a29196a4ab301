//! What a profile does with each attribute, worked out once: the table, the options and the project's own wishes
//! become one look-up.

use foldhash::HashMap;

use super::profile::{Override, Profile};
use super::table::{self, Code, OptionRule, ProfileOption, Row, Types};
use crate::dicom;
use crate::model::{Tag, Vr, tags};

/// Attributes that the table does not name and that identify all the same: alternative calendars, issuers of numbers,
/// identifiers of groups of patients, addresses of copies.
const BEYOND_THE_TABLE: &[u32] = &[
    0x0008_0051,
    0x0008_0056,
    0x0008_1190,
    0x0010_0024,
    0x0010_0026,
    0x0010_0027,
    0x0010_0033,
    0x0010_0034,
    0x0010_0035,
    0x0018_1010,
    0x0018_1011,
    0x0040_0026,
    0x0040_0027,
    0x0040_0036,
    0x0040_0039,
    0x0040_003A,
    0x0040_E001,
    0x0040_E010,
    0x0088_0130,
    0x2100_0160,
    0x2200_0001,
];

/// What to do with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Leave it; a sequence is opened all the same.
    Keep,
    /// Clean it; what cannot be cleaned, or has nothing left, gets the code.
    Clean(Code),
    /// Do what the code says.
    Code(Code),
}

/// The plans of every attribute that the table or the profile names.
#[derive(Debug)]
pub struct Plans {
    by_tag: HashMap<Tag, (Plan, Option<Vr>)>,
    types: Types,
    /// Dates are shifted (`Some(true)`), kept (`Some(false)`) or taken away.
    pub dates: Option<bool>,
    /// Patient's Weight stays in PET images.
    pub pet_weight: bool,
}

impl Plans {
    /// The plans of a profile.
    pub fn new(profile: &Profile) -> Self {
        let mut by_tag = HashMap::default();
        for &tag in BEYOND_THE_TABLE {
            by_tag.insert(Tag(tag), Plan::Code(Code::X));
        }
        for row in table::rows() {
            if let Some(tag) = row.single_tag() {
                by_tag.insert(tag, plan(&row, profile));
            }
        }
        for (tag, wish) in &profile.attributes {
            let code = match by_tag.get(tag) {
                Some(Plan::Code(code) | Plan::Clean(code)) => *code,
                _ => Code::X,
            };
            let plan = match wish {
                Override::Keep => Plan::Keep,
                Override::Remove => Plan::Code(Code::X),
                Override::Empty => Plan::Code(Code::Z),
                Override::Dummy => Plan::Code(Code::D),
                Override::Uid => Plan::Code(Code::U),
                Override::Clean => Plan::Clean(code),
            };
            by_tag.insert(*tag, plan);
        }
        let dates = if profile.has(ProfileOption::RetainLongModifiedDates) {
            Some(true)
        } else {
            profile.has(ProfileOption::RetainLongFullDates).then_some(false)
        };
        let pet_weight = profile.keep_pet_weight && !profile.attributes.contains_key(&tags::PATIENT_WEIGHT);
        let by_tag = by_tag.into_iter().map(|(tag, plan)| (tag, (plan, dicom::vr_of(tag)))).collect();
        Self { by_tag, types: Types::standard(), dates, pet_weight }
    }

    /// The plan of an attribute; `None` for what neither table nor profile names.
    pub fn of(&self, tag: Tag) -> Option<Plan> {
        self.by_tag.get(&tag).map(|p| p.0)
    }

    /// Every attribute that the table or the profile names.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.by_tag.keys().copied()
    }

    /// The dictionary's representation of a named attribute.
    pub fn vr(&self, tag: Tag) -> Option<Vr> {
        self.by_tag.get(&tag).and_then(|p| p.1)
    }

    /// The single code that a combined one means here.
    pub fn resolve(&self, code: Code, tag: Tag, parent: Option<Tag>, sop_class: &str) -> Code {
        match code {
            Code::X | Code::Z | Code::D | Code::U => code,
            combined => combined.resolve(self.types.of(tag, parent, sop_class)),
        }
    }
}

fn plan(row: &Row, profile: &Profile) -> Plan {
    let rule = |option: ProfileOption| {
        let column = ProfileOption::ALL.iter().position(|o| *o == option)?;
        let narrowed = option == ProfileOption::RetainPatientCharacteristics
            && profile
                .characteristics
                .as_ref()
                .is_some_and(|kept| row.single_tag().is_none_or(|tag| !kept.contains(&tag)));
        row.options[column].filter(|_| profile.has(option) && !narrowed)
    };
    // Where dates are to be modified none is kept, whatever else is to be retained.
    if rule(ProfileOption::RetainLongModifiedDates).is_some() {
        return Plan::Clean(row.basic);
    }
    let rules: Vec<OptionRule> = ProfileOption::ALL.into_iter().filter_map(rule).collect();
    if rules.contains(&OptionRule::Keep) {
        Plan::Keep
    } else if rules.contains(&OptionRule::Clean) {
        Plan::Clean(row.basic)
    } else {
        Plan::Code(row.basic)
    }
}
