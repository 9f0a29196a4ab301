//! Files of volumes and labels, one format a file; and tables.

pub mod columns;
pub mod nifti;
pub mod nrrd;
pub mod ratings;
pub mod seg;
pub mod table;
