//! Datasets out: series in the forms that models are trained on, each with where it came from.

pub mod documents;
pub mod export;
pub mod names;
