//! Images of different pixel spacing in one series.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::SplitReason;

/// Images of different pixel spacing in one series.
#[derive(Debug, Clone, Copy)]
pub struct MixedSpacing;

impl Check for MixedSpacing {
    fn id(&self) -> &'static str {
        "mixed_spacing"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let stacks: Vec<_> = input
            .series
            .stacks
            .iter()
            .filter(|s| s.frames > 0 && s.split_by.contains(&SplitReason::PixelSpacing))
            .collect();
        if stacks.len() < 2 {
            return Vec::new();
        }
        let mut distinct: Vec<_> = stacks.iter().map(|s| s.spacing_mm).collect();
        distinct.dedup();
        let severity = Severity::Warning;
        let message = format!("the series holds {} different pixel spacings", distinct.len());
        vec![self.finding(severity, message, json!({"spacing": distinct}))]
    }
}
