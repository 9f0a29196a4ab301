//! Instance numbers that do not follow the positions.

use serde_json::json;

use super::{is_sliced, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Instance numbers neither rise nor fall with the position; slices are ordered by position all the same.
#[derive(Debug, Clone, Copy)]
pub struct InstanceOrder;

impl Check for InstanceOrder {
    fn id(&self) -> &'static str {
        "instance_order"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        if !is_sliced(input.series) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series) {
            if stack.volumes != Some(1) || stack.slices.len() < 3 || stack.slices.iter().any(|s| s.frame > 0)
            {
                continue;
            }
            let numbers: Vec<i32> =
                stack.slices.iter().filter_map(|s| input.series.header_of(s)?.instance_number).collect();
            let follows = numbers.is_sorted() || numbers.iter().rev().is_sorted();
            if numbers.len() < stack.slices.len() || follows {
                continue;
            }
            let message =
                "instance numbers do not follow the positions; slices are ordered by position".to_string();
            findings.push(
                self.finding(Severity::Info, message, json!({"numbers": &numbers[..numbers.len().min(20)]}))
                    .of_stack(i),
            );
        }
        findings
    }
}
