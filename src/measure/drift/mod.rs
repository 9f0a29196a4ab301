//! Drift: what moved, since when, how sure.
//!
//! [`shift`] compares two samples, [`charts`] and [`stream`] watch a series one value at a time.

pub mod charts;
pub mod shift;
pub mod stream;
