//! Tools that need no workspace: no permission, no audit.

pub mod agree;
pub mod drift;
pub mod measure;
mod picture;

pub use picture::{PictureError, frame_count, picture, picture_of};
