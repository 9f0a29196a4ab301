//! One answer from many readers, and each reader against it.

pub mod categorical;
pub mod masks;
pub mod scores;
pub mod simple;
pub mod staple;
