//! Repeated volumes of which some lack a position.

use serde_json::json;

use super::{MOST, count, mm, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::VolumeReason;

/// A volume of a series in time or diffusion lacks positions that others have.
#[derive(Debug, Clone, Copy)]
pub struct IncompleteVolumes;

impl Check for IncompleteVolumes {
    fn id(&self) -> &'static str {
        "incomplete_volumes"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let Some(first) = stack.holes.first() else { continue };
            if stack.volumes_by == Some(VolumeReason::InstanceNumber)
                && stack.holes.len() * 2 >= stack.depth() * (stack.volumes.unwrap_or(1) as usize - 1)
            {
                continue;
            }
            let message = format!(
                "{} missing in {}, the first in volume {} at {} mm",
                count(stack.holes.len(), "slice"),
                count(stack.volumes.unwrap_or(0) as usize, "volume"),
                first.volume,
                mm(first.at_mm),
            );
            let holes: Vec<_> = stack.holes.iter().take(MOST).collect();
            let evidence = json!({"missing": stack.holes.len(), "volumes": stack.volumes, "by": stack.volumes_by, "holes": holes});
            findings.push(self.finding(Severity::Error, message, evidence).of_stack(i));
        }
        findings
    }
}
