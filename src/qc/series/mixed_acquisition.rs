//! Volumes of slices that are different images.

use serde_json::json;

use super::on_grid;
use crate::model::{Finding, Frame, Severity};
use crate::qc::{Check, Input};
use crate::series::{Slice, Stack};

/// Slices of one volume differ in what makes an image: echo, image type, kernel, flip angle, tube voltage, contrast,
/// diffusion weighting.
#[derive(Debug, Clone, Copy)]
pub struct MixedAcquisition;

/// Numbers agree within this part of the larger.
const SAME: f64 = 1e-3;
/// Diffusion weightings agree within this, in s/mm²: scanners round them.
const SAME_B: f64 = 20.0;

impl Check for MixedAcquisition {
    fn id(&self) -> &'static str {
        "mixed_acquisition"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let mixed = mixed(input, stack);
            if mixed.is_empty() {
                continue;
            }
            let words: Vec<&str> = mixed.iter().map(|m| m.0).collect();
            let volumes: usize = mixed.iter().map(|m| m.1).max().unwrap_or(0);
            let message = format!(
                "slices of one volume differ in {} ({volumes} of {} volumes)",
                words.join(", "),
                stack.volumes.unwrap_or(1)
            );
            let listed: Vec<_> = mixed.iter().map(|(a, n)| json!({"attribute": a, "volumes": n})).collect();
            findings.push(self.finding(Severity::Error, message, json!({"differ": listed})).of_stack(i));
        }
        findings
    }
}

/// Whether two frames agree in one attribute.
type Agree = fn(&Frame, &Frame) -> bool;

const ATTRIBUTES: [(&str, Agree); 7] = [
    ("echo time", |a, b| near(a.echo_time_ms, b.echo_time_ms)),
    ("image type", |a, b| a.image_type == b.image_type),
    ("convolution kernel", |a, b| a.kernel == b.kernel),
    ("flip angle", |a, b| near(a.flip_degrees, b.flip_degrees)),
    ("tube voltage", |a, b| near(a.kvp, b.kvp)),
    ("contrast", |a, b| a.contrast == b.contrast),
    ("diffusion weighting", |a, b| match (a.b_value, b.b_value) {
        (Some(a), Some(b)) => (a - b).abs() <= SAME_B,
        (a, b) => a.is_none() == b.is_none(),
    }),
];

fn near(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= SAME * a.abs().max(b.abs()),
        (a, b) => a.is_none() == b.is_none(),
    }
}

/// Attributes in which slices of one volume differ, each with in how many volumes.
fn mixed(input: &Input<'_>, stack: &Stack) -> Vec<(&'static str, usize)> {
    let frame = |s: &Slice| input.series.header_of(s)?.frame(s.frame.saturating_sub(1));
    let depth = if stack.is_complete() { stack.depth().max(1) } else { stack.slices.len().max(1) };
    let differs = |(name, agree): &(&'static str, Agree)| {
        let volumes = stack.slices.chunks(depth).filter(|volume| {
            let mut frames = volume.iter().filter_map(frame);
            let Some(first) = frames.next() else { return false };
            frames.any(|f| !agree(first, f))
        });
        Some((*name, volumes.count())).filter(|(_, n)| *n > 0)
    };
    // Volumes that lack slices are told by another check, and where each ends is not known.
    if !stack.is_complete() && stack.volumes.unwrap_or(1) > 1 {
        return Vec::new();
    }
    ATTRIBUTES.iter().filter_map(differs).collect()
}
