//! A finding of a series, with the frames that it names.

use std::collections::HashMap;

use serde_json::Value;

use super::catalog::severity;
use crate::catalog::NewFinding;
use crate::engine::query::{FindingView, StackView};

/// Findings as they are told. Evidence names slices as checks do: by the SOP Instance UID, of several frames in one
/// instance as `UID#n`, n from 1.
pub fn views(findings: &[NewFinding], stacks: &[StackView]) -> Vec<FindingView> {
    let frames = if findings.is_empty() { HashMap::new() } else { frames_by_name(stacks) };
    findings.iter().map(|finding| view(finding, &frames)).collect()
}

/// Stack and frame of each name; the name of an instance alone is its first frame.
fn frames_by_name(stacks: &[StackView]) -> HashMap<String, (u32, u32)> {
    let mut names = HashMap::new();
    for (stack, view) in stacks.iter().enumerate() {
        for (at, frame) in view.frames.iter().enumerate() {
            let place = (stack as u32, at as u32);
            names.entry(format!("{}#{}", frame.sop_uid, frame.frame + 1)).or_insert(place);
            names.entry(frame.sop_uid.clone()).or_insert(place);
        }
    }
    names
}

fn view(finding: &NewFinding, frames: &HashMap<String, (u32, u32)>) -> FindingView {
    let evidence: Value = serde_json::from_str(&finding.evidence).unwrap_or_default();
    let mut named = Vec::new();
    collect_named(&evidence, frames, &mut named);
    let stack = named.first().map_or(0, |(stack, _)| *stack);
    let mut slices = Vec::new();
    for (_, slice) in named.into_iter().filter(|(of, _)| *of == stack) {
        if !slices.contains(&slice) {
            slices.push(slice);
        }
    }
    FindingView {
        check: finding.check.clone(),
        severity: severity(finding.severity),
        message: finding.message.clone(),
        evidence,
        stack,
        slices,
    }
}

/// Every frame that a text in `evidence` names, in the order in which the texts stand.
fn collect_named(evidence: &Value, frames: &HashMap<String, (u32, u32)>, named: &mut Vec<(u32, u32)>) {
    match evidence {
        Value::String(text) => named.extend(frames.get(text)),
        Value::Array(all) => all.iter().for_each(|one| collect_named(one, frames, named)),
        Value::Object(all) => all.values().for_each(|one| collect_named(one, frames, named)),
        _ => {}
    }
}
