//! A structure cropped to its bounds, one bit a voxel, so that 64 voxels are looked at together.

use rayon::prelude::*;

use crate::measure::grid::{Grid, Label};
use crate::measure::overlap::Bounds;

/// A mask of nx × ny × nz voxels in rows of 64-bit words, with one empty voxel around it on every side.
#[derive(Debug, Clone)]
pub struct Bits {
    shape: [usize; 3],
    words: usize,
    rows: Vec<u64>,
}

impl Bits {
    /// The voxels of `label` within `bounds`.
    pub fn crop<L: Label>(grid: &Grid, labels: &[L], label: u32, bounds: &Bounds) -> Self {
        let [nx, ny, _] = grid.shape();
        let inner: [usize; 3] = std::array::from_fn(|k| bounds.high[k] - bounds.low[k]);
        let shape = inner.map(|n| n + 2);
        let words = shape[0].div_ceil(64);
        let mut rows = vec![0; words * shape[1] * shape[2]];
        rows.par_chunks_mut(words * shape[1]).enumerate().skip(1).take(inner[2]).for_each(|(z, slice)| {
            for y in 0..inner[1] {
                let start = bounds.low[0] + nx * (bounds.low[1] + y + ny * (bounds.low[2] + z - 1));
                let row = &labels[start..start + inner[0]];
                if L::any(row) {
                    pack(row, label, &mut slice[words * (y + 1)..words * (y + 2)]);
                }
            }
        });
        Self { shape, words, rows }
    }

    /// Voxels along x, y, z, the empty border included.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The words of row (y, z).
    pub fn row(&self, y: usize, z: usize) -> &[u64] {
        let start = self.words * (y + self.shape[1] * z);
        &self.rows[start..start + self.words]
    }
}

/// Sets bit x + 1 where `row[x]` is `label`.
fn pack<L: Label>(row: &[L], label: u32, words: &mut [u64]) {
    for (x, v) in row.iter().enumerate() {
        let at = x + 1;
        words[at / 64] |= u64::from(v.number() == label) << (at % 64);
    }
}
