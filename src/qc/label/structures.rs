//! A labelmap cut into structures, each in the box that holds it.

use std::collections::BTreeMap;

use crate::label::Mask;
use crate::measure::grid::{Label, Labels};

/// One structure of a labelmap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliceSet {
    /// Its number.
    pub number: u32,
    /// The first voxel of its box.
    pub low: [usize; 3],
    /// Voxels of its box along (i, j, k).
    pub size: [usize; 3],
    /// Which voxels of the box belong to it, i fastest.
    pub mask: Vec<u8>,
    /// How many belong to it.
    pub voxels: u64,
    /// Sums of the indices of its voxels, for the centre.
    sums: [u64; 3],
}

impl SliceSet {
    /// The mean index of its voxels.
    pub fn centre(&self) -> [f64; 3] {
        self.sums.map(|s| s as f64 / self.voxels.max(1) as f64)
    }

    /// The voxels of slice `k` of its box.
    pub fn slice(&self, k: usize) -> &[u8] {
        let plane = self.size[0] * self.size[1];
        &self.mask[k * plane..(k + 1) * plane]
    }

    /// Whether slice `k` of its box has any voxel.
    pub fn has(&self, k: usize) -> bool {
        self.slice(k).iter().any(|v| *v > 0)
    }
}

impl SliceSet {
    /// A structure of its mask; `None` where it has no voxel.
    pub fn of_mask(number: u32, mask: &Mask) -> Option<Self> {
        let [low, high] = mask.bounds()?;
        let rows = mask.shape()[1].max(1);
        let mut sums = [0; 3];
        for run in mask.runs() {
            let n = run.len();
            sums[0] += (2 * u64::from(run.from) + n - 1) * n / 2;
            sums[1] += u64::from(run.row % rows) * n;
            sums[2] += u64::from(run.row / rows) * n;
        }
        Some(Self {
            number,
            low: low.map(|v| v as usize),
            size: std::array::from_fn(|k| (high[k] - low[k]) as usize),
            mask: mask.cropped([low, high]),
            voxels: mask.voxels(),
            sums,
        })
    }
}

/// The structures of a labelmap, by number; 0 is background.
pub fn structures(shape: [usize; 3], labels: &Labels) -> Vec<SliceSet> {
    match labels {
        Labels::U8(v) => cut(shape, v),
        Labels::U16(v) => cut(shape, v),
        Labels::U32(v) => cut(shape, v),
    }
}

fn cut<L: Label>(shape: [usize; 3], labels: &[L]) -> Vec<SliceSet> {
    let [nx, ny, _] = shape;
    let mut boxes: BTreeMap<u32, ([usize; 3], [usize; 3])> = BTreeMap::new();
    let rows = || labels.chunks(nx).enumerate().filter(|(_, row)| L::any(row));
    for (r, row) in rows() {
        for (x, number) in row.iter().map(|v| v.number()).enumerate().filter(|(_, n)| *n > 0) {
            let at = [x, r % ny, r / ny];
            let (low, high) = boxes.entry(number).or_insert((at, at));
            for axis in 0..3 {
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis]);
            }
        }
    }
    let mut sets: BTreeMap<u32, SliceSet> = boxes
        .into_iter()
        .map(|(number, (low, high))| {
            let size = [high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1];
            let mask = vec![0; size.iter().product()];
            (number, SliceSet { number, low, size, mask, ..SliceSet::default() })
        })
        .collect();
    for (r, row) in rows() {
        for (x, number) in row.iter().map(|v| v.number()).enumerate().filter(|(_, n)| *n > 0) {
            let Some(set) = sets.get_mut(&number) else { continue };
            let at = [x, r % ny, r / ny];
            let [i, j, k] = [at[0] - set.low[0], at[1] - set.low[1], at[2] - set.low[2]];
            set.mask[i + set.size[0] * (j + set.size[1] * k)] = 1;
            set.voxels += 1;
            for axis in 0..3 {
                set.sums[axis] += at[axis] as u64;
            }
        }
    }
    sets.into_values().collect()
}
