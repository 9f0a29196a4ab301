//! Marks that stay though they are words: LAT, the projection. Single letters and pairs (L, R, PA, AP …) are no lines.

use super::blobs::Blob;
use super::line::Ground;

/// Part of a box of a glyph, as parts of its sides: left, top, right, bottom; and the part of it that is inked.
type Rule = ([f32; 4], std::ops::RangeInclusive<f32>);

const L: [Rule; 3] = [
    ([0.0, 0.0, 0.34, 1.0], 0.3..=1.0),
    ([0.5, 0.0, 1.0, 0.68], 0.0..=0.12),
    ([0.0, 0.88, 1.0, 1.0], 0.5..=1.0),
];
const A: [Rule; 5] = [
    ([0.0, 0.0, 0.22, 0.3], 0.0..=0.15),
    ([0.78, 0.0, 1.0, 0.3], 0.0..=0.15),
    ([0.4, 0.85, 0.6, 1.0], 0.0..=0.3),
    ([0.0, 0.75, 0.35, 1.0], 0.2..=1.0),
    ([0.65, 0.75, 1.0, 1.0], 0.2..=1.0),
];
const T: [Rule; 4] = [
    ([0.0, 0.0, 1.0, 0.1], 0.5..=1.0),
    ([0.0, 0.35, 0.26, 1.0], 0.0..=0.15),
    ([0.74, 0.35, 1.0, 1.0], 0.0..=0.15),
    ([0.32, 0.3, 0.68, 1.0], 0.25..=1.0),
];

/// The three letters where some of them touch: parts of the box around all, in the proportions of most faces.
const WORD: [Rule; 8] = [
    ([0.0, 0.0, 0.12, 1.0], 0.45..=1.0),
    ([0.18, 0.0, 0.36, 0.5], 0.0..=0.15),
    ([0.0, 0.82, 0.25, 1.0], 0.55..=1.0),
    ([0.43, 0.0, 0.55, 0.3], 0.3..=1.0),
    ([0.45, 0.86, 0.53, 1.0], 0.0..=0.4),
    ([0.7, 0.0, 1.0, 0.16], 0.55..=1.0),
    ([0.79, 0.3, 0.89, 1.0], 0.4..=1.0),
    ([0.93, 0.4, 1.0, 1.0], 0.0..=0.12),
];

/// Whether glyphs are the letters LAT and nothing else.
pub fn is_mark(glyphs: &[Blob], ground: &Ground<'_>) -> bool {
    match glyphs {
        [l, a, t] => {
            let heights = [l.height(), a.height(), t.height()];
            let (low, high) = (heights.iter().min().copied(), heights.iter().max().copied());
            let even = low.zip(high).is_some_and(|(low, high)| 6 * high <= 7 * low + 6);
            even && shaped(l, &L, ground) && shaped(a, &A, ground) && shaped(t, &T, ground)
        }
        [first, rest @ ..] if rest.len() < 2 => {
            let whole = rest.iter().fold(*first, |mut whole, b| {
                whole.join(b);
                whole
            });
            (18..34).contains(&(10 * whole.width() / whole.height().max(1))) && shaped(&whole, &WORD, ground)
        }
        _ => false,
    }
}

fn shaped(glyph: &Blob, rules: &[Rule], ground: &Ground<'_>) -> bool {
    rules.iter().all(|(part, inked)| inked.contains(&inked_part(glyph, *part, ground)))
}

/// Which part of a part of a glyph's box has at least half of its greatest contrast.
fn inked_part(glyph: &Blob, [left, top, right, bottom]: [f32; 4], ground: &Ground<'_>) -> f32 {
    let (w, h) = (glyph.width() as f32, glyph.height() as f32);
    let edge = |from: u32, side: f32, part: f32| from + (side * part).round() as u32;
    let (x0, y0) = (edge(glyph.left, w, left), edge(glyph.top, h, top));
    let (x1, y1) = (edge(glyph.left, w, right).max(x0 + 1), edge(glyph.top, h, bottom).max(y0 + 1));
    let mut inked = 0u32;
    for y in y0..y1 {
        inked += (x0..x1).filter(|&x| ground.at(x, y) >= glyph.peak / 2).count() as u32;
    }
    inked as f32 / ((x1 - x0) * (y1 - y0)) as f32
}
