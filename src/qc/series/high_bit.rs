//! High Bit that contradicts Bits Stored.

use serde_json::json;

use super::count;
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// High Bit is not Bits Stored − 1 (PS3.5 section 8.1.1): where in a word a value stands is not certain.
#[derive(Debug, Clone, Copy)]
pub struct HighBit;

impl Check for HighBit {
    fn id(&self) -> &'static str {
        "high_bit"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let wrong = input.series.instances.iter().filter(|i| i.header.is_image()).filter_map(|i| {
            let pixel = &i.header.common.pixel;
            let high = pixel.high_bit?;
            (high + 1 != pixel.bits_stored).then_some((high, pixel.bits_stored))
        });
        let mut wrong: Vec<(u16, u16)> = wrong.collect();
        let Some(&(high, stored)) = wrong.first() else { return Vec::new() };
        let instances = wrong.len();
        wrong.sort_unstable();
        wrong.dedup();
        let message = format!(
            "{} with High Bit {high} and Bits Stored {stored}: High Bit should be Bits Stored − 1, and values may be read wrong",
            count(instances, "instance")
        );
        let listed: Vec<_> =
            wrong.iter().take(20).map(|(h, s)| json!({"high_bit": h, "bits_stored": s})).collect();
        vec![self.finding(Severity::Warning, message, json!({"instances": instances, "formats": listed}))]
    }
}
