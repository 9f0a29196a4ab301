//! Words of the trade as types: tags, value representations, identifiers, safe text.

mod event;
mod stack;
mod tag;
pub mod tags;
pub mod text;
mod vr;

pub use event::{Event, What};
pub use stack::{FrameRef, StackView};
pub use tag::Tag;
pub use vr::Vr;
