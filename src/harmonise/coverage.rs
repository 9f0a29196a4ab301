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

/// The coverage of every harmonised attribute over some series. Modalities without images are left out.
pub fn coverage<'a>(series: impl IntoIterator<Item = (&'a Attributes, &'a Harmonised)>) -> Vec<Coverage> {
    type Said = BTreeMap<String, String>;
    let mut counted: Vec<(u64, BTreeMap<String, u64>, BTreeMap<Said, u64>)> =
        TARGETS.iter().map(|_| Default::default()).collect();
    for (attributes, harmonised) in series {
        let modality = attributes.modality.as_deref().unwrap_or_default();
        let said = attributes.by_name();
        for (target, (n, values, unmapped)) in TARGETS.iter().zip(&mut counted) {
            if !target.modalities.is_empty() && !target.modalities.contains(&modality) {
                continue;
            }
            *n += 1;
            if let Some(value) = harmonised.value(target.name) {
                let text = value.text.clone().or(value.number.map(|n| n.to_string())).unwrap_or_default();
                *values.entry(text).or_default() += 1;
                continue;
            }
            let text = |name: &&str| {
                let value = match said.get(*name)? {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some(((*name).to_string(), value))
            };
            *unmapped.entry(target.sources.iter().filter_map(text).collect()).or_default() += 1;
        }
    }
    let of =
        |(target, (series, values, unmapped)): (&super::Target, (u64, BTreeMap<_, _>, BTreeMap<_, _>))| {
            let mapped = values.values().sum();
            let mut values: Vec<(String, u64)> = values.into_iter().collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values.truncate(MOST);
            let mut unmapped: Vec<Unmapped> =
                unmapped.into_iter().map(|(attributes, series)| Unmapped { attributes, series }).collect();
            unmapped.sort_by_key(|u| std::cmp::Reverse(u.series));
            unmapped.truncate(MOST);
            Coverage { name: target.name.into(), series, mapped, values, unmapped }
        };
    TARGETS.iter().zip(counted).map(of).collect()
}
