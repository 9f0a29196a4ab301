//! Protocols: how a site or a project acquires its series, learned from series or written by hand, and what deviates.
//!
//! ```toml
//! name = "lung-ct"
//!
//! [[expect]]
//! match = { modality = "CT", region = "chest" }
//! [expect.attributes]
//! kvp = { one_of = [100.0, 120.0] }
//! thickness_mm = { min = 0.5, max = 1.25 }
//! repetition_time_ms = { value = 500.0, tolerance = 10.0 }
//! kernel_family = { one_of = ["soft"] }
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::harmonise::{Attributes, Harmonised};

/// What is known of one series, by name: what its headers say, and harmonised values; of a kernel the code is `kernel`
/// and the family `kernel_family`.
pub type Facts = BTreeMap<String, Json>;

/// A protocol.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Its name, which findings give.
    pub name: String,
    /// The query of the series that it was learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned_from: Option<String>,
    /// What is expected of which series. The first entry that matches a series counts.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<Expectation>,
}

/// What is expected of some series.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Facts that tell which series are meant; compared without regard to case.
    #[serde(rename = "match")]
    pub which: BTreeMap<String, String>,
    /// Series that it was learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<u64>,
    /// What each attribute should be. One that is absent from a series deviates only where `required`.
    pub attributes: BTreeMap<String, Expected>,
}

/// What an attribute should be: every part that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// One of these; numbers within `tolerance`, texts without regard to case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Scalar>,
    /// This number, within `tolerance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How far a number may be off; a thousandth of it without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Its absence deviates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// A value in a protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// An attribute that is not as expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deviation {
    /// The attribute.
    pub attribute: String,
    /// What the series has; null where it has nothing.
    pub found: Json,
    /// What is expected, in words.
    pub expected: String,
    /// Instances (frames of an object with many) that have it.
    pub instances: u32,
}

/// What is known of a series.
pub fn facts(attributes: &Attributes, harmonised: &Harmonised) -> Facts {
    let mut facts: Facts = attributes.by_name().into_iter().collect();
    for value in &harmonised.values {
        let name = if value.name == "kernel" { "kernel_family" } else { &*value.name };
        let json = value.text.as_deref().map_or_else(|| value.number.into(), Json::from);
        facts.entry(name.into()).or_insert(json);
    }
    facts
}

impl Protocol {
    /// Reads a protocol.
    ///
    /// # Errors
    /// What the TOML reader says.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|e| e.to_string())
    }

    /// As TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// The entry that a series falls under.
    pub fn expectation(&self, facts: &Facts) -> Option<&Expectation> {
        let holds = |(name, wanted): (&String, &String)| {
            facts.get(name).is_some_and(|found| shown(found).eq_ignore_ascii_case(wanted))
        };
        self.expectations.iter().find(|e| e.which.iter().all(holds))
    }
}

impl Expectation {
    /// Every attribute that is not as expected.
    pub fn deviations(&self, facts: &Facts) -> Vec<Deviation> {
        let deviates = |(name, expected): (&String, &Expected)| {
            let found = facts.get(name);
            let fits = found.map_or(!expected.required, |found| expected.fits(found));
            (!fits).then(|| Deviation {
                attribute: name.clone(),
                found: found.cloned().unwrap_or(Json::Null),
                expected: expected.words(),
                instances: 1,
            })
        };
        self.attributes.iter().filter_map(deviates).collect()
    }
}

impl Expected {
    fn near(&self, found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= self.tolerance.unwrap_or(wanted.abs() * 1e-3)
    }

    fn fits(&self, found: &Json) -> bool {
        let number = found.as_f64();
        let listed = self.one_of.is_empty()
            || self.one_of.iter().any(|one| match one {
                Scalar::Number(wanted) => number.is_some_and(|n| self.near(n, *wanted)),
                Scalar::Text(wanted) => shown(found).eq_ignore_ascii_case(wanted),
            });
        let is = |bound: Option<f64>, holds: &dyn Fn(f64, f64) -> bool| {
            bound.is_none_or(|b| number.is_some_and(|n| holds(n, b)))
        };
        listed
            && is(self.value, &|n, wanted| self.near(n, wanted))
            && is(self.min, &|n, low| n >= low)
            && is(self.max, &|n, high| n <= high)
    }

    fn words(&self) -> String {
        let mut parts = Vec::new();
        if !self.one_of.is_empty() {
            let each: Vec<String> = self
                .one_of
                .iter()
                .map(|one| match one {
                    Scalar::Number(n) => n.to_string(),
                    Scalar::Text(t) => t.clone(),
                })
                .collect();
            parts.push(each.join(" or "));
        }
        if let Some(value) = self.value {
            parts.push(value.to_string());
        }
        match (self.min, self.max) {
            (Some(low), Some(high)) => parts.push(format!("{low} to {high}")),
            (Some(low), None) => parts.push(format!("at least {low}")),
            (None, Some(high)) => parts.push(format!("at most {high}")),
            (None, None) => {}
        }
        if let Some(tolerance) = self.tolerance {
            parts.push(format!("± {tolerance}"));
        }
        if parts.is_empty() { "present".into() } else { parts.join(" ") }
    }
}

