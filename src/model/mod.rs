//! Words of the trade as types: tags, value representations, identifiers, safe text.

mod finding;
pub mod geometry;
mod header;
pub mod pixels;
mod tag;
pub mod tags;
pub mod text;
mod vr;

pub use finding::{Finding, Severity};
pub use header::{Common, Frame, Header, Interner, Mosaic, PixelFormat, SpacingSource};
pub use tag::Tag;
pub use vr::Vr;
