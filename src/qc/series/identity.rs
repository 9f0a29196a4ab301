//! Identifiers that are missing or contradict one another.

use serde_json::json;

use super::count;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeSet;

/// Instances of one series claim different studies.
#[derive(Debug, Clone, Copy)]
pub struct StudyConflict;

impl Check for StudyConflict {
    fn id(&self) -> &'static str {
        "study_uid_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let uids = &input.series.study_uids;
        if uids.len() < 2 {
            return Vec::new();
        }
        let message = format!("instances of the series belong to {} studies", uids.len());
        vec![self.finding(Severity::Error, message, json!({"study_uids": uids}))]
    }
}

/// Instances of one series name different patients.
#[derive(Debug, Clone, Copy)]
pub struct SubjectConflict;

impl Check for SubjectConflict {
    fn id(&self) -> &'static str {
        "subject_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let subjects: BTreeSet<_> =
            input.series.instances.iter().filter_map(|i| i.header.common.subject_digest).collect();
        if subjects.len() < 2 {
            return Vec::new();
        }
        let message = format!("instances of the series name {} patients", subjects.len());
        vec![self.finding(Severity::Error, message, json!({"patients": subjects.len()}))]
    }
}

/// Instances without SOP or Series Instance UID.
#[derive(Debug, Clone, Copy)]
pub struct MissingUid;

impl Check for MissingUid {
    fn id(&self) -> &'static str {
        "missing_uid"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let instances = input.series.instances.len();
        let nameless = input.series.instances.iter().filter(|i| i.header.sop_uid.is_none()).count();
        let mut findings = Vec::new();
        if input.series.series_uid.is_none() {
            let message = format!("{} without a Series Instance UID", count(instances, "instance"));
            findings.push(self.finding(Severity::Error, message, json!({"series_uid": instances})));
        }
        if nameless > 0 {
            let message = format!("{} without a SOP Instance UID", count(nameless, "instance"));
            findings.push(self.finding(Severity::Error, message, json!({"sop_uid": nameless})));
        }
        findings
    }
}
