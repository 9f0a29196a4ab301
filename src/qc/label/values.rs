//! Numbers that mean nothing.

use serde_json::json;

use super::{LabelCheck, LabelInput};
use crate::model::{Finding, Severity};
use crate::qc::series::{MOST, count};

/// The label holds numbers that no name was given for.
#[derive(Debug, Clone, Copy)]
pub struct UnknownValue;

impl LabelCheck for UnknownValue {
    fn id(&self) -> &'static str {
        "unknown_value"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        if input.names.is_empty() {
            return Vec::new();
        }
        let unknown: Vec<_> =
            input.structures.iter().filter(|s| !input.names.contains_key(&s.number)).collect();
        let Some(first) = unknown.first() else { return Vec::new() };
        let message = format!(
            "{} that {} no name; the first is {} with {}",
            count(unknown.len(), "value"),
            if unknown.len() == 1 { "has" } else { "have" },
            first.number,
            count(first.voxels as usize, "voxel")
        );
        let values: Vec<_> =
            unknown.iter().take(MOST).map(|s| json!({"value": s.number, "voxels": s.voxels})).collect();
        vec![self.finding(Severity::Error, message, json!({"values": values}))]
    }
}
