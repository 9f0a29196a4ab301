//! Many slices on one image.

use super::{Look, Rgb, Slice, Target, compose, draw_text};

/// How a contact sheet is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// Pictures at most; of more slices an even selection is shown.
    pub tiles: u32,
    /// Pictures in a row; 0 chooses the squarest.
    pub across: u32,
    /// Longer side of a picture in pixels.
    pub tile_px: u32,
}

impl Default for Sheet {
    fn default() -> Self {
        Self { tiles: 64, across: 0, tile_px: 256 }
    }
}

impl Sheet {
    /// Which of `slices` slices are shown: an even selection with the first and the last.
    pub fn selection(&self, slices: usize) -> Vec<usize> {
        let shown = slices.min(self.tiles.max(1) as usize);
        if shown <= 1 {
            return (0..shown).collect();
        }
        (0..shown).map(|i| i * (slices - 1) / (shown - 1)).collect()
    }
}

/// Draws slices (each with the number to print on it) side by side; `None` for none. `look` chooses each slice's.
pub fn contact_sheet<'a>(
    slices: &[(u32, &'a Slice)],
    sheet: &Sheet,
    look: impl Fn(&'a Slice) -> Look<'a>,
) -> Option<Rgb> {
    let first = slices.first()?.1;
    let count = slices.len() as u32;
    let across =
        if sheet.across == 0 { f64::from(count).sqrt().ceil() as u32 } else { sheet.across }.clamp(1, count);
    let (width, height) =
        (f64::from(first.columns.max(1)), f64::from(first.rows.max(1)) * first.aspect.max(1e-3));
    let shrink = f64::from(sheet.tile_px.clamp(16, 4096)) / width.max(height);
    let tile = |side: f64| (side * shrink).round().max(1.0) as u32;
    let (tile_width, tile_height) = (tile(width), tile(height));
    let gap = 2;
    let mut image =
        Rgb::new(across * (tile_width + gap) - gap, count.div_ceil(across) * (tile_height + gap) - gap);
    let target = Target { width: tile_width, height: tile_height, aspect: 1.0 };
    for (index, (number, slice)) in slices.iter().enumerate() {
        let mut picture = compose(slice, &look(slice), &target);
        draw_text(&mut picture, 3, 3, &number.to_string(), 1, [255, 214, 102]);
        let (column, row) = (index as u32 % across, index as u32 / across);
        image.paste(&picture, column * (tile_width + gap), row * (tile_height + gap));
    }
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selection_is_even_and_holds_both_ends() {
        let sheet = Sheet { tiles: 4, ..Sheet::default() };
        assert_eq!(sheet.selection(10), [0, 3, 6, 9]);
        assert_eq!(sheet.selection(3), [0, 1, 2]);
        assert_eq!(sheet.selection(0), Vec::<usize>::new());
    }
}
