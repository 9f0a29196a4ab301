//! Outlines of the pixels of a slice: closed lines along pixel edges, which touch no pixel centre.
//!
//! Filled by [`raster`](super::raster) they give the same pixels again. Pixels that touch by a corner get lines of their
//! own; holes are lines inside others.

use super::mask::Run;

/// Steps along pixel edges, clockwise as the image is seen: the structure lies at the right hand.
const STEPS: [[i32; 2]; 4] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/// Pixels of a slice with a border of none around them.
struct Bitmap {
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    inside: Vec<bool>,
    traced: Vec<bool>,
}

impl Bitmap {
    /// Of the runs of one slice, whose first row is `first`.
    fn of(runs: &[Run], first: u32) -> Option<Self> {
        let top = runs.first()?.row.checked_sub(first)? as i32;
        let bottom = runs.last()?.row.checked_sub(first)? as i32;
        let left = i32::from(runs.iter().map(|r| r.from).min()?);
        let right = i32::from(runs.iter().map(|r| r.to).max()?);
        let (width, height) = (right - left, bottom - top + 1);
        let mut inside = vec![false; (width * height) as usize];
        for run in runs {
            let row = (run.row - first) as i32 - top;
            let at = |column: u16| (row * width + i32::from(column) - left) as usize;
            inside[at(run.from)..at(run.to)].fill(true);
        }
        Some(Self { left, top, width, height, traced: vec![false; inside.len()], inside })
    }

    fn at(&self, x: i32, y: i32) -> bool {
        (0..self.width).contains(&x)
            && (0..self.height).contains(&y)
            && self.inside[(y * self.width + x) as usize]
    }

    /// Follows the line that begins along the upper edge of a pixel.
    fn follow(&mut self, x: i32, y: i32) -> Vec<[f64; 2]> {
        let mut points = Vec::new();
        let (start, mut at, mut to) = ([x, y], [x, y], 0_usize);
        loop {
            if to == 0 {
                self.traced[(at[1] * self.width + at[0]) as usize] = true;
            }
            at = [at[0] + STEPS[to][0], at[1] + STEPS[to][1]];
            let next = self.turn(at, to);
            if next != to {
                points.push([f64::from(at[0] + self.left) - 0.5, f64::from(at[1] + self.top) - 0.5]);
            }
            to = next;
            if at == start && to == 0 {
                return points;
            }
        }
    }

    /// Which way the line goes on at a corner.
    fn turn(&self, [x, y]: [i32; 2], to: usize) -> usize {
        // The pixels ahead, left and right, of a corner (x, y): it is the upper left corner of pixel (x, y).
        let (left, right) = match to {
            0 => ([x, y - 1], [x, y]),
            1 => ([x, y], [x - 1, y]),
            2 => ([x - 1, y], [x - 1, y - 1]),
            _ => ([x - 1, y - 1], [x, y - 1]),
        };
        if !self.at(right[0], right[1]) {
            (to + 1) % 4
        } else if self.at(left[0], left[1]) {
            (to + 3) % 4
        } else {
            to
        }
    }
}

/// The outlines of the runs of one slice whose first row is `first`: coordinates of pixel centres, so that edges lie at
/// halves.
pub fn outlines(runs: &[Run], first: u32) -> Vec<Vec<[f64; 2]>> {
    let Some(mut bitmap) = Bitmap::of(runs, first) else { return Vec::new() };
    let mut lines = Vec::new();
    for y in 0..bitmap.height {
        for x in 0..bitmap.width {
            let edge = bitmap.at(x, y) && !bitmap.at(x, y - 1);
            if edge && !bitmap.traced[(y * bitmap.width + x) as usize] {
                lines.push(bitmap.follow(x, y));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::mask::Mask;
    use super::super::raster::fill;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ring_has_two_lines_and_a_corner_keeps_pixels_apart() {
        let ring = [(0, 0, 3), (1, 0, 1), (1, 2, 3), (2, 0, 3), (3, 3, 4)];
        let runs: Vec<Run> = ring.iter().map(|&(row, from, to)| Run { row, from, to }).collect();
        let lines = outlines(&runs, 0);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4]);
    }

    proptest! {
        #[test]
        fn what_is_traced_fills_to_the_same_pixels(bits in prop::collection::vec(any::<bool>(), 1..240), columns in 1_u32..20) {
            let runs: Vec<Run> = bits.iter().enumerate().filter(|(_, b)| **b).map(|(i, _)| {
                let (row, from) = (i as u32 / columns, (i as u32 % columns) as u16);
                Run { row, from, to: from + 1 }
            }).collect();
            let rows = (bits.len() as u32).div_ceil(columns);
            let mask = Mask::of_runs([columns, rows, 1], runs);
            let again = Mask::of_runs([columns, rows, 1], fill(&outlines(mask.runs(), 0), columns, rows));
            prop_assert_eq!(mask, again);
        }
    }
}
