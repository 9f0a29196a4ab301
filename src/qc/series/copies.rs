//! Instances that were found in several files.

use serde_json::json;

use super::{MOST, count};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use crate::series::{Duplicate, Series};

/// Instances were found in several files; each counts once.
#[derive(Debug, Clone, Copy)]
pub struct DuplicateInstance;

impl Check for DuplicateInstance {
    fn id(&self) -> &'static str {
        "duplicate_instance"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let found: Vec<_> = copies(input.series, |_| true);
        if found.is_empty() {
            return Vec::new();
        }
        let files: usize = found.iter().map(|(_, n)| n).sum();
        let unknown: usize = copies(input.series, |c| c.same_pixels.is_none()).iter().map(|(_, n)| n).sum();
        let undecoded = if unknown > 0 {
            format!("; pixels of {} can only be compared decoded", count(unknown, "file"))
        } else {
            String::new()
        };
        let message = format!(
            "{} found again in {}{undecoded}",
            count(found.len(), "instance"),
            count(files, "further file")
        );
        let listed: Vec<_> =
            found.iter().take(MOST).map(|(uid, n)| json!({"sop_uid": uid, "files": n + 1})).collect();
        vec![self.finding(
            Severity::Info,
            message,
            json!({"instances": found.len(), "files": files, "copies": listed}),
        )]
    }
}

/// Files of one SOP Instance UID differ in their pixels or headers.
#[derive(Debug, Clone, Copy)]
pub struct InstanceConflict;

impl Check for InstanceConflict {
    fn id(&self) -> &'static str {
        "instance_conflict"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let pixels = copies(input.series, |c| c.same_pixels == Some(false));
        let headers = copies(input.series, |c| !c.same_header && c.same_pixels != Some(false));
        let mut findings = Vec::new();
        let mut add = |found: Vec<(Option<&str>, usize)>, severity, what: &str, key: &str| {
            if !found.is_empty() {
                let message = format!("{} {what}", count(found.len(), "instance"));
                let uids: Vec<_> = found.iter().take(MOST).map(|(uid, _)| uid).collect();
                findings.push(self.finding(
                    severity,
                    message,
                    json!({"differ": key, "instances": found.len(), "sop_uids": uids}),
                ));
            }
        };
        add(pixels, Severity::Error, "found in files with different pixels", "pixels");
        add(headers, Severity::Warning, "found in files with different headers", "headers");
        findings
    }
}

/// Instances with copies of a kind, and how many such copies each has.
fn copies(series: &Series, kind: impl Fn(&Duplicate) -> bool) -> Vec<(Option<&str>, usize)> {
    let of = |i: &'_ crate::series::Instance| i.copies.iter().filter(|c| kind(c)).count();
    series.instances.iter().map(|i| (i.header.sop_uid.as_deref(), of(i))).filter(|(_, n)| *n > 0).collect()
}
