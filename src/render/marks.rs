//! Orientation letters and the scale bar, drawn into the image.

use super::{GLYPH_HEIGHT, Mapping, Rgb, Slice, Target, draw_text, text_width};

/// Letters at the four edges of an image: where each points in the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edges {
    /// At the left edge.
    pub left: String,
    /// At the right edge.
    pub right: String,
    /// At the upper edge.
    pub top: String,
    /// At the lower edge.
    pub bottom: String,
}

/// A share of a direction along an axis below this is not named: about 17 degrees.
const NAMED: f64 = 0.3;

/// The letters for an Image Orientation (Patient), PS3.3 C.7.6.1.1.1: L, P, H towards the patient's left, posterior,
/// head; R, A, F against them; the main direction first.
pub fn edges(orientation: &[f64; 6]) -> Edges {
    let [a, b, c, d, e, f] = *orientation;
    Edges {
        left: letters([-a, -b, -c]),
        right: letters([a, b, c]),
        top: letters([-d, -e, -f]),
        bottom: letters([d, e, f]),
    }
}

fn letters(direction: [f64; 3]) -> String {
    let names = [('L', 'R'), ('P', 'A'), ('H', 'F')];
    let mut parts: Vec<(f64, char)> = direction
        .iter()
        .zip(names)
        .filter(|(share, _)| share.abs() > NAMED)
        .map(|(share, (towards, against))| (share.abs(), if *share > 0.0 { towards } else { against }))
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    parts.into_iter().map(|(_, letter)| letter).collect()
}

/// The longest round length that takes at most a quarter of `width_mm`.
pub fn scale_bar_mm(width_mm: f64) -> Option<f64> {
    [200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1]
        .into_iter()
        .find(|length| *length <= width_mm / 4.0)
}

const INK: [u8; 3] = [255, 214, 102];

pub(super) fn draw(image: &mut Rgb, slice: &Slice, mapping: &Mapping, target: &Target) {
    // Too few pixels for a glyph to be read: half-blocks have their letters beside the picture.
    if target.aspect != 1.0 || image.width < 120 || image.height < 100 {
        return;
    }
    let scale = (image.height / 300).clamp(1, 3);
    if let Some(orientation) = &slice.orientation {
        draw_edges(image, &edges(orientation), scale);
    }
    if let Some([_, column_spacing]) = slice.spacing_mm {
        let mm_per_pixel = mapping.step_x * column_spacing;
        if let Some(length) = scale_bar_mm(mm_per_pixel * f64::from(image.width)) {
            draw_scale(image, length, length / mm_per_pixel, scale);
        }
    }
}

fn draw_edges(image: &mut Rgb, edges: &Edges, scale: u32) {
    let (width, height, glyph) = (image.width, image.height, GLYPH_HEIGHT * scale);
    let margin = 4 * scale;
    let middle = (height.saturating_sub(glyph)) / 2;
    let centre = |text: &str| (width.saturating_sub(text_width(text, scale))) / 2;
    let right = width.saturating_sub(margin + text_width(&edges.right, scale));
    draw_text(image, margin, middle, &edges.left, scale, INK);
    draw_text(image, right, middle, &edges.right, scale, INK);
    draw_text(image, centre(&edges.top), margin, &edges.top, scale, INK);
    draw_text(image, centre(&edges.bottom), height - margin - glyph, &edges.bottom, scale, INK);
}

fn draw_scale(image: &mut Rgb, length_mm: f64, length_px: f64, scale: u32) {
    let (margin, thick) = (i64::from(8 * scale), i64::from(scale));
    let bottom = i64::from(image.height) - margin;
    let length = length_px.round() as i64;
    let tick = i64::from(4 * scale);
    for (grow, colour) in [(1, [0; 3]), (0, INK)] {
        image.fill(margin - grow, bottom - grow, length + 2 * grow, thick + 2 * grow, colour);
        image.fill(margin - grow, bottom - tick - grow, thick + 2 * grow, tick + 2 * grow, colour);
        image.fill(
            margin + length - thick - grow,
            bottom - tick - grow,
            thick + 2 * grow,
            tick + 2 * grow,
            colour,
        );
    }
    let text = if length_mm >= 10.0 && length_mm % 10.0 == 0.0 {
        format!("{} CM", length_mm / 10.0)
    } else {
        format!("{length_mm} MM")
    };
    let (x, y) = (margin + length + i64::from(4 * scale), bottom - i64::from(GLYPH_HEIGHT * scale) + thick);
    draw_text(image, x.max(0) as u32, y.max(0) as u32, &text, scale, INK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_name_where_edges_point() {
        let axial = edges(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!((&*axial.left, &*axial.right, &*axial.top, &*axial.bottom), ("R", "L", "A", "P"));
        let coronal = edges(&[1.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!((&*coronal.top, &*coronal.bottom), ("H", "F"));
        let sagittal = edges(&[0.0, 1.0, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!((&*sagittal.left, &*sagittal.right), ("A", "P"));
        let oblique = edges(&[0.8, 0.6, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!((&*oblique.left, &*oblique.right), ("RA", "LP"));
    }

    #[test]
    fn scale_bar_is_round_and_short() {
        assert_eq!(scale_bar_mm(350.0), Some(50.0));
        assert_eq!(scale_bar_mm(0.2), None);
    }
}
