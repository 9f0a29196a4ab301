//! Intensities that were cut off.

use serde_json::json;

use super::{MOST, count, is_sliced, is_survey};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input, Threshold};

/// A share of the pixels sits at the largest value that the format can hold.
#[derive(Debug, Clone, Copy)]
pub struct SaturatedIntensity;

impl Check for SaturatedIntensity {
    fn id(&self) -> &'static str {
        "saturated_intensity"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn threshold(&self) -> Option<Threshold> {
        Some(Threshold { default: SHARE, about: "share of the pixels of a frame, 0 to 1" })
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(pixels) = input.pixels else { return Vec::new() };
        let most = input.threshold(self);
        if !is_sliced(input.series) || input.series.stacks.iter().all(is_survey) {
            return Vec::new();
        }
        let cut: Vec<_> = pixels
            .iter()
            .filter_map(|(i, p)| {
                let header = &input.series.instances.get(*i as usize)?.header;
                let format = &header.common.pixel;
                let bits = i32::from(format.bits_stored) - i32::from(format.signed);
                let top = 2f64.powi(bits) - 1.0;
                let share = p
                    .frames
                    .iter()
                    .filter(|f| f.max >= top && f.min < f.max)
                    .map(|f| f.share_at_max)
                    .fold(0.0, f64::max);
                (format.samples == 1 && format.bits_stored > 8 && share > most)
                    .then_some((header.sop_uid.clone(), share))
            })
            .collect();
        if cut.is_empty() {
            return Vec::new();
        }
        let message = format!("{} with pixels cut off at the largest value", count(cut.len(), "instance"));
        let listed: Vec<_> =
            cut.iter().take(MOST).map(|(uid, share)| json!({"sop_uid": uid, "share": share})).collect();
        vec![self.finding(Severity::Warning, message, json!({"instances": cut.len(), "cut": listed}))]
    }
}

/// Metal and noise put a few pixels there; more than this is clipping.
const SHARE: f64 = 0.005;
