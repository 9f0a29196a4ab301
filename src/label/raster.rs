//! Areas of closed contours as runs of pixels: even–odd, exact.
//!
//! A pixel is in where its centre is inside. Coordinates are taken to 2⁻²⁰ pixels once; from there on all is integer
//! arithmetic, so that no rounding decides a pixel. A centre on an edge belongs to the area right of it (or below it), so
//! that areas which share an edge share it out. Cuts that run there and back (keyholes) cancel.

use super::mask::Run;

/// The name under which provenance knows this rule.
pub const POLICY: &str = "even-odd, voxel centre, half-open edges, 2^-20 pixel";

/// Bits behind the point.
const BITS: u32 = 20;
/// Pixels beyond which a coordinate is cut: no image reaches so far, and sums of such numbers stay exact enough to say near
/// which pixel an edge crosses a row.
const FAR: f64 = (1_u64 << 32) as f64;
/// Crossings of rows from which on they are counted in a bitmap: sorting them would take more memory than the image.
const MOST_SORTED: u64 = 1 << 20;

type Fixed = [i64; 2];

/// The runs of an area on one slice; `row` counts from the slice's first.
pub fn fill(outlines: &[Vec<[f64; 2]>], columns: u32, rows: u32) -> Vec<Run> {
    let spans = edges(outlines).map(|(a, b)| {
        let (low, high) = (a[1].min(b[1]), a[1].max(b[1]));
        (ceil_pixel(high).min(rows.into()) - ceil_pixel(low).max(0)).max(0) as u64
    });
    if spans.sum::<u64>() > MOST_SORTED {
        return Parities::of(outlines, columns, rows).runs();
    }
    let mut crossings: Vec<(u32, u16)> = Vec::new();
    for (a, b) in edges(outlines) {
        edge(a, b, columns, rows, |row, column| crossings.push((row, column)));
    }
    crossings.sort_unstable();
    let pair = |pair: &[(u32, u16)]| Run { row: pair[0].0, from: pair[0].1, to: pair[1].1 };
    // A closed line crosses each row an even number of times.
    let runs = crossings.chunk_by(|a, b| a.0 == b.0).flat_map(|row| row.chunks_exact(2).map(pair));
    runs.filter(|run| !run.is_empty()).collect()
}

/// Every edge of closed outlines.
fn edges(outlines: &[Vec<[f64; 2]>]) -> impl Iterator<Item = (Fixed, Fixed)> + '_ {
    outlines.iter().flat_map(|outline| {
        let mut before = outline.last().map_or([0; 2], |p| p.map(fixed));
        outline.iter().map(move |p| {
            let point = p.map(fixed);
            (std::mem::replace(&mut before, point), point)
        })
    })
}

/// How often edges cross left of each pixel, modulo two: of outlines with more crossings than pixels.
struct Parities {
    columns: u32,
    /// Words of a row.
    width: usize,
    words: Vec<u64>,
}

impl Parities {
    fn of(outlines: &[Vec<[f64; 2]>], columns: u32, rows: u32) -> Self {
        let width = columns.div_ceil(64) as usize;
        let mut words = vec![0_u64; width * rows as usize];
        for (a, b) in edges(outlines) {
            edge(a, b, columns, rows, |row, column| {
                if u32::from(column) < columns {
                    words[row as usize * width + usize::from(column) / 64] ^= 1 << (column % 64);
                }
            });
        }
        Self { columns, width, words }
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for (row, words) in (0_u32..).zip(self.words.chunks_exact(self.width.max(1))) {
            let mut open: Option<u16> = None;
            for (k, word) in words.iter().enumerate() {
                let mut rest = *word;
                while rest != 0 {
                    let column = (k * 64) as u16 + rest.trailing_zeros() as u16;
                    match open.take() {
                        Some(from) => runs.push(Run { row, from, to: column }),
                        None => open = Some(column),
                    }
                    rest &= rest - 1;
                }
            }
            runs.extend(open.map(|from| Run { row, from, to: self.columns as u16 }));
        }
        runs
    }
}

fn fixed(value: f64) -> i64 {
    (value.clamp(-FAR, FAR) * f64::from(1_u32 << BITS)).round() as i64
}

