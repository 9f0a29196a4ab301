//! Slices that show nothing.

use serde_json::json;

use super::{MOST, count, is_sliced};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Every pixel of a slice has one value.
#[derive(Debug, Clone, Copy)]
pub struct BlankSlices;

impl Check for BlankSlices {
    fn id(&self) -> &'static str {
        "blank_slices"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(pixels) = input.pixels else { return Vec::new() };
        if !is_sliced(input.series) {
            return Vec::new();
        }
        let mut blank = Vec::new();
        for (i, found) in pixels {
            let several = found.frames.len() > 1;
            for (frame, _) in (1..).zip(&found.frames).filter(|(_, f)| f.min == f.max) {
                let uid = input
                    .series
                    .instances
                    .get(*i as usize)
                    .and_then(|i| i.header.sop_uid.clone())
                    .unwrap_or_else(|| "".into());
                blank.push(crate::series::Slice {
                    uid,
                    frame: if several { frame } else { 0 },
                    instance: *i,
                });
            }
        }
        if blank.is_empty() {
            return Vec::new();
        }
        let message = format!("{} with one value everywhere", count(blank.len(), "slice"));
        let evidence = json!({"slices": blank.len(), "blank": &blank[..blank.len().min(MOST)]});
        vec![self.finding(Severity::Warning, message, evidence)]
    }
}
