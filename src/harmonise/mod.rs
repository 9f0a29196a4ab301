//! Harmonised attributes: what the headers of many vendors and sites say, in one vocabulary. Pure: attributes in, values
//! out, each with where it comes from. Rules of a site go before what is built in; a value that no rule and no table
//! knows stays absent and stands in the coverage report, never guessed.
//!
//! Vocabularies: body regions are coded in SNOMED CT as in PS3.16 CID 4031; kernels after the vendors' own
//! descriptions; contrast phases and MR weightings after the words and times that radiographers use.

mod attributes;
mod contrast;
mod coverage;
mod equipment;
mod kernel;
mod mr;
mod region;
mod rules;
mod subject;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use attributes::{Attributes, NAMES};
pub use coverage::{Coverage, Coverages, Unmapped, coverage};
pub use equipment::family as family_of;
pub use region::{Region, agree as regions_agree, of_text as region_of_text};
pub use rules::{Rule, RuleError, Rules};

/// One harmonised value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Its name: one of [`TARGETS`].
    pub name: Cow<'static, str>,
    /// The value, where it is a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The value, where it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// Coding scheme and code, where there is one: `SCT 816094009`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// What it was derived from, in words.
    pub from: Cow<'static, str>,
}

/// The harmonised values of one series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Harmonised {
    /// The values, in the order of [`TARGETS`].
    pub values: Vec<Value>,
    /// Version and digest of the rules that they were derived by; empty where only what is built in was used.
    pub rules: String,
}

/// One harmonised attribute.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The words that it may have; empty where any will do, or a number.
    pub words: &'static [&'static str],
    /// It is a number.
    pub is_number: bool,
    /// The attributes that it is derived from, the most telling first.
    pub sources: &'static [&'static str],
    /// Modalities that have it; empty for all.
    pub modalities: &'static [&'static str],
}

const fn words(
    name: &'static str,
    words: &'static [&'static str],
    sources: &'static [&'static str],
    modalities: &'static [&'static str],
) -> Target {
    Target { name, words, is_number: false, sources, modalities }
}

const fn number(
    name: &'static str,
    sources: &'static [&'static str],
    modalities: &'static [&'static str],
) -> Target {
    Target { name, words: &[], is_number: true, sources, modalities }
}

/// Every harmonised attribute.
pub static TARGETS: &[Target] = &[
    words("sex", &["female", "male", "other"], &["sex"], &[]),
    number("age_years", &["age"], &[]),
    words("age_band", subject::BANDS, &["age"], &[]),
    words("family", equipment::FAMILIES, &["modality"], &[]),
    words(
        "region",
        region::NAMES,
        &["anatomic_region", "body_part", "description", "protocol", "study_description"],
        &[],
    ),
    words("phase", contrast::PHASES, &["description", "protocol", "contrast_agent"], &["CT", "MR"]),
    words("kernel", kernel::FAMILIES, &["kernel", "manufacturer"], &["CT"]),
    words("sequence", mr::SEQUENCES, &["scanning_sequence", "sequence_name"], &["MR"]),
    words("weighting", mr::WEIGHTINGS, &["description", "scanning_sequence", "sequence_name"], &["MR"]),
    number("field_t", &["field_strength"], &["MR"]),
    number("kvp", &["kvp"], &["CT"]),
    number("exposure_mas", &["exposure_mas", "tube_current_ma"], &["CT"]),
    number("thickness_mm", &["thickness_mm"], &["CT", "MR"]),
    words("vendor", &[], &["manufacturer"], &[]),
    words("device", &[], &["model"], &[]),
    words("scanner", &[], &["scanner", "model"], &[]),
];

/// The harmonised attribute with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}

impl Harmonised {
    /// A word.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.text.as_deref()
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.value(name)?.number
    }

    /// A value.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|v| v.name == name)
    }

    /// Sets a word.
    pub fn set_text(
        &mut self,
        name: &'static str,
        text: impl Into<String>,
        from: impl Into<Cow<'static, str>>,
    ) {
        let value =
            Value { name: name.into(), text: Some(text.into()), number: None, code: None, from: from.into() };
        self.put(value);
    }

    /// Sets a number; one that is not finite stays absent.
    pub fn set_number(&mut self, name: &'static str, number: f64, from: impl Into<Cow<'static, str>>) {
        if number.is_finite() {
            let value =
                Value { name: name.into(), text: None, number: Some(number), code: None, from: from.into() };
            self.put(value);
        }
    }

    fn put(&mut self, value: Value) {
        match self.values.iter_mut().find(|v| v.name == value.name) {
            Some(known) => *known = value,
            None => self.values.push(value),
        }
    }
}

/// What the attributes say, by the rules of the site and then by what is built in.
pub fn derive(attributes: &Attributes, rules: &Rules) -> Harmonised {
    let mut out = Harmonised { values: Vec::new(), rules: rules.identity() };
    subject::derive(attributes, &mut out);
    equipment::derive(attributes, &mut out);
    region::derive(attributes, &mut out);
    contrast::derive(attributes, &mut out);
    kernel::derive(attributes, &mut out);
    mr::derive(attributes, &mut out);
    rules.apply(attributes, &mut out);
    // What follows from others follows from what a rule set, too.
    subject::band(&mut out);
    equipment::scanner(attributes, &mut out);
    let place = |v: &Value| TARGETS.iter().position(|t| t.name == v.name);
    out.values.sort_by_key(place);
    out
}
