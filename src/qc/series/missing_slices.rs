//! Slices that are missing between others.

use serde_json::json;

use super::{MOST, count, mm, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::Gap;

/// A step between neighbouring slices is a whole multiple of the usual one.
#[derive(Debug, Clone, Copy)]
pub struct MissingSlices;

impl Check for MissingSlices {
    fn id(&self) -> &'static str {
        "missing_slices"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let found: Vec<(&Gap, u32)> = stack.gaps.iter().filter_map(|g| Some((g, g.missing()?))).collect();
            let Some((first, _)) = found.first() else { continue };
            let missing = found.iter().map(|(_, n)| *n as usize).sum();
            let message = format!(
                "{} missing in {}, the first after {} mm: a step of {} mm instead of {} mm",
                count(missing, "slice"),
                count(found.len(), "place"),
                mm(first.at_mm),
                mm(first.step_mm),
                mm(first.expected_mm),
            );
            let places: Vec<_> = found
                .iter()
                .take(MOST)
                .map(|(g, n)| json!({"after": g.after, "before": g.before, "at_mm": g.at_mm, "step_mm": g.step_mm, "missing": n}))
                .collect();
            let evidence = json!({"missing": missing, "expected_mm": first.expected_mm, "places": places});
            findings.push(self.finding(Severity::Error, message, evidence).of_stack(i));
        }
        findings
    }
}
