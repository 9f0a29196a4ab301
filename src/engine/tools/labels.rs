//! Label files without a workspace: what they hold, and from one format to another.

pub use crate::convert::contents::{Contents, Shown, ShownContours, show};
pub use crate::convert::labels::{ConvertError, Converted, Request, Target, convert};
pub use crate::format::label::{FormatId, LabelError};
pub use crate::label::place::Options;
