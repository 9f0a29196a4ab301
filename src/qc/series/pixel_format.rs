//! Pixel formats that change within a stack.

use serde_json::json;

use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};
use std::collections::BTreeSet;

/// Images of one stack differ in bits, sign or photometric interpretation.
#[derive(Debug, Clone, Copy)]
pub struct InconsistentPixelFormat;

impl Check for InconsistentPixelFormat {
    fn id(&self) -> &'static str {
        "inconsistent_pixel_format"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (i, stack) in input.series.stacks.iter().enumerate() {
            let formats: BTreeSet<_> = stack
                .slices
                .iter()
                .filter_map(|s| Some(&input.series.header_of(s)?.common.pixel))
                .map(|p| {
                    (
                        p.bits_allocated,
                        p.bits_stored,
                        p.signed,
                        p.photometric.as_deref() == Some("MONOCHROME1"),
                    )
                })
                .collect();
            if formats.len() > 1 {
                let message = format!("images of one stack have {} different pixel formats", formats.len());
                let listed: Vec<_> = formats.iter().take(20).map(|f| json!({"bits_allocated": f.0, "bits_stored": f.1, "signed": f.2, "inverted": f.3})).collect();
                findings
                    .push(self.finding(Severity::Warning, message, json!({"formats": listed})).of_stack(i));
            }
        }
        findings
    }
}
