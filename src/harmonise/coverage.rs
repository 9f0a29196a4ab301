//! Which values no table and no rule knows, and how often they occur.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Attributes, Harmonised, TARGETS};

/// How far one harmonised attribute is covered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The harmonised attribute.
    pub name: String,
    /// Series that should have it.
    pub series: u64,
    /// Series that have it.
    pub mapped: u64,
    /// Series of each value.
    pub values: Vec<(String, u64)>,
    /// What the headers of the others say, the most frequent first.
    pub unmapped: Vec<Unmapped>,
}

/// What the headers of some series say that lack a harmonised attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unmapped {
    /// Attributes that it could be derived from, and their values; empty where the headers say nothing.
    pub attributes: BTreeMap<String, String>,
    /// Series that say so.
    pub series: u64,
}

/// Values listed for each attribute, at most.
const MOST: usize = 50;

type RatedValue = BTreeMap<String, String>;

/// Counts series one after another.
#[derive(Debug)]
pub struct Coverages {
    counted: Vec<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    series: u64,
    mapped: u64,
    values: BTreeMap<String, u64>,
    unmapped: BTreeMap<RatedValue, u64>,
}

/// Distinct values that are counted for each attribute; what comes later is counted in no line, only in the sums.
const DISTINCT: usize = 100_000;

impl Default for Coverages {
    fn default() -> Self {
        Self { counted: TARGETS.iter().map(|_| Counted::default()).collect() }
    }
}

impl Coverages {
    /// Counts a series.
    pub fn add(&mut self, attributes: &Attributes, harmonised: &Harmonised) {
        let modality = attributes.modality.as_deref().unwrap_or_default();
        let said = attributes.by_name();
        for (target, counted) in TARGETS.iter().zip(&mut self.counted) {
            if !target.modalities.is_empty() && !target.modalities.contains(&modality) {
                continue;
            }
            counted.series += 1;
            if let Some(value) = harmonised.value(target.name) {
                counted.mapped += 1;
                let text = value.text.clone().or(value.number.map(|n| n.to_string())).unwrap_or_default();
                if counted.values.len() < DISTINCT || counted.values.contains_key(&text) {
                    *counted.values.entry(text).or_default() += 1;
                }
                continue;
            }
            let text = |name: &&str| {
                let value = match said.get(*name)? {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some(((*name).to_string(), value))
            };
            let says: RatedValue = target.sources.iter().filter_map(text).collect();
            if counted.unmapped.len() < DISTINCT || counted.unmapped.contains_key(&says) {
                *counted.unmapped.entry(says).or_default() += 1;
            }
        }
    }

    /// The coverage of every harmonised attribute.
    pub fn finish(self) -> Vec<Coverage> {
        let of = |(target, counted): (&super::Target, Counted)| {
            let mut values: Vec<(String, u64)> = counted.values.into_iter().collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(MOST);
            let unmapped = counted.unmapped.into_iter();
            let mut unmapped: Vec<Unmapped> =
                unmapped.map(|(attributes, series)| Unmapped { attributes, series }).collect();
            unmapped.sort_by_key(|u| std::cmp::Reverse(u.series));
            unmapped.truncate(MOST);
            let (series, mapped) = (counted.series, counted.mapped);
            Coverage { name: target.name.into(), series, mapped, values, unmapped }
        };
        TARGETS.iter().zip(self.counted).map(of).collect()
    }
}

/// The coverage of every harmonised attribute over some series.
pub fn coverage<'a>(series: impl IntoIterator<Item = (&'a Attributes, &'a Harmonised)>) -> Vec<Coverage> {
    let mut all = Coverages::default();
    series.into_iter().for_each(|(attributes, harmonised)| all.add(attributes, harmonised));
    all.finish()
}
