//! Series that are in a study twice.

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};

/// Another series of the study has the same pixels.
#[derive(Debug, Clone, Copy)]
pub struct DoubledSeries;

impl StudyCheck for DoubledSeries {
    fn id(&self) -> &'static str {
        "doubled_series"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let fingerprint = |at: usize| study.members[at].stats.as_ref()?.fingerprint.as_deref();
        let mut findings = Vec::new();
        for (at, _) in study.images() {
            let Some(own) = fingerprint(at) else { continue };
            let others: Vec<&str> = study
                .images()
                .filter(|(other, _)| *other != at && fingerprint(*other) == Some(own))
                .map(|(_, m)| &*m.series_uid)
                .collect();
            if !others.is_empty() {
                let message = "another series of the study has the same pixels".to_string();
                findings.push((at, self.finding(Severity::Warning, message, json!({"series_uids": others}))));
            }
        }
        findings
    }
}
