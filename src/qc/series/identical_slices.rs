//! Different slices with the same pixels.

use serde_json::json;

use crate::model::geometry::dot;
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::{Slice, Stack};
use std::collections::BTreeMap;

use super::{MOST, count, is_sliced, on_grid};

/// Slices at different positions have exactly the same pixels.
#[derive(Debug, Clone, Copy)]
pub struct IdenticalSlices;

impl Check for IdenticalSlices {
    fn id(&self) -> &'static str {
        "identical_slices"
    }

    fn version(&self) -> u32 {
        2
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(pixels) = input.pixels else { return Vec::new() };
        if !is_sliced(input.series) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for (n, stack) in on_grid(input.series).filter(|(_, s)| s.common.mosaic.is_none()) {
            let mut seen: BTreeMap<u64, Vec<(usize, &Slice)>> = BTreeMap::new();
            for (at, slice) in places(input, stack) {
                let stats = pixels
                    .get(&slice.instance)
                    .and_then(|p| p.frames.get(slice.frame.saturating_sub(1) as usize));
                if let Some(stats) = stats.filter(|s| s.min < s.max) {
                    seen.entry(stats.digest).or_default().push((at, slice));
                }
            }
            let twins: Vec<_> =
                seen.into_values().filter(|s| s.iter().any(|(at, _)| *at != s[0].0)).collect();
            if twins.is_empty() {
                continue;
            }
            let message = format!(
                "{} of slices at different positions with the same pixels",
                count(twins.len(), "group")
            );
            let listed: Vec<Vec<_>> =
                twins.iter().take(MOST).map(|t| t.iter().take(MOST).map(|(_, s)| s).collect()).collect();
            findings.push(
                self.finding(Severity::Error, message, json!({"groups": twins.len(), "slices": listed}))
                    .of_stack(n),
            );
        }
        findings
    }
}

/// Each slice with the number of its position: volumes that lack positions are told by their coordinates.
fn places<'a>(input: &Input<'a>, stack: &'a Stack) -> Vec<(usize, &'a Slice)> {
    let depth = stack.depth().max(1);
    let along = |slice: &Slice| {
        let frame = input.series.header_of(slice)?.frame(slice.frame.saturating_sub(1))?;
        Some((dot(frame.position_mm?, frame.orientation?.normal()) * 1000.0).round() as i64)
    };
    let mm: Option<Vec<i64>> =
        if stack.is_complete() { None } else { stack.slices.iter().map(along).collect() };
    let mut known: Vec<i64> = mm.clone().unwrap_or_default();
    known.sort_unstable();
    known.dedup_by(|a, b| (*a - *b).abs() <= SAME_MICROMETRES);
    let number = |i: usize| match &mm {
        Some(mm) => known.partition_point(|k| *k + SAME_MICROMETRES < mm[i]),
        None => i % depth,
    };
    stack.slices.iter().enumerate().map(|(i, slice)| (number(i), slice)).collect()
}

/// Positions closer than this are one.
const SAME_MICROMETRES: i64 = 10;
