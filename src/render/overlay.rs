//! Labels over a slice: a faint fill and a firm outline.

use super::{Mapping, Rgb};

/// Colours of labels 1 … 12 and on, safe for colour-blind eyes (Okabe and Ito, then lighter and darker steps).
pub const LABEL_COLOURS: [[u8; 3]; 12] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
    [255, 200, 120],
    [170, 220, 255],
    [120, 220, 190],
    [150, 110, 60],
    [230, 180, 210],
];

/// Label numbers of a slice, 0 for background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMask {
    /// Pixels in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// `rows` × `columns` label numbers.
    pub labels: Vec<u16>,
}

impl LabelMask {
    fn at(&self, column: f64, row: f64) -> u16 {
        let inside =
            column >= 0.0 && row >= 0.0 && column < f64::from(self.columns) && row < f64::from(self.rows);
        let index = row as usize * self.columns as usize + column as usize;
        if inside { self.labels.get(index).copied().unwrap_or(0) } else { 0 }
    }
}

/// A mask and how it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels<'a> {
    /// The label numbers.
    pub mask: &'a LabelMask,
    /// Opacity of the fill, 0 … 1; the outline is always opaque.
    pub fill: f32,
}

/// The colour of a label number (not 0).
fn colour(label: u16) -> [u8; 3] {
    LABEL_COLOURS[usize::from(label.saturating_sub(1)) % LABEL_COLOURS.len()]
}

/// Draws the labels over an image of the same mapping, each pixel by the label at its centre.
pub(super) fn draw(image: &mut Rgb, labels: &Labels<'_>, mapping: &Mapping) {
    let (width, height) = (image.width as usize, image.height as usize);
    let mut seen = vec![0_u16; width * height];
    for y in 0..height {
        for x in 0..width {
            let (column, row) = mapping.to_slice(x as f64 + 0.5, y as f64 + 0.5);
            seen[y * width + x] = labels.mask.at(column, row);
        }
    }
    let fill = labels.fill.clamp(0.0, 1.0);
    for y in 0..height {
        for x in 0..width {
            let label = seen[y * width + x];
            if label == 0 {
                continue;
            }
            let edge = x == 0
                || y == 0
                || x + 1 == width
                || y + 1 == height
                || seen[y * width + x - 1] != label
                || seen[y * width + x + 1] != label
                || seen[(y - 1) * width + x] != label
                || seen[(y + 1) * width + x] != label;
            let opacity = if edge { 1.0 } else { fill };
            let under = image.get(x as u32, y as u32);
            let over = colour(label);
            let mixed = std::array::from_fn(|c| {
                (f32::from(under[c]) * (1.0 - opacity) + f32::from(over[c]) * opacity).round() as u8
            });
            image.set(x as u32, y as u32, mixed);
        }
    }
}
