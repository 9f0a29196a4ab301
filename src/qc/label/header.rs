//! Label files whose header contradicts itself.

use serde_json::json;

use super::{LabelCheck, LabelInput};
use crate::model::{Finding, Severity};

/// The file says of itself what cannot all be true: forms of its place that differ, spacings that are not those of its
/// affine, values that are nearly whole numbers, frames that nobody describes.
#[derive(Debug, Clone, Copy)]
pub struct LabelHeader;

impl LabelCheck for LabelHeader {
    fn id(&self) -> &'static str {
        "label_header"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let finding = |why: &String| self.finding(Severity::Warning, why.clone(), json!({"reason": why}));
        input.warnings.iter().map(finding).collect()
    }
}
