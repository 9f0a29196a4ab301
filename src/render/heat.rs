//! A matrix of values as colours, and its rendering as an image; terminals without graphics fill cells from the same
//! data. The value stands in each cell, so that nothing depends on the colour.

use plotters::prelude::*;

use super::chart::Colour;
use super::font::draw_plain;
use super::{GLYPH_HEIGHT, Rgb, text_width};

/// One cell of a matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatCell {
    /// Where the value lies between the least (0) and the greatest (1); `None` where there is no value.
    pub share: Option<f64>,
    /// The value as it is read.
    pub text: String,
    /// A second, smaller line, such as how many it rests on.
    pub note: String,
    /// The value is worse than it has to be.
    pub poor: bool,
}

/// A matrix of cells, row by row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatMap {
    /// Cells in a row.
    pub columns: usize,
    /// The cells; `columns` for each row.
    pub cells: Vec<HeatCell>,
    /// The cell under the cursor: row, column.
    pub cursor: Option<(usize, usize)>,
}

/// Anchors of the scale from dark blue over grey to yellow: equally spaced in lightness, and the same for every kind of
/// colour vision (after Nuñez, Anderton and Renslow 2018, "cividis").
const SCALE: [Colour; 6] =
    [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];

/// The colour of a share of the scale, 0 … 1.
pub fn heat_colour(share: f64) -> Colour {
    let place = share.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let below = (place.floor() as usize).min(SCALE.len() - 2);
    let part = place - below as f64;
    std::array::from_fn(|c| {
        let (low, high) = (f64::from(SCALE[below][c]), f64::from(SCALE[below + 1][c]));
        (low + (high - low) * part).round() as u8
    })
}

/// Black or white, whichever is read on a colour.
pub fn ink_on([red, green, blue]: Colour) -> Colour {
    let luminance = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luminance > 140_000 { [0; 3] } else { [255; 3] }
}

impl HeatMap {
    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.cells.len().div_ceil(self.columns.max(1))
    }

    /// The cell at a row and column.
    pub fn cell(&self, row: usize, column: usize) -> Option<&HeatCell> {
        (column < self.columns).then(|| self.cells.get(row * self.columns + column)).flatten()
    }

    /// The matrix as an image that its cells share equally; `ground` lies where there is no value, `frame` around the
    /// cell under the cursor.
    pub fn image(&self, width: u32, height: u32, ground: Colour, frame: Colour) -> Rgb {
        let mut image = Rgb::new(width, height);
        image.fill(0, 0, i64::from(width), i64::from(height), ground);
        if self.cells.is_empty() || width < 4 || height < 4 || self.draw(&mut image, ground).is_none() {
            return image;
        }
        let (rows, columns) = (self.rows() as u32, self.columns as u32);
        for (index, cell) in self.cells.iter().enumerate() {
            let (row, column) = (index as u32 / columns, index as u32 % columns);
            let (left, right) = (width * column / columns, width * (column + 1) / columns);
            let (top, bottom) = (height * row / rows, height * (row + 1) / rows);
            write_cell(&mut image, cell, (left, top, right - left, bottom - top));
            if self.cursor == Some((row as usize, column as usize)) {
                outline(&mut image, (left, top, right - left, bottom - top), frame);
            }
        }
        image
    }

    fn draw(&self, image: &mut Rgb, ground: Colour) -> Option<()> {
        let size = (image.width, image.height);
        let root = BitMapBackend::with_buffer(&mut image.data, size).into_drawing_area();
        let (columns, rows) = (self.columns as i32, self.rows() as i32);
        // The y axis grows upwards: rows are counted from the foot.
        let mut chart = ChartBuilder::on(&root).build_cartesian_2d(0..columns, 0..rows).ok()?;
        let tiles = self.cells.iter().enumerate().map(|(index, cell)| {
            let (column, row) = (index as i32 % columns, rows - 1 - index as i32 / columns);
            let [r, g, b] = cell.share.map_or(ground, heat_colour);
            let mut tile = Rectangle::new([(column, row), (column + 1, row + 1)], RGBColor(r, g, b).filled());
            tile.set_margin(1, 1, 1, 1);
            tile
        });
        chart.draw_series(tiles).ok()?;
        drop(chart);
        root.present().ok()
    }
}

