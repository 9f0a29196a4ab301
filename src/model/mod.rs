//! Words of the trade as types: tags, value representations, identifiers, safe text.

mod area;
mod event;
mod finding;
pub mod geometry;
mod header;
mod links;
mod mapping;
mod person;
pub mod pixels;
mod stack;
mod tag;
pub mod tags;
pub mod text;
mod vr;
pub mod words;

pub use area::{Area, Drawing, DrawnMask, Vetting};
pub use event::{ChangeKind, Event};
pub use finding::{Finding, Severity};
pub use header::{Common, Frame, Header, Interner, Mosaic, PixelFormat, SpacingSource};
pub use links::Links;
pub use mapping::VoxelMapping;
pub use person::{Person, PersonConflict};
pub use stack::{FrameRef, StackView};
pub use tag::Tag;
pub use vr::Vr;