/// Where an edge crosses the rows: the first column whose centre is not left of it.
fn edge(a: Fixed, b: Fixed, columns: u32, rows: u32, mut crosses: impl FnMut(u32, u16)) {
    if a[1] == b[1] {
        return;
    }
    let (low, high) = if a[1] < b[1] { (a, b) } else { (b, a) };
    let first = ceil_pixel(low[1]).max(0);
    let end = ceil_pixel(high[1]).min(i64::from(rows));
    let (dx, dy) = (i128::from(high[0] - low[0]), i128::from(high[1] - low[1]));
    let slope = (high[0] - low[0]) as f64 / (high[1] - low[1]) as f64;
    for row in first..end {
        let down = (row << BITS) - low[1];
        let about = (low[0] as f64 + down as f64 * slope) / f64::from(1_u32 << BITS);
        let column = if (about - about.round()).abs() > 1e-4 {
            about.ceil() as i64
        } else {
            let over = i128::from(low[0]) * dy + i128::from(down) * dx;
            ceil_div(over, dy << BITS) as i64
        };
        crosses(row as u32, column.clamp(0, i64::from(columns)) as u16);
    }
}

fn ceil_pixel(value: i64) -> i64 {
    (value + (1 << BITS) - 1) >> BITS
}

fn ceil_div(a: i128, b: i128) -> i128 {
    a.div_euclid(b) + i128::from(a.rem_euclid(b) != 0)
}

#[cfg(test)]
mod tests {
    use super::super::mask::Mask;
    use super::*;
    use std::collections::BTreeSet;

    fn pixels(runs: &[Run]) -> BTreeSet<(u16, u32)> {
        runs.iter().flat_map(|r| (r.from..r.to).map(|x| (x, r.row))).collect()
    }

    #[test]
    fn areas_that_share_an_edge_share_its_centres_out() {
        // The edge runs through the centres (3, 1), (4, 2), (5, 3).
        let left = vec![vec![[0.0, 0.0], [2.0, 0.0], [6.0, 4.0], [0.0, 4.0]]];
        let right = vec![vec![[2.0, 0.0], [8.0, 0.0], [8.0, 4.0], [6.0, 4.0]]];
        let (a, b) = (pixels(&fill(&left, 9, 9)), pixels(&fill(&right, 9, 9)));
        assert!(a.is_disjoint(&b));
        let whole = pixels(&fill(&[vec![[0.0, 0.0], [8.0, 0.0], [8.0, 4.0], [0.0, 4.0]]], 9, 9));
        assert_eq!(a.union(&b).copied().collect::<BTreeSet<_>>(), whole);
    }

    #[test]
    fn crossings_in_a_bitmap_and_crossings_in_order_are_the_same_area() {
        let zigzag: Vec<[f64; 2]> = (0..400_u32)
            .map(|k| [f64::from(k * 7919 % 1300) / 10.0 - 5.0, f64::from(k % 2 * 90) + f64::from(k) / 100.0])
            .collect();
        let outlines = [zigzag];
        let sorted = Mask::of_runs([120, 99, 1], fill(&outlines, 120, 99));
        let counted = Mask::of_runs([120, 99, 1], Parities::of(&outlines, 120, 99).runs());
        assert!(sorted.voxels() > 1000);
        assert_eq!(sorted, counted);
    }

    #[test]
    fn holes_and_keyholes_are_the_same_area() {
        let outer = [[0.5, 0.5], [9.5, 0.5], [9.5, 9.5], [0.5, 9.5]];
        let inner = [[3.5, 3.5], [6.5, 3.5], [6.5, 6.5], [3.5, 6.5]];
        let filled = |outlines: &[Vec<[f64; 2]>]| Mask::of_runs([20, 20, 1], fill(outlines, 20, 20));
        let two = filled(&[outer.to_vec(), inner.to_vec()]);
        let mut keyhole = outer.to_vec();
        keyhole.push(outer[0]);
        keyhole.extend([inner[0], inner[3], inner[2], inner[1], inner[0]]);
        assert_eq!(two, filled(&[keyhole]));
        assert_eq!(two.voxels(), 81 - 9);
    }
}
