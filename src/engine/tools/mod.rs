//! Tools that need no workspace: no permission, no audit.

pub mod agree;
pub mod checkout;
pub mod config;
pub mod convert;
pub mod deid;
pub mod drift;
pub mod gather;
pub mod label;
pub mod labels;
pub mod measure;
mod overlay;
mod picture;
pub mod qc;
pub mod qc_labels;
pub mod ratings;
pub mod restore;
pub mod rules;
pub mod scan;
pub mod series_table;
pub mod sheet;
pub mod vault;
mod view;

pub use crate::format::table::{bytes_of, instant};
pub use overlay::Laid;
pub use picture::{PictureError, frame_count, picture, picture_of, stored_frame};
pub use view::{ViewError, Viewed, view};
