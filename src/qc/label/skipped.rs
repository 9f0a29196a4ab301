//! Slices that somebody forgot.

use serde_json::json;

use super::{LabelCheck, LabelInput, SliceSet};
use crate::model::{Finding, Severity};
use crate::qc::Threshold;
use crate::qc::series::{MOST, count};

/// A structure is missing on slices between two on which it lies at the same place.
#[derive(Debug, Clone, Copy)]
pub struct SkippedSlices;

/// The smaller of the two must be covered this far by the other.
const SAME_PLACE: f64 = 0.5;

impl LabelCheck for SkippedSlices {
    fn id(&self) -> &'static str {
        "label_skipped_slices"
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold {
            default: 3.0,
            about: "slices in a row that may have been forgotten; more are taken for two structures",
        })
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let longest = input.threshold(self).max(0.0) as usize;
        let mut findings = Vec::new();
        for set in input.structures {
            let skipped = skipped(set, longest);
            if skipped.is_empty() {
                continue;
            }
            let name = input.name(set.number);
            let message = format!("{name} is missing on {} within it", count(skipped.len(), "slice"));
            let slices: Vec<usize> = skipped.iter().copied().take(MOST).collect();
            let evidence = json!({"structure": name, "skipped": skipped.len(), "slices": slices});
            findings.push(self.finding(Severity::Warning, message, evidence));
        }
        findings
    }
}

/// Empty slices between two that show the same place.
fn skipped(set: &SliceSet, longest: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut last = None;
    for k in (0..set.size[2]).filter(|k| set.has(*k)) {
        if let Some(before) = last
            && k - before > 1
            && k - before - 1 <= longest
            && same_place(set.slice(before), set.slice(k))
        {
            found.extend((before + 1..k).map(|k| k + set.low[2]));
        }
        last = Some(k);
    }
    found
}

fn same_place(a: &[u8], b: &[u8]) -> bool {
    let of = |s: &[u8]| s.iter().filter(|v| **v > 0).count();
    let both = a.iter().zip(b).filter(|(a, b)| **a > 0 && **b > 0).count();
    both as f64 >= SAME_PLACE * of(a).min(of(b)) as f64
}
