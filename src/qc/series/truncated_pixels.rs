//! Pixel data that is shorter than the header declares.

use serde_json::json;

use super::{MOST, count};
use crate::model::Header;
use crate::model::{Finding, Severity};
use crate::qc::{Check, Input};

/// The file ends early, or native pixel data has fewer bytes than rows × columns × frames need.
#[derive(Debug, Clone, Copy)]
pub struct TruncatedPixels;

impl Check for TruncatedPixels {
    fn id(&self) -> &'static str {
        "truncated_pixels"
    }

    fn run(&self, input: &Input<'_>) -> Vec<Finding> {
        let short: Vec<_> = input.series.instances.iter().filter(|i| is_short(&i.header)).collect();
        if short.is_empty() {
            return Vec::new();
        }
        let message = format!("{} with fewer pixels than declared", count(short.len(), "instance"));
        let listed: Vec<_> = short
            .iter()
            .take(MOST)
            .map(|i| json!({"sop_uid": i.header.sop_uid, "expected_bytes": expected_bytes(&i.header), "found_bytes": i.header.pixel_bytes}))
            .collect();
        vec![self.finding(Severity::Error, message, json!({"instances": short.len(), "short": listed}))]
    }
}

fn is_short(header: &Header) -> bool {
    header.truncated
        || expected_bytes(header).zip(header.pixel_bytes).is_some_and(|(expected, found)| found < expected)
}

/// Bytes of native pixel data; `None` where it is compressed or not described.
fn expected_bytes(header: &Header) -> Option<u64> {
    let common = &header.common;
    let is_native = matches!(
        &*common.transfer_syntax,
        "1.2.840.10008.1.2" | "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.2"
    );
    if !is_native || common.pixel.bits_allocated == 0 {
        return None;
    }
    // Half of the chroma samples are left out.
    let samples =
        if common.pixel.photometric.as_deref() == Some("YBR_FULL_422") { 2 } else { common.pixel.samples };
    let across = u64::from(common.mosaic.map_or(1, |m| m.across));
    let factors = [
        common.columns?.into(),
        header.frame_count.into(),
        samples.into(),
        across,
        across,
        common.pixel.bits_allocated.into(),
    ];
    let bits = factors
        .iter()
        .try_fold(u64::from(common.rows?), |product, factor: &u64| product.checked_mul(*factor))?;
    Some(bits.div_ceil(8))
}
