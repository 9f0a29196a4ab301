//! Images of different matrix in one series.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::SplitReason;

/// Images of different matrix in one series.
#[derive(Debug, Clone, Copy)]
pub struct MixedMatrix;

impl Check for MixedMatrix {
    fn id(&self) -> &'static str {
        "mixed_matrix"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let stacks: Vec<_> = input
            .series
            .stacks
            .iter()
            .filter(|s| s.frames > 0 && s.split_by.contains(&SplitReason::Matrix))
            .collect();
        if stacks.len() < 2 {
            return Vec::new();
        }
        let mut distinct: Vec<_> =
            stacks.iter().map(|s| (s.common.rows, s.common.columns, s.common.pixel.samples)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let severity = Severity::Warning;
        let message = format!("the series holds {} different matrices", distinct.len());
        vec![self.finding(severity, message, json!({"matrix": distinct}))]
    }
}
