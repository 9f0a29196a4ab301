//! Labels that lie on no series.

use serde_json::json;

use super::{LabelCheck, LabelInput, Place};
use crate::model::{Finding, Severity};
use crate::qc::series::mm;

/// The label's matrix, spacing, orientation or origin is that of no series, axes turned or flipped included: laid over
/// one it would be shifted.
#[derive(Debug, Clone, Copy)]
pub struct LabelGrid;

impl LabelCheck for LabelGrid {
    fn id(&self) -> &'static str {
        "label_grid"
    }

    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding> {
        let (message, evidence) = match input.place {
            Place::On { .. } => return Vec::new(),
            Place::Unreadable { why } => {
                (format!("it cannot be read as a labelmap: {why}"), json!({"reason": why}))
            }
            Place::Nowhere { nearest: None } => (
                "there is no series on a grid that it could belong to".to_string(),
                json!({"shape": input.shape}),
            ),
            Place::Nowhere { nearest: Some(near) } => (
                format!(
                    "its grid is that of no series; the nearest has {:?} voxels for {:?}, and corners up to {} mm away",
                    near.shape,
                    input.shape,
                    mm(near.corners_mm)
                ),
                json!({"shape": input.shape, "nearest": near.series_uid, "nearest_shape": near.shape,
                    "corners_mm": near.corners_mm}),
            ),
        };
        vec![self.finding(Severity::Error, message, evidence)]
    }
}
