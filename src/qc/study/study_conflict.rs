//! Attributes that every series of a study must share.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Member, Study, StudyCheck};
use crate::model::{Finding, Severity};

/// Series of one study disagree on whose study it is, or when it was.
#[derive(Debug, Clone, Copy)]
pub struct StudyAttributeConflict;

impl StudyCheck for StudyAttributeConflict {
    fn id(&self) -> &'static str {
        "study_conflict"
    }

    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)> {
        let members = study.members;
        let of =
            |f: &dyn Fn(&Member) -> Vec<String>| members.iter().flat_map(f).collect::<BTreeSet<_>>().len();
        let ages = members.iter().filter_map(|m| m.age_years);
        let (youngest, oldest) = ages.fold((f64::MAX, f64::MIN), |(l, h), a| (l.min(a), h.max(a)));
        let conflicts = [
            ("subject", Severity::Error, of(&|m| m.subjects.iter().cloned().collect())),
            ("study_date", Severity::Warning, of(&|m| m.study_date.iter().map(u32::to_string).collect())),
            ("sex", Severity::Warning, of(&|m| m.sex.iter().cloned().collect())),
            ("age", Severity::Warning, if oldest - youngest > 1.0 { 2 } else { 1 }),
        ];
        let mut findings = Vec::new();
        for (attribute, severity, values) in conflicts {
            if values < 2 {
                continue;
            }
            for at in 0..members.len() {
                let message =
                    format!("the series of the study disagree on the {}", attribute.replace('_', " "));
                let evidence = json!({"attribute": attribute, "values": values, "series": members.len()});
                findings.push((at, self.finding(severity, message, evidence)));
            }
        }
        findings
    }
}
