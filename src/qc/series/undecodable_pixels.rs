//! Pixel data that cannot be decoded.

use serde_json::json;

use super::{MOST, count};
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// Pixel data that its decoder refuses.
#[derive(Debug, Clone, Copy)]
pub struct UndecodablePixels;

impl Check for UndecodablePixels {
    fn id(&self) -> &'static str {
        "undecodable_pixels"
    }

    fn needs_pixels(&self) -> bool {
        true
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let Some(pixels) = input.pixels else { return Vec::new() };
        let broken: Vec<_> = pixels.iter().filter_map(|(i, p)| Some((i, p.error.as_deref()?))).collect();
        if broken.is_empty() {
            return Vec::new();
        }
        let message = format!("{} whose pixels cannot be decoded", count(broken.len(), "instance"));
        let uid = |i: &u32| input.series.instances.get(*i as usize).and_then(|i| i.header.sop_uid.clone());
        let listed: Vec<_> =
            broken.iter().take(MOST).map(|(i, why)| json!({"sop_uid": uid(i), "error": why})).collect();
        vec![self.finding(Severity::Error, message, json!({"instances": broken.len(), "broken": listed}))]
    }
}
