//! A stack as it is stored and shown: frames on one grid, in display order.

use serde::{Deserialize, Serialize};

/// One stack of a series: frames on one grid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StackView {
    /// Number of slices along the normal.
    pub slices: u32,
    /// Volumes in time or diffusion weighting.
    pub volumes: u32,
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// Row, column and slice spacing.
    pub spacing_mm: Option<[f64; 3]>,
    /// Image Orientation (Patient).
    pub orientation: Option<[f64; 6]>,
    /// (column, row, slice, 1) to millimetres, RAS+.
    pub affine_ras: Option<[[f64; 4]; 4]>,
    /// The frames in display order: volume by volume, along the normal.
    pub frames: Vec<FrameRef>,
}

/// Where a frame is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRef {
    /// The content hash of the stored instance.
    pub blob: String,
    /// The SOP instance UID.
    pub sop_uid: String,
    /// The frame, from 0.
    pub frame: u32,
}