/// The left upper corner, width and height of a cell.
type Place = (u32, u32, u32, u32);

/// The value in the middle of its cell, as large as it fits, and what it rests on below; a triangle in the corner where
/// it is poor.
fn write_cell(image: &mut Rgb, cell: &HeatCell, (left, top, width, height): Place) {
    let ink = cell.share.map_or([160; 3], |share| ink_on(heat_colour(share)));
    let fits = |scale: &u32| {
        text_width(&cell.text, *scale) + 4 <= width && GLYPH_HEIGHT * scale + 4 <= height * 3 / 5
    };
    let Some(scale) = (1..=4).rev().find(fits) else { return };
    let noted = scale > 1 && text_width(&cell.note, 1) + 2 <= width && !cell.note.is_empty();
    let lines = GLYPH_HEIGHT * scale + if noted { GLYPH_HEIGHT + 4 } else { 0 };
    let y = top + height.saturating_sub(lines) / 2;
    let centre = |text: &str, scale: u32| left + width.saturating_sub(text_width(text, scale)) / 2;
    draw_plain(image, centre(&cell.text, scale), y, &cell.text, scale, ink);
    if noted {
        draw_plain(image, centre(&cell.note, 1), y + GLYPH_HEIGHT * scale + 4, &cell.note, 1, ink);
    }
    if cell.poor {
        let side = (height / 5).clamp(3, 12);
        for row in 0..side {
            let (x, wide) = (left + width - 3 - 2 * side + row, 2 * (side - row));
            image.fill(i64::from(x), i64::from(top + 3 + row), i64::from(wide), 1, ink);
        }
    }
}

fn outline(image: &mut Rgb, (left, top, width, height): Place, colour: Colour) {
    let (x, y, w, h, thick) = (i64::from(left), i64::from(top), i64::from(width), i64::from(height), 2);
    image.fill(x, y, w, thick, colour);
    image.fill(x, y + h - thick, w, thick, colour);
    image.fill(x, y, thick, h, colour);
    image.fill(x + w - thick, y, thick, h, colour);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(share: Option<f64>, text: &str) -> HeatCell {
        HeatCell { share, text: text.into(), note: String::new(), poor: false }
    }

    #[test]
    fn scale_rises_in_lightness_from_end_to_end() {
        let lightness = |share: f64| {
            let [r, g, b] = heat_colour(share).map(f64::from);
            0.299 * r + 0.587 * g + 0.114 * b
        };
        let steps: Vec<f64> = (0..=20).map(|at| lightness(f64::from(at) / 20.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[1] > pair[0] + 3.0), "{steps:?}");
        assert_eq!((heat_colour(-1.0), heat_colour(2.0)), (SCALE[0], SCALE[5]));
        assert_eq!((ink_on(SCALE[0]), ink_on(SCALE[5])), ([255; 3], [0; 3]));
    }

    #[test]
    fn image_has_each_cell_where_its_row_and_column_are() {
        let cells = vec![cell(Some(0.0), ""), cell(Some(1.0), ""), cell(None, ""), cell(Some(0.5), "")];
        let map = HeatMap { columns: 2, cells, cursor: Some((1, 1)) };
        let image = map.image(80, 40, [9; 3], [200, 0, 200]);
        assert_eq!(image.get(20, 10), heat_colour(0.0));
        assert_eq!(image.get(60, 10), heat_colour(1.0));
        assert_eq!(image.get(20, 30), [9; 3]);
        assert_eq!(image.get(60, 30), heat_colour(0.5));
        assert_eq!(image.get(41, 21), [200, 0, 200]);
        assert_eq!(map.rows(), 2);
        assert_eq!(HeatMap::default().image(8, 8, [9; 3], [0; 3]).get(4, 4), [9; 3]);
    }

    #[test]
    fn value_is_written_in_ink_that_is_read() {
        let map = HeatMap { columns: 1, cells: vec![cell(Some(1.0), "0.81")], cursor: None };
        let image = map.image(80, 40, [9; 3], [0; 3]);
        let dark = (0..80).flat_map(|x| (0..40).map(move |y| (x, y))).filter(|(x, y)| {
            let pixel = image.get(*x, *y);
            pixel == [0; 3] && *x > 5 && *y > 5 && *x < 75 && *y < 35
        });
        assert!(dark.count() > 60, "the digits are black on yellow");
    }
}
