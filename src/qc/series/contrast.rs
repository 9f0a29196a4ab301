//! A contrast agent in a series that is described as without.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// The header names a contrast agent, and the description says that none was given. Protocols often carry the agent
/// along, so a person has to say which is true.
#[derive(Debug, Clone, Copy)]
pub struct ContrastConflict;

impl Check for ContrastConflict {
    fn id(&self) -> &'static str {
        "contrast_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(about) = input.about else { return Vec::new() };
        let Some(phase) = about.harmonised.value("phase") else { return Vec::new() };
        let says_none = phase.text.as_deref() == Some("none") && phase.from.starts_with("words of");
        let agent = about.attributes.contrast_agent.as_deref().unwrap_or_default().to_ascii_lowercase();
        let given = !agent.is_empty() && !matches!(&*agent, "none" | "no" | "without");
        if !says_none || !given {
            return Vec::new();
        }
        let message = format!("a contrast agent is named, and the {} say that none was given", phase.from);
        vec![self.finding(Severity::Info, message, json!({"from": phase.from}))]
    }
}
