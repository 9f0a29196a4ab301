//! One person, two Patient IDs.

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};

/// Another subject of the same site has the same name and birth date.
#[derive(Debug, Clone, Copy)]
pub struct SubjectSplit;

impl StudyCheck for SubjectSplit {
    fn id(&self) -> &'static str {
        "subject_split"
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let split = study.members.iter().enumerate().filter(|(_, m)| !m.namesakes.is_empty());
        split
            .map(|(at, m)| {
                let others: Vec<&String> = m.namesakes.iter().take(20).collect();
                let message = format!(
                    "{} the same name and birth date under another Patient ID: join them, or say that they are different \
                     (gantry subjects)",
                    if m.namesakes.len() == 1 {
                        "another subject has".to_string()
                    } else {
                        format!("{} other subjects have", m.namesakes.len())
                    }
                );
                (at, self.finding(Severity::Warning, message, json!({ "subjects": others })))
            })
            .collect()
    }
}
