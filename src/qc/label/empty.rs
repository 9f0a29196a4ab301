//! Labels without a voxel.

use serde_json::json;

use super::{LabelCheck, LabelInput, Place};
use crate::model::{Finding, Severity};
use crate::qc::series::count;

/// Nothing is labelled, or a structure that has a name is not.
#[derive(Debug, Clone, Copy)]
pub struct EmptyLabel;

impl LabelCheck for EmptyLabel {
    fn id(&self) -> &'static str {
        "empty_label"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        if matches!(input.place, Place::Unreadable { .. }) {
            return Vec::new();
        }
        if input.structures.is_empty() {
            let message =
                "no voxel is labelled; whether somebody looked and found nothing has to be said elsewhere";
            return vec![self.finding(Severity::Warning, message.into(), json!({"structures": 0}))];
        }
        let has = |number: &u32| input.structures.iter().any(|s| s.number == *number);
        let absent: Vec<&String> =
            input.names.iter().filter(|(n, _)| !has(n)).map(|(_, name)| name).collect();
        if absent.is_empty() {
            return Vec::new();
        }
        let message = format!("{} without a voxel", count(absent.len(), "named structure"));
        vec![self.finding(Severity::Info, message, json!({"absent": absent}))]
    }
}
