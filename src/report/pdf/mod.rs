//! A document as a tagged PDF on A4 pages.

mod blocks;
mod fonts;
mod sheet;
mod surface;
mod table;
mod tags;
mod write;

use super::face::Faces;
use super::{Document, RenderError};
use sheet::Sheet;

/// A PDF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pdf {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many pages it has.
    pub pages: u32,
}

/// Renders a document as a PDF.
pub fn render(document: &Document) -> Result<Pdf, RenderError> {
    let faces = Faces::open()?;
    let mut sheet = Sheet::new(&faces);
    blocks::title(&mut sheet, document);
    for (index, section) in document.sections.iter().enumerate() {
        blocks::section(&mut sheet, section, document.sections.get(index + 1))?;
    }
    let pages = sheet.finish(&document.footer);
    let count = pages.len() as u32;
    Ok(Pdf { bytes: write::file(document, &sheet, pages, &faces)?, pages: count })
}
