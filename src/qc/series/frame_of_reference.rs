//! Slices of one stack in different frames of reference.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeSet;

use super::on_grid;

/// Slices of one stack name different frames of reference, so that their positions cannot be compared.
#[derive(Debug, Clone, Copy)]
pub struct FrameOfReference;

impl Check for FrameOfReference {
    fn id(&self) -> &'static str {
        "frame_of_reference"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            let uids: BTreeSet<_> = stack
                .slices
                .iter()
                .filter_map(|s| input.series.header_of(s)?.common.frame_of_reference_uid.clone())
                .collect();
            if uids.len() > 1 {
                let message = format!("slices of one stack name {} frames of reference", uids.len());
                findings.push(
                    self.finding(Severity::Error, message, json!({"frames_of_reference": uids.len()}))
                        .of_stack(i),
                );
            }
        }
        findings
    }
}
