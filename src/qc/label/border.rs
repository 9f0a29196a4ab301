//! Structures that reach the end of the image.

use serde_json::json;

use super::{LabelCheck, LabelInput};
use crate::model::{Finding, Severity};

/// A structure touches the edge of the image: it goes on where nobody can see it, or was drawn by mistake.
#[derive(Debug, Clone, Copy)]
pub struct TouchesBorder;

impl LabelCheck for TouchesBorder {
    fn id(&self) -> &'static str {
        "label_border"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for set in input.structures {
            let touches = |axis: usize| {
                let high = set.low[axis] + set.size[axis] == input.shape[axis];
                input.shape[axis] > 1 && (set.low[axis] == 0 || high)
            };
            let name = input.name(set.number);
            let faces: Vec<&str> = [(0, "row ends"), (1, "column ends"), (2, "first or last slice")]
                .into_iter()
                .filter(|(axis, _)| touches(*axis))
                .map(|(_, what)| what)
                .collect();
            if faces.is_empty() {
                continue;
            }
            // A volume of an organ ends with the scan more often than beside it.
            let severity = if touches(0) || touches(1) { Severity::Warning } else { Severity::Info };
            let message = format!("{name} reaches the edge of the image: {}", faces.join(", "));
            findings.push(self.finding(severity, message, json!({"structure": name, "faces": faces})));
        }
        findings
    }
}
