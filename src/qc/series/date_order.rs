//! Dates in an impossible order.

use serde_json::json;

use super::count;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// An acquisition before its study, or a birth after it.
#[derive(Debug, Clone, Copy)]
pub struct DateOrder;

impl Check for DateOrder {
    fn id(&self) -> &'static str {
        "date_order"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let every = || input.series.instances.iter().map(|i| &i.header.common);
        let mut findings = Vec::new();
        let born = every().filter(|c| c.born_after_study).count();
        if born > 0 {
            let message = format!("{} whose patient is born after the study", count(born, "instance"));
            findings.push(self.finding(
                Severity::Warning,
                message,
                json!({"order": "birth_after_study", "instances": born}),
            ));
        }
        let early = |c: &&std::sync::Arc<crate::model::Common>| {
            c.study_date.zip(c.acquisition_date).is_some_and(|(s, a)| a < s)
        };
        let early = every().filter(early).count();
        if early > 0 {
            let message = format!("{} acquired before the date of the study", count(early, "instance"));
            findings.push(self.finding(
                Severity::Info,
                message,
                json!({"order": "acquisition_before_study", "instances": early}),
            ));
        }
        findings
    }
}
