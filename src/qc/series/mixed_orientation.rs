//! Images of different orientation in one series.

use serde_json::json;

use super::is_survey;
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::SplitReason;

/// Images of different orientation in one series.
#[derive(Debug, Clone, Copy)]
pub struct MixedOrientation;

impl Check for MixedOrientation {
    fn id(&self) -> &'static str {
        "mixed_orientation"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let stacks: Vec<_> = input
            .series
            .stacks
            .iter()
            .filter(|s| s.frames > 0 && s.split_by.contains(&SplitReason::Orientation))
            .collect();
        if stacks.len() < 2 {
            return Vec::new();
        }
        let mut distinct: Vec<[f64; 6]> =
            stacks.iter().filter_map(|s| s.orientation).map(<[f64; 6]>::from).collect();
        distinct.dedup();
        let severity = if stacks.iter().all(|s| is_survey(s)) || is_three_plane(&stacks) {
            Severity::Info
        } else {
            Severity::Warning
        };
        let message = format!("the series holds {} different orientations", distinct.len());
        vec![self.finding(severity, message, json!({"orientation": distinct}))]
    }
}

/// A few slices in each of several planes: a localizer that does not call itself one.
fn is_three_plane(stacks: &[&crate::series::Stack]) -> bool {
    let frames = stacks[0].frames;
    frames <= 5 && stacks.iter().all(|s| s.frames == frames)
}
