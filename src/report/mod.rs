//! Reports: a plain [`Document`] as one self-contained HTML page or as a PDF.
//!
//! Rendering is pure: it reads no file, no clock and no setting, and the same document gives the same bytes. Every
//! text of a document is taken as hostile: it is escaped, and characters that hide or reorder text are shown by name.

mod chart;
mod face;
pub mod html;
mod model;
pub mod pdf;
mod text;
mod wrap;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use model::{
    Align, Block, Chart, Column, Document, Fact, Figure, Interval, Level, Limit, Note, NoteKind, Point,
    Section, Series, Table, Trace, XAxis,
};

/// Why a document could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A font that comes with the program could not be read.
    #[error("cannot read the built-in font {0}")]
    Font(&'static str),
    /// A chart could not be drawn.
    #[error("cannot draw a chart: {0}")]
    Chart(String),
    /// The page template could not be filled in.
    #[error("cannot fill in the report template: {0}")]
    Template(#[from] minijinja::Error),
    /// The fonts could not be cut down to the characters in use.
    #[error("cannot embed a font: {0}")]
    Subset(String),
}
