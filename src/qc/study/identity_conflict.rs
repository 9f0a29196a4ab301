//! One Patient ID, two people.

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};

/// Another study, or another instance of this one, has the same Patient ID and a name, birth date or sex that cannot be
/// the same person's.
#[derive(Debug, Clone, Copy)]
pub struct IdentityConflict;

impl StudyCheck for IdentityConflict {
    fn id(&self) -> &'static str {
        "identity_conflict"
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let contradicted = study.members.iter().enumerate().filter(|(_, m)| !m.contradictions.is_empty());
        contradicted
            .map(|(at, m)| {
                let mut what: Vec<&str> =
                    m.contradictions.iter().flat_map(|c| c.attributes.iter().map(|a| a.words())).collect();
                what.sort_unstable();
                what.dedup();
                let message = format!(
                    "the same Patient ID stands for people of different {}: join or part them (gantry subjects)",
                    what.join(" and ")
                );
                let studies: Vec<&String> = m.contradictions.iter().take(20).map(|c| &c.study_uid).collect();
                let evidence = json!({ "attributes": what, "study_uids": studies });
                (at, self.finding(Severity::Error, message, evidence))
            })
            .collect()
    }
}
