//! The same images under another identity.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Study, StudyCheck};
use crate::model::{Finding, Severity};

/// A series of another study has the same pixels: the same patient came from two sites or was sent twice, and would stand
/// in training and test data at once.
#[derive(Debug, Clone, Copy)]
pub struct DuplicatePixels;

impl StudyCheck for DuplicatePixels {
    fn id(&self) -> &'static str {
        "duplicate_pixels"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let mut findings = Vec::new();
        for (at, member) in study.images().filter(|(_, m)| !m.twins.is_empty()) {
            let subject = |s: &String| !member.subjects.contains(s);
            let subjects: BTreeSet<&String> =
                member.twins.iter().map(|t| &t.subject).filter(|s| subject(s)).collect();
            let sites: BTreeSet<&str> = member
                .twins
                .iter()
                .map(|t| &*t.site)
                .filter(|s| member.site.as_deref().is_some_and(|own| own != *s))
                .collect();
            let severity = if subjects.is_empty() { Severity::Warning } else { Severity::Error };
            let whose = match (subjects.len(), sites.len()) {
                (0, 0) => "of the same subject",
                (0, _) => "of the same subject from another site",
                (_, 0) => "of another subject",
                (_, _) => "of another subject from another site",
            };
            let message = format!("a series {whose} has the same pixels");
            let twins: Vec<_> = member.twins.iter().take(20).map(|t| &t.series_uid).collect();
            let evidence = json!({"series_uids": twins, "series": member.twins.len(), "other_subjects": subjects.len(),
                "other_sites": sites});
            findings.push((at, self.finding(severity, message, evidence)));
        }
        findings
    }
}
