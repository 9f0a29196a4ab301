//! Rescale slope and intercept.

use serde_json::json;

use super::{is_survey, on_grid};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

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
            let of = |s: &crate::series::Slice| {
                input.series.header_of(s)?.frame(s.frame.saturating_sub(1))?.rescale
            };
            let mut distinct: Vec<_> = stack.slices.iter().map(of).collect();
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
            let lacking = |s: &&crate::series::Slice| {
                let frame = input.series.header_of(s).and_then(|h| h.frame(s.frame.saturating_sub(1)));
                frame.is_some_and(|f| f.rescale.is_none())
            };
            let found = stack.slices.iter().filter(lacking).count();
            if is_ct_image && !is_survey(stack) && found > 0 {
                let message = format!("{found} CT images without rescale slope and intercept");
                findings.push(self.finding(Severity::Warning, message, json!({"images": found})).of_stack(i));
            }
        }
        findings
    }
}
