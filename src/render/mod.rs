//! Slices and charts as RGB pixels: window, palette, overlays, orientation marks, contact sheets. Pure.

pub mod chart;
mod compose;
mod font;
pub mod heat;
mod marks;
mod overlay;
mod resample;
mod reslice;
mod sheet;
mod slice;
mod view;
mod window;

pub use compose::{Look, compose};
pub use font::{GLYPH_HEIGHT, GLYPH_WIDTH, draw_text, text_width};
pub use marks::{Edges, edges, scale_bar_mm};
pub use overlay::{LABEL_COLOURS, LabelMask, Labels};
pub use reslice::{Plane, is_reversed, reslice};
pub use sheet::{Sheet, contact_sheet};
pub use slice::{Pixels, Slice};
pub use view::{Mapping, Target, View};
pub use window::{Preset, PresetWindow, Shape, Window, presets};

/// An image of 8-bit red, green, blue, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rgb {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width` × `height` × 3 bytes.
    pub data: Vec<u8>,
}

impl Rgb {
    /// A black image.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, data: vec![0; width as usize * height as usize * 3] }
    }

    /// The pixel at `x`, `y`; black outside.
    pub fn get(&self, x: u32, y: u32) -> [u8; 3] {
        match self.index(x, y).and_then(|i| self.data.get(i..i + 3)) {
            Some(pixel) => [pixel[0], pixel[1], pixel[2]],
            None => [0; 3],
        }
    }

    /// Sets the pixel at `x`, `y`; nothing outside.
    pub fn set(&mut self, x: u32, y: u32, colour: [u8; 3]) {
        if let Some(i) = self.index(x, y) {
            self.data[i..i + 3].copy_from_slice(&colour);
        }
    }

    /// Fills the part of a rectangle that lies in the image.
    pub fn fill(&mut self, x: i64, y: i64, width: i64, height: i64, colour: [u8; 3]) {
        for row in y.max(0)..(y + height).min(i64::from(self.height)) {
            for column in x.max(0)..(x + width).min(i64::from(self.width)) {
                self.set(column as u32, row as u32, colour);
            }
        }
    }

    /// Copies `other` with its top left corner at `x`, `y`; what lies outside is cut.
    pub fn paste(&mut self, other: &Rgb, x: u32, y: u32) {
        let width = other.width.min(self.width.saturating_sub(x)) as usize * 3;
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let from = row as usize * other.width as usize * 3;
            let to = ((y + row) as usize * self.width as usize + x as usize) * 3;
            if let (Some(to), Some(from)) =
                (self.data.get_mut(to..to + width), other.data.get(from..from + width))
            {
                to.copy_from_slice(from);
            }
        }
    }

    /// The image as a PNG file.
    ///
    /// # Errors
    /// An image without pixels, or one that PNG cannot hold.
    pub fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.data)?;
        writer.finish()?;
        Ok(bytes)
    }

    fn index(&self, x: u32, y: u32) -> Option<usize> {
        (x < self.width && y < self.height).then(|| (y as usize * self.width as usize + x as usize) * 3)
    }
}
