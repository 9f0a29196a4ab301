//! Series that were not acquired as their protocol says.

use std::collections::BTreeMap;

use serde_json::json;

use super::{MOST, count};
use crate::model::{Finding, Severity};
use crate::qc::protocol::{Deviation, Facts, facts};
use crate::qc::{Check, Described, Input};
use crate::series::Series;

/// Attributes of any instance differ from what the protocol expects of such a series.
#[derive(Debug, Clone, Copy)]
pub struct ProtocolDeviation;

impl Check for ProtocolDeviation {
    fn id(&self) -> &'static str {
        "protocol_deviation"
    }

    fn version(&self) -> u32 {
        2
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(about) = input.about.filter(|_| !input.settings.protocols.is_empty()) else {
            return Vec::new();
        };
        let mut found: BTreeMap<(String, String, String), Deviation> = BTreeMap::new();
        for (facts, instances) in every(input.series, about) {
            let known = input.settings.protocols.iter().find_map(|p| Some((p, p.expectation(&facts)?)));
            let Some((protocol, expectation)) = known else { continue };
            for deviation in expectation.deviations(&facts) {
                let key = (protocol.name.clone(), deviation.attribute.clone(), deviation.found.to_string());
                let known = found.entry(key).or_insert(Deviation { instances: 0, ..deviation });
                known.instances += instances;
            }
        }
        let mut names: Vec<&str> = found.keys().map(|k| &*k.0).collect();
        names.dedup();
        let of = |name: &str| found.iter().filter(|(k, _)| k.0 == name).map(|(_, d)| d).collect::<Vec<_>>();
        names.into_iter().filter_map(|name| self.of_protocol(name, &of(name))).collect()
    }
}

impl ProtocolDeviation {
    fn of_protocol(self, protocol: &str, deviations: &[&Deviation]) -> Option<Finding> {
        let first = deviations.first()?;
        let mut attributes: Vec<&str> = deviations.iter().map(|d| &*d.attribute).collect();
        attributes.dedup();
        let message = format!(
            "{} not as the protocol {protocol} expects; {} is {} in {}, expected {}",
            count(attributes.len(), "attribute"),
            first.attribute,
            first.found,
            count(first.instances as usize, "instance"),
            first.expected
        );
        let listed = &deviations[..deviations.len().min(MOST)];
        let evidence = json!({"protocol": protocol, "count": deviations.len(), "deviations": listed});
        Some(self.finding(Severity::Warning, message, evidence))
    }
}

/// What each instance says, and each frame where they differ within an instance; with how many say it.
fn every(series: &Series, about: &Described) -> Vec<(Facts, u32)> {
    let whole = facts(&about.attributes, &about.harmonised);
    let mut out: Vec<(Facts, u32)> =
        about.instances.iter().map(|i| (facts(&i.attributes, &i.harmonised), i.count)).collect();
    if out.is_empty() {
        out.push((whole.clone(), 1));
    }
    let mut frames: BTreeMap<String, (Facts, u32)> = BTreeMap::new();
    for frame in series.instances.iter().filter(|i| i.header.frames.len() > 1).flat_map(|i| &i.header.frames)
    {
        let numbers = [
            ("echo_time_ms", frame.echo_time_ms),
            ("flip_degrees", frame.flip_degrees),
            ("inversion_time_ms", frame.inversion_time_ms),
            ("kvp", frame.kvp),
        ];
        let mut own = whole.clone();
        own.extend(numbers.into_iter().filter_map(|(name, v)| Some((name.to_string(), v?.into()))));
        own.extend(frame.kernel.as_deref().map(|k| ("kernel".to_string(), k.into())));
        let said = [own.get("kernel"), own.get("kvp")].map(|v| v.map(ToString::to_string));
        let key = format!("{numbers:?} {said:?}");
        frames.entry(key).or_insert_with(|| (own, 0)).1 += 1;
    }
    out.extend(frames.into_values());
    out
}
