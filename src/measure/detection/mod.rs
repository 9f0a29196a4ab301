//! Were the right things found? Lesions, boxes, points, diameters.

pub mod axes;
pub mod boxes;
pub mod components;
pub mod lesions;
pub mod matching;
pub mod points;
