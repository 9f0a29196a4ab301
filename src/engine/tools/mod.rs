//! Tools that need no workspace: no permission, no audit.

pub mod agree;
pub mod deid;
pub mod drift;
pub mod measure;
