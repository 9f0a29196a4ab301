//! Tools that need no workspace: no permission, no audit.
mod picture;

pub use picture::{PictureError, frame_count, picture, picture_of};
