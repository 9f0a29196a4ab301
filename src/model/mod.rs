//! Words of the trade as types: tags, value representations, identifiers, safe text.

pub mod pixels;
mod tag;
pub mod tags;
pub mod text;
mod vr;

pub use tag::Tag;
pub use vr::Vr;
