//! The two cuts of the built-in font, and the widths of their characters.

use ttf_parser::{Face, GlyphId};

use super::RenderError;

/// The regular cut of the font.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../reports/fonts/SourceSans3-Regular.ttf");
/// The bolder cut of the font.
pub(crate) const BOLD: &[u8] = include_bytes!("../../reports/fonts/SourceSans3-Semibold.ttf");

/// What stands for a character that the font lacks.
pub(crate) const MISSING: char = '□';

/// A cut of the font.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// For running text.
    Regular,
    /// For headings and names.
    Bold,
}

/// One cut of the font, opened.
pub(crate) struct Cut {
    /// The font.
    pub(crate) face: Face<'static>,
    /// How many units make the font's size.
    units: f32,
    /// The widths of the ASCII characters, in units.
    ascii: [u16; 128],
}

impl Cut {
    fn open(bytes: &'static [u8], name: &'static str) -> Result<Self, RenderError> {
        let face = Face::parse(bytes, 0).map_err(|_| RenderError::Font(name))?;
        let mut cut = Self { units: f32::from(face.units_per_em()).max(1.0), face, ascii: [0; 128] };
        for code in 0..128_u8 {
            cut.ascii[usize::from(code)] = cut.advance(cut.glyph(char::from(code)).0);
        }
        Ok(cut)
    }

    /// The glyph of a character and the character it shows: its own, or the one for what is missing.
    pub(crate) fn glyph(&self, character: char) -> (GlyphId, char) {
        match self.face.glyph_index(character) {
            Some(glyph) if glyph.0 != 0 => (glyph, character),
            _ => (self.face.glyph_index(MISSING).unwrap_or_default(), MISSING),
        }
    }

    /// The width of a glyph, in units.
    pub(crate) fn advance(&self, glyph: GlyphId) -> u16 {
        self.face.glyph_hor_advance(glyph).unwrap_or(0)
    }

    /// A length in units, in thousandths of the font's size.
    pub(crate) fn thousandths(&self, units: f32) -> f32 {
        units * 1000.0 / self.units
    }

    fn units_of(&self, character: char) -> u16 {
        match self.ascii.get(character as usize) {
            Some(units) => *units,
            None => self.advance(self.glyph(character).0),
        }
    }
}

/// The font.
pub(crate) struct Faces {
    regular: Cut,
    bold: Cut,
}

impl Faces {
    /// Opens the built-in font.
    pub(crate) fn open() -> Result<Self, RenderError> {
        let regular = Cut::open(REGULAR, "SourceSans3-Regular")?;
        Ok(Self { regular, bold: Cut::open(BOLD, "SourceSans3-Semibold")? })
    }

    /// One of its cuts.
    pub(crate) const fn cut(&self, weight: Weight) -> &Cut {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// The width of a character at a size.
    pub(crate) fn advance(&self, character: char, weight: Weight, size: f32) -> f32 {
        let cut = self.cut(weight);
        f32::from(cut.units_of(character)) * size / cut.units
    }

    /// The width of a text at a size.
    pub(crate) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        text.chars().map(|character| self.advance(character, weight, size)).sum()
    }
}
