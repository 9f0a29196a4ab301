//! Tools that need no workspace: no permission, no audit.

pub mod gather;
pub mod scan;
