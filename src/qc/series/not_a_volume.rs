//! Slices that cannot make a volume.

use serde_json::json;

use super::{is_sliced, is_survey};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::VolumeReason;

/// Images of a sliced modality without positions, or again and again at one position.
#[derive(Debug, Clone, Copy)]
pub struct NotAVolume;

impl Check for NotAVolume {
    fn id(&self) -> &'static str {
        "not_a_volume"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let series = input.series;
        let images: Vec<_> = series.stacks.iter().filter(|s| s.frames > 0).collect();
        let slices: usize = images.iter().map(|s| s.slices.len()).sum();
        if !is_sliced(series) || slices < 2 || images.iter().all(|s| is_survey(s)) {
            return Vec::new();
        }
        let placed: Vec<_> = images.iter().filter_map(|s| s.grid).collect();
        if placed.is_empty() {
            let message = format!("{slices} images without position, orientation or spacing");
            return vec![self.finding(Severity::Warning, message, json!({"images": slices}))];
        }
        let first = placed[0].origin_mm;
        let at_one = |g: &crate::model::geometry::Grid| {
            g.shape[2] == 1 && g.origin_mm.iter().zip(first).all(|(a, b)| (a - b).abs() < 0.01)
        };
        if placed.len() < images.len() || !placed.iter().all(at_one) {
            return Vec::new();
        }
        let in_time = images.iter().any(|s| {
            matches!(
                s.volumes_by,
                Some(VolumeReason::TemporalPosition | VolumeReason::Phase | VolumeReason::Diffusion)
            )
        });
        let severity = if in_time { Severity::Info } else { Severity::Warning };
        let message = format!("{slices} images at one position are no volume");
        vec![self.finding(severity, message, json!({"images": slices, "position_mm": first}))]
    }
}
