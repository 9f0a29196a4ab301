//! Files of volumes and labels, one format a file; and tables.

pub mod columns;
pub mod csv;
pub mod label;
pub mod nifti;
pub mod nrrd;
pub mod ratings;
pub mod table;
pub mod whole;