fn shown(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// What tells which series are acquired alike.
const KINDS: [&str; 4] = ["modality", "region", "weighting", "kernel_family"];
/// Attributes of an acquisition that a protocol sets.
const SET: [&str; 12] = [
    "kvp",
    "exposure_mas",
    "thickness_mm",
    "kernel",
    "field_t",
    "sequence",
    "repetition_time_ms",
    "echo_time_ms",
    "inversion_time_ms",
    "flip_degrees",
    "phase",
    "vendor",
];
/// A group of fewer series says nothing.
const FEWEST: usize = 3;
/// Values that a protocol lists; where there are more, it gives their range.
const LISTED: usize = 4;
/// A value that so few series of a group have is no part of the protocol.
const RARE: f64 = 0.05;

/// Learns what series of each kind have in common: values that are few are listed, numbers that vary give their range
/// from the 1st to the 99th percentile. `None` without series.
pub fn learn(name: &str, query: &str, series: &[Facts]) -> Option<Protocol> {
    if series.is_empty() {
        return None;
    }
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<&Facts>> = BTreeMap::new();
    for facts in series {
        let kind = KINDS.iter().filter_map(|k| Some(((*k).to_string(), shown(facts.get(*k)?)))).collect();
        groups.entry(kind).or_default().push(facts);
    }
    let mut expectations: Vec<Expectation> = groups
        .into_iter()
        .filter(|(_, members)| members.len() >= FEWEST)
        .map(|(which, members)| Expectation {
            which,
            series: Some(members.len() as u64),
            attributes: SET.iter().filter_map(|a| Some(((*a).to_string(), of_group(a, &members)?))).collect(),
        })
        .collect();
    // What says more about a series goes first.
    expectations.sort_by_key(|e| std::cmp::Reverse(e.which.len()));
    Some(Protocol { name: name.into(), learned_from: Some(query.into()), expectations })
}

/// What the members of a group have; `None` where too few have the attribute at all.
fn of_group(attribute: &str, members: &[&Facts]) -> Option<Expected> {
    let found: Vec<&Json> = members.iter().filter_map(|m| m.get(attribute)).collect();
    if found.len() < FEWEST || (found.len() as f64) < RARE * members.len() as f64 {
        return None;
    }
    let mut counts: BTreeMap<String, (usize, &Json)> = BTreeMap::new();
    for value in &found {
        counts.entry(shown(value)).or_insert((0, value)).0 += 1;
    }
    let common: Vec<&Json> = counts
        .values()
        .filter(|(n, _)| *n as f64 >= RARE * found.len() as f64)
        .map(|(_, value)| *value)
        .collect();
    let numbers: Vec<f64> = found.iter().filter_map(|v| v.as_f64()).collect();
    if common.len() <= LISTED && !common.is_empty() {
        let one_of = common.iter().map(|v| v.as_f64().map_or_else(|| Scalar::Text(shown(v)), Scalar::Number));
        return Some(Expected { one_of: one_of.collect(), ..Expected::default() });
    }
    if numbers.len() < found.len() {
        return None;
    }
    let mut sorted = numbers;
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Some(Expected { min: Some(at(0.01)), max: Some(at(0.99)), ..Expected::default() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn series(kvp: f64, mas: f64) -> Facts {
        let attributes = Attributes {
            modality: Some("CT".into()),
            kvp: Some(kvp),
            exposure_mas: Some(mas),
            ..Attributes::default()
        };
        facts(&attributes, &Harmonised::default())
    }

    #[test]
    fn what_was_learned_holds_for_its_series_and_not_for_others() {
        let known: Vec<Facts> =
            (0..60).map(|i| series(if i % 2 == 0 { 100.0 } else { 120.0 }, 50.0 + f64::from(i))).collect();
        let protocol = learn("p", "modality:CT", &known).unwrap();
        let again = Protocol::parse(&protocol.to_toml()).unwrap();
        assert_eq!(again, protocol);
        let deviations = |facts: &Facts| again.expectation(facts).unwrap().deviations(facts);
        assert!(known.iter().skip(1).take(58).all(|f| deviations(f).is_empty()));
        let found = deviations(&series(80.0, 400.0));
        let names: Vec<&str> = found.iter().map(|d| &*d.attribute).collect();
        assert_eq!(names, ["exposure_mas", "kvp"]);
        assert_eq!(found[1].expected, "100 or 120");
    }

    #[test]
    fn tolerances() {
        let expected = Expected { value: Some(500.0), tolerance: Some(10.0), ..Expected::default() };
        assert!(expected.fits(&510.0.into()) && !expected.fits(&511.0.into()));
        assert!(!Expected { min: Some(1.0), ..Expected::default() }.fits(&Json::from("thin")));
    }
}
