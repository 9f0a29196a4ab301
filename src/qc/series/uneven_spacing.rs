//! Neighbouring slices at changing distances.

use serde_json::json;

use super::{MOST, count, mm, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Steps between neighbouring slices differ, and not by whole slices.
#[derive(Debug, Clone, Copy)]
pub struct UnevenSpacing;

impl Check for UnevenSpacing {
    fn id(&self) -> &'static str {
        "uneven_spacing"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let found: Vec<_> = stack.gaps.iter().filter(|g| g.missing().is_none()).collect();
            let Some(first) = found.first() else { continue };
            let message = format!(
                "{} differ from {} mm, the first of {} mm after {} mm",
                count(found.len(), "step"),
                mm(first.expected_mm),
                mm(first.step_mm),
                mm(first.at_mm),
            );
            let places: Vec<_> = found
                .iter()
                .take(MOST)
                .map(
                    |g| json!({"after": g.after, "before": g.before, "at_mm": g.at_mm, "step_mm": g.step_mm}),
                )
                .collect();
            let evidence = json!({"steps": found.len(), "expected_mm": first.expected_mm, "places": places});
            findings.push(self.finding(Severity::Warning, message, evidence).of_stack(i));
        }
        findings
    }
}
