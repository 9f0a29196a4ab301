//! Sides that contradict one another.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeSet;

/// Images of one series name both sides.
#[derive(Debug, Clone, Copy)]
pub struct LateralityConflict;

impl Check for LateralityConflict {
    fn id(&self) -> &'static str {
        "laterality_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        if input.series.modality() == Some("MG") {
            return Vec::new();
        }
        let sides: BTreeSet<&str> = input
            .series
            .instances
            .iter()
            .filter_map(|i| i.header.common.laterality.as_deref())
            .filter(|side| matches!(*side, "L" | "R"))
            .collect();
        if sides.len() < 2 {
            return Vec::new();
        }
        vec![self.finding(
            Severity::Warning,
            "images of one series name both sides".into(),
            json!({"sides": sides}),
        )]
    }
}
