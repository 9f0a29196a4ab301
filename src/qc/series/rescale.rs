//! Rescale slope and intercept.

use serde_json::json;

use super::{count, is_survey, on_grid};
use crate::model::{Finding, Frame, Severity};
use crate::qc::{Check, Input};
use crate::series::Slice;

/// Slices of one CT stack have different rescale slopes or intercepts.
#[derive(Debug, Clone, Copy)]
pub struct InconsistentRescale;

impl Check for InconsistentRescale {
    fn id(&self) -> &'static str {
        "inconsistent_rescale"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in on_grid(input.series).filter(|(_, s)| s.common.modality.as_deref() == Some("CT")) {
            // Images without one are told by another check.
            let mut distinct: Vec<_> = stack.slices.iter().filter_map(|s| frame(input, s)?.rescale).collect();
            distinct.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
            distinct.dedup();
            if distinct.len() > 1 {
                let message = format!("slices of one stack have {} different rescales", distinct.len());
                findings.push(
                    self.finding(
                        Severity::Warning,
                        message,
                        json!({"rescales": &distinct[..distinct.len().min(20)]}),
                    )
                    .of_stack(i),
                );
            }
        }
        findings
    }
}

/// Some images of a stack have a rescale and others have none: their values do not mean the same.
#[derive(Debug, Clone, Copy)]
pub struct PartialRescale;

impl Check for PartialRescale {
    fn id(&self) -> &'static str {
        "partial_rescale"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in input.series.stacks.iter().enumerate() {
            let lacking = stack.slices.iter().filter(|s| is_bare(input, s)).count();
            if lacking == 0 || lacking == stack.slices.len() {
                continue;
            }
            let message = format!(
                "{} of {} images of one stack have no rescale slope and intercept, the others have",
                lacking,
                stack.slices.len()
            );
            let evidence = json!({"without": lacking, "images": stack.slices.len()});
            findings.push(self.finding(Severity::Error, message, evidence).of_stack(i));
        }
        findings
    }
}

/// A rescale slope of zero: every pixel means the intercept.
#[derive(Debug, Clone, Copy)]
pub struct ZeroSlope;

impl Check for ZeroSlope {
    fn id(&self) -> &'static str {
        "zero_slope"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in input.series.stacks.iter().enumerate() {
            let is_zero = |s: &&Slice| frame(input, s).and_then(|f| f.rescale).is_some_and(|r| r[0] == 0.0);
            let found = stack.slices.iter().filter(is_zero).count();
            if found > 0 {
                let message =
                    format!("{} with a rescale slope of 0: their values are lost", count(found, "image"));
                let evidence = json!({"images": found, "of": stack.slices.len()});
                findings.push(self.finding(Severity::Error, message, evidence).of_stack(i));
            }
        }
        findings
    }
}

/// What is known of a slice.
fn frame<'f>(input: &Input<'f>, slice: &Slice) -> Option<&'f Frame> {
    input.series.header_of(slice)?.frame(slice.frame.saturating_sub(1))
}

/// Whether a slice is known and has no rescale.
fn is_bare(input: &Input<'_>, slice: &Slice) -> bool {
    frame(input, slice).is_some_and(|f| f.rescale.is_none())
}

/// CT images without rescale slope and intercept: stored values are no Hounsfield units.
#[derive(Debug, Clone, Copy)]
pub struct MissingRescale;

impl Check for MissingRescale {
    fn id(&self) -> &'static str {
        "missing_rescale"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in input.series.stacks.iter().enumerate() {
            let is_ct_image = matches!(
                stack.common.sop_class.as_deref(),
                Some("1.2.840.10008.5.1.4.1.1.2" | "1.2.840.10008.5.1.4.1.1.2.1")
            );
            let found = stack.slices.iter().filter(|s| is_bare(input, s)).count();
            if is_ct_image && !is_survey(stack) && found > 0 {
                let message = format!("{found} CT images without rescale slope and intercept");
                findings.push(self.finding(Severity::Warning, message, json!({"images": found})).of_stack(i));
            }
        }
        findings
    }
}
