//! Slices that do not lie on a straight line.

use serde_json::json;

use super::{mm, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Positions lie off the line from the first slice to the last, so that no affine fits.
#[derive(Debug, Clone, Copy)]
pub struct OffLine;

impl Check for OffLine {
    fn id(&self) -> &'static str {
        "off_line"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let tolerance = stack.spacing_mm.map_or(0.1, |s| (0.25 * s[0].min(s[1])).max(0.02));
            if stack.off_line_mm <= tolerance {
                continue;
            }
            let message = format!(
                "slices lie up to {} mm off the line from the first to the last",
                mm(stack.off_line_mm)
            );
            let evidence = json!({"off_line_mm": stack.off_line_mm, "tolerance_mm": tolerance});
            findings.push(self.finding(Severity::Warning, message, evidence).of_stack(i));
        }
        findings
    }
}
