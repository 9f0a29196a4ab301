//! The measuring core: agreement, overlap, surface, detection, consensus, drift, sampling, time-to-event.
//!
//! Pure functions over slices. Each one's documentation cites its source and states its convention and edge cases;
//! what can be undefined says so with a [`estimate::Reason`], never with a number.

// Matrices are read by row and column.
#![allow(clippy::needless_range_loop)]

pub mod active;
pub mod agreement;
pub mod behaviour;
pub mod consensus;
pub mod contour;
pub mod detection;
pub mod drift;
pub mod estimate;
pub mod exact;
pub mod grid;
pub mod linear;
pub mod outliers;
pub mod overlap;
pub mod process;
pub mod reads;
pub mod sampling;
pub mod special;
pub mod stats;
pub mod surface;
