//! Positions that were imaged twice for no reason that the headers give.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeSet;

use super::{MOST, count, on_grid};
use crate::series::VolumeReason;

/// Some positions hold more slices than others, or the same pixels twice, and nothing tells them apart.
#[derive(Debug, Clone, Copy)]
pub struct DuplicatedSlices;

impl Check for DuplicatedSlices {
    fn id(&self) -> &'static str {
        "duplicated_slices"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            if stack.volumes_by != Some(VolumeReason::InstanceNumber) {
                continue;
            }
            let depth = stack.depth();
            // The first volume is whole: it takes the first slice at every position.
            let again: Vec<_> = stack.slices.iter().skip(depth).collect();
            let lacking: BTreeSet<i64> =
                stack.holes.iter().filter(|h| h.volume == 2).map(|h| (h.at_mm * 1000.0) as i64).collect();
            let same_pixels = input.pixels.is_some_and(|pixels| same(pixels, &stack.slices, depth));
            let odd = !stack.holes.is_empty() && lacking.len() * 2 >= depth;
            if !odd && !same_pixels {
                continue;
            }
            let message = format!(
                "{} at positions that have one already{}",
                count(again.len(), "slice"),
                if same_pixels { ", with the same pixels" } else { "" },
            );
            let slices: Vec<_> = again.iter().take(MOST).collect();
            let evidence = json!({"slices": again.len(), "again": slices, "same_pixels": same_pixels});
            findings.push(self.finding(Severity::Error, message, evidence).of_stack(i));
        }
        findings
    }
}

/// Whether every volume after the first repeats its pixels.
fn same(pixels: &crate::qc::SeriesPixels, slices: &[crate::series::Slice], depth: usize) -> bool {
    let digest = |s: &crate::series::Slice| {
        let frame = s.frame.saturating_sub(1) as usize;
        pixels.get(&s.instance).and_then(|p| p.frames.get(frame)).map(|f| f.digest)
    };
    let whole = depth > 0 && slices.len() > depth && slices.len().is_multiple_of(depth);
    whole
        && slices
            .iter()
            .enumerate()
            .all(|(i, s)| digest(s).is_some() && digest(s) == digest(&slices[i % depth]))
}
