//! Drift: what moved, since when, how sure.
//!
//! [`shift`] compares two samples, [`charts`] and [`stream`] watch a series one value at a time, [`shewhart`] draws
//! limits for counts and individual values, [`changepoint`] dates changes afterwards, [`trend`] asks for a slope,
//! [`attribution`] says what the change comes from, [`multiple`] keeps many charts from crying wolf.

pub mod alarm;
pub mod attribution;
pub mod changepoint;
pub mod charts;
pub mod mixed;
pub mod multiple;
pub mod shewhart;
pub mod shift;
pub mod stream;
pub mod trend;
