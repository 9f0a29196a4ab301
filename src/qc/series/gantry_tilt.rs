//! Slices that are shifted within their plane from one to the next.

use serde_json::json;

use super::{mm, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// The slice step is not along the normal: a tilted gantry, kept as shear in the affine.
#[derive(Debug, Clone, Copy)]
pub struct GantryTilt;

impl Check for GantryTilt {
    fn id(&self) -> &'static str {
        "gantry_tilt"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let Some(grid) = stack.grid.filter(|g| g.shape[2] > 1) else { continue };
            let degrees = grid.tilt_degrees();
            if degrees < LEAST_DEGREES {
                continue;
            }
            let message = format!(
                "the gantry is tilted by {}°; the affine keeps it as shear",
                mm((degrees * 1000.0).round() / 1000.0),
            );
            let evidence =
                json!({"degrees": degrees, "declared_degrees": stack.common.declared_tilt_degrees});
            findings.push(self.finding(Severity::Warning, message, evidence).of_stack(i));
        }
        findings
    }
}

/// Rounded positions of straight stacks stay below this.
const LEAST_DEGREES: f64 = 0.1;
