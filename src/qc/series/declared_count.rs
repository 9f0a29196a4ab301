//! What the headers declare against what is there.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeMap;

use crate::series::Series;

/// A header field declares another number of instances, slices, volumes or frames than were found.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredCount;

impl Check for DeclaredCount {
    fn id(&self) -> &'static str {
        "declared_count"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let series = input.series;
        let mut findings = Vec::new();
        let mut compare = |what: &'static str, declared: u32, found: u32| {
            if declared != found {
                let message = format!("{what} declares {declared}, found {found}");
                let evidence = json!({"attribute": what, "declared": declared, "found": found});
                findings.push(self.finding(Severity::Warning, message, evidence));
            }
        };
        let found = series.instances.len() as u32;
        let first = series.first().map(|i| &i.header.common);
        if let Some(declared) = first.and_then(|c| c.series_related_instances) {
            compare("Number of Series Related Instances", declared, found);
        }
        for (declared, found) in acquisitions(series) {
            // More than declared is common: phases and echoes share an acquisition.
            compare("Images in Acquisition", declared, found.min(declared));
        }
        if let Some(slices) =
            first.filter(|c| c.modality.as_deref() == Some("PT")).and_then(|c| c.number_of_slices)
        {
            let times = first.and_then(|c| c.number_of_time_slices).unwrap_or(1).max(1);
            compare("Number of Slices", slices.saturating_mul(times), found);
        }
        if let Some(declared) = first.and_then(|c| c.temporal_positions) {
            let volumes = series.stacks.iter().filter_map(|s| s.volumes).max().unwrap_or(0);
            if volumes > 0 {
                compare("Number of Temporal Positions", declared, volumes.max(1).min(declared));
            }
        }
        let other = series.instances.iter().map(|i| &i.header).find(|header| {
            let described = header.frames.len() as u32;
            described > 1 && header.common.mosaic.is_none() && described != header.frame_count
        });
        if let Some(header) = other {
            compare("Number of Frames", header.frame_count, header.frames.len() as u32);
        }
        findings
    }
}

/// Images in Acquisition and how many there are, for each acquisition that declares it.
fn acquisitions(series: &Series) -> Vec<(u32, u32)> {
    let mut counts: BTreeMap<Option<i32>, (u32, u32)> = BTreeMap::new();
    for header in series.instances.iter().map(|i| &i.header) {
        let number = header.frames.first().and_then(|f| f.acquisition_number);
        let entry = counts.entry(number).or_default();
        entry.0 = entry.0.max(header.common.images_in_acquisition.unwrap_or(0));
        entry.1 += 1;
    }
    counts.into_values().filter(|(declared, _)| *declared > 0).collect()
}
