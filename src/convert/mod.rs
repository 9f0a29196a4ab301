//! Label files against images: what a file holds, and from one format to another.

pub mod contents;
pub mod images;
pub mod labels;
mod template;

pub use contents::{Contents, show};
pub use images::{Images, images};
pub use labels::{ConvertError, Converted, Request, Target, convert, write};
pub use template::Template;
