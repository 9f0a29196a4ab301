//! CT values that are no Hounsfield units.

use serde_json::json;

use super::{is_survey, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input, Threshold};

/// No pixel of a CT stack comes near air, −1000 HU.
#[derive(Debug, Clone, Copy)]
pub struct CtAir;

impl Check for CtAir {
    fn id(&self) -> &'static str {
        "ct_air"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold { default: AIR_HU, about: "the darkest pixel in HU" })
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(pixels) = input.pixels else { return Vec::new() };
        let limit = input.threshold(self);
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let is_ct = matches!(
                stack.common.sop_class.as_deref(),
                Some("1.2.840.10008.5.1.4.1.1.2" | "1.2.840.10008.5.1.4.1.1.2.1")
            );
            if !is_ct || is_survey(stack) {
                continue;
            }
            let darkest = stack.slices.iter().filter_map(|s| {
                let frame = s.frame.saturating_sub(1);
                let stats = pixels.get(&s.instance)?.frames.get(frame as usize)?;
                let [slope, intercept] = input.series.header_of(s)?.frame(frame)?.rescale?;
                Some((stats.min * slope + intercept).min(stats.max * slope + intercept))
            });
            let darkest = darkest.fold(f64::INFINITY, f64::min);
            if darkest.is_finite() && darkest > limit {
                let message = format!("the darkest pixel has {darkest:.0} HU; air should be near −1000");
                findings.push(
                    self.finding(Severity::Warning, message, json!({"darkest_hu": darkest})).of_stack(i),
                );
            }
        }
        findings
    }
}

/// Even a field of view inside the body holds some gas or fat below this.
const AIR_HU: f64 = -50.0;
