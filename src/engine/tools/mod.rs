//! Tools that need no workspace: no permission, no audit.

pub mod agree;
pub mod convert;
pub mod drift;
pub mod gather;
pub mod measure;
pub mod qc;
pub mod scan;
