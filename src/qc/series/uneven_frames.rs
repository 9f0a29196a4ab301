//! Volumes of a time series that do not follow one another evenly.

use serde_json::json;

use super::{MOST, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::VolumeReason;

/// The times between the volumes of a stack differ: there is no single step.
#[derive(Debug, Clone, Copy)]
pub struct UnevenFrames;

impl Check for UnevenFrames {
    fn id(&self) -> &'static str {
        "uneven_frames"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let Some(times) = stack.times.as_ref().filter(|t| t.starts_s.len() > 2) else { continue };
            // Weightings and segments are told apart by what they are; when each was acquired matters little.
            let in_time = !matches!(stack.volumes_by, Some(VolumeReason::Diffusion | VolumeReason::Segment));
            if !in_time || stack.step_s().is_some() {
                continue;
            }
            let steps = times.starts_s.windows(2).map(|w| w[1] - w[0]);
            let (least, most) =
                steps.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), s| (l.min(s), m.max(s)));
            let message = format!(
                "{} volumes are {least:.6} to {most:.6} s apart by {}: there is no single step of time",
                times.starts_s.len(),
                times.told_by.words(),
            );
            let starts = &times.starts_s[..times.starts_s.len().min(MOST)];
            let evidence =
                json!({"told_by": times.told_by, "volumes": times.starts_s.len(), "starts_s": starts});
            findings.push(self.finding(Severity::Warning, message, evidence).of_stack(i));
        }
        findings
    }
}
