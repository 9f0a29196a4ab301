//! Overlap of two labelmaps: every structure in one pass.
//!
//! Conventions (packages differ): A is the reference, B the test. Dice = 2|A∩B| / (|A|+|B|) (Dice 1945), Jaccard =
//! |A∩B| / |A∪B| (Jaccard 1901), volume similarity = 1 − ||A|−|B|| / (|A|+|B|) (Taha and Hanbury 2015, BMC Med
//! Imaging 15:29). A structure in one map only has overlap 0 with the reason; one in neither is undefined, never 1.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::estimate::{Estimate, Reason};
use super::grid::{Grid, Label};

/// Half-open bounds of a structure in voxels: from `low` to before `high` along x, y, z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first voxel along each axis.
    pub low: [usize; 3],
    /// One past the last voxel along each axis.
    pub high: [usize; 3],
}

impl Bounds {
    const NONE: Self = Self { low: [usize::MAX; 3], high: [0; 3] };

    /// The smallest bounds around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            low: std::array::from_fn(|k| self.low[k].min(other.low[k])),
            high: std::array::from_fn(|k| self.high[k].max(other.high[k])),
        }
    }
}

/// Where a structure is in one labelmap: its voxels, bounds and the sum of its voxel positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    voxels: u64,
    bounds: Bounds,
    sums: [u64; 3],
}

impl Extent {
    const NONE: Self = Self { voxels: 0, bounds: Bounds::NONE, sums: [0; 3] };

    /// Adds the voxels from `x` to before `end` of one row.
    fn add(&mut self, x: usize, end: usize, y: usize, z: usize) {
        let n = (end - x) as u64;
        self.voxels += n;
        self.sums[0] += (x + end - 1) as u64 * n / 2;
        self.sums[1] += y as u64 * n;
        self.sums[2] += z as u64 * n;
        self.bounds = self.bounds.union(Bounds { low: [x, y, z], high: [end, y + 1, z + 1] });
    }

    fn merge(self, other: Self) -> Self {
        Self {
            voxels: self.voxels + other.voxels,
            bounds: self.bounds.union(other.bounds),
            sums: std::array::from_fn(|k| self.sums[k] + other.sums[k]),
        }
    }
}

/// One structure in two labelmaps: what all overlap measures are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The structure's label.
    pub label: u32,
    a: Extent,
    b: Extent,
    both: u64,
    spacing_mm: [f64; 3],
    voxel_mm3: f64,
}

impl Pair {
    fn new(label: u32, grid: &Grid) -> Self {
        let (spacing_mm, voxel_mm3) = (grid.spacing_mm(), grid.voxel_mm3());
        Self { label, a: Extent::NONE, b: Extent::NONE, both: 0, spacing_mm, voxel_mm3 }
    }

    fn merge(mut self, other: &Self) -> Self {
        self.a = self.a.merge(other.a);
        self.b = self.b.merge(other.b);
        self.both += other.both;
        self
    }

    /// Voxels in the reference.
    pub fn voxels_a(&self) -> u64 {
        self.a.voxels
    }

    /// Voxels in the test.
    pub fn voxels_b(&self) -> u64 {
        self.b.voxels
    }

    /// Voxels in both.
    pub fn voxels_both(&self) -> u64 {
        self.both
    }

    /// Bounds of the structure in either map; `None` where it is in neither.
    pub fn bounds(&self) -> Option<Bounds> {
        (self.a.voxels + self.b.voxels > 0).then(|| self.a.bounds.union(self.b.bounds))
    }

    /// Which side is empty, if one is.
    pub fn empty(&self) -> Option<Reason> {
        match (self.a.voxels, self.b.voxels) {
            (0, 0) => Some(Reason::BOTH_EMPTY),
            (0, _) => Some(Reason::REFERENCE_EMPTY),
            (_, 0) => Some(Reason::TEST_EMPTY),
            _ => None,
        }
    }

    fn voxel_mm3(&self) -> f64 {
        self.voxel_mm3
    }

    /// Volume in the reference, mm³.
    pub fn volume_a_mm3(&self) -> f64 {
        self.a.voxels as f64 * self.voxel_mm3()
    }

    /// Volume in the test, mm³.
    pub fn volume_b_mm3(&self) -> f64 {
        self.b.voxels as f64 * self.voxel_mm3()
    }

    fn union(&self) -> usize {
        (self.a.voxels + self.b.voxels - self.both) as usize
    }

    /// A share of voxels: 0 with the reason where one side is empty, undefined where both are.
    fn share(&self, numerator: u64, denominator: u64) -> Estimate {
        let n = self.union();
        let share = Estimate::ratio(numerator as f64, denominator as f64, Reason::BOTH_EMPTY, n);
        match self.empty() {
            Some(reason) if share.value.is_some() => share.because(reason),
            _ => share,
        }
    }

    /// 2|A∩B| / (|A|+|B|), on the voxels of the union.
    pub fn dice(&self) -> Estimate {
        self.share(2 * self.both, self.a.voxels + self.b.voxels)
    }

    /// |A∩B| / |A∪B|, on the voxels of the union.
    pub fn jaccard(&self) -> Estimate {
        self.share(self.both, self.union() as u64)
    }

    /// |A∩B| / |A|: the share of the reference that was found (recall); undefined without a reference.
    pub fn sensitivity(&self) -> Estimate {
        let reason = self.empty().unwrap_or(Reason::REFERENCE_EMPTY);
        Estimate::ratio(self.both as f64, self.a.voxels as f64, reason, self.a.voxels as usize)
    }

    /// |A∩B| / |B|: the share of the test that is right; undefined without a test.
    pub fn precision(&self) -> Estimate {
        let reason = self.empty().unwrap_or(Reason::TEST_EMPTY);
        Estimate::ratio(self.both as f64, self.b.voxels as f64, reason, self.b.voxels as usize)
    }

    /// 1 − ||A|−|B|| / (|A|+|B|): alike in size, wherever they lie.
    pub fn volume_similarity(&self) -> Estimate {
        let total = self.a.voxels + self.b.voxels;
        self.share(total - self.a.voxels.abs_diff(self.b.voxels), total)
    }

    /// (|B|−|A|) / |A|, signed: above zero where the test is larger; undefined without a reference.
    pub fn relative_volume_difference(&self) -> Estimate {
        let reason = self.empty().unwrap_or(Reason::REFERENCE_EMPTY);
        let difference = self.b.voxels as f64 - self.a.voxels as f64;
        Estimate::ratio(difference, self.a.voxels as f64, reason, self.a.voxels as usize)
    }

    /// Volume of the test minus volume of the reference, mm³, signed.
    pub fn volume_difference_mm3(&self) -> f64 {
        (self.b.voxels as f64 - self.a.voxels as f64) * self.voxel_mm3()
    }

    /// Distance between the centres of mass, mm.
    pub fn centre_distance_mm(&self) -> Estimate {
        if let Some(reason) = self.empty() {
            return Estimate::undefined(reason, 0);
        }
        let squared: f64 = (0..3)
            .map(|k| {
                let a = self.a.sums[k] as f64 / self.a.voxels as f64;
                let b = self.b.sums[k] as f64 / self.b.voxels as f64;
                ((a - b) * self.spacing_mm[k]).powi(2)
            })
            .sum();
        Estimate::new(squared.sqrt(), self.union())
    }

    /// Chance-corrected agreement of the voxels (Cohen's κ) over all `voxels` of the grid.
    pub fn voxel_kappa(&self, voxels: usize) -> Estimate {
        let n = voxels as f64;
        let (a, b, both) = (self.a.voxels as f64, self.b.voxels as f64, self.both as f64);
        let observed = (both + (n - a - b + both)) / n;
        let chance = (a * b + (n - a) * (n - b)) / (n * n);
        Estimate::ratio(observed - chance, 1.0 - chance, Reason::NO_VARIATION, voxels)
    }
}

/// Every structure of two labelmaps on `grid`, by label; empty where both are background throughout.
///
/// One pass at memory speed: rows of background are skipped whole, the rest is counted by runs.
///
/// # Panics
/// Never for slices that fill the grid; callers check that with [`Grid::voxels`].
pub fn pairs<A: Label, B: Label>(grid: &Grid, a: &[A], b: &[B]) -> Vec<Pair> {
    let [nx, ny, _] = grid.shape();
    let slices = a.par_chunks(nx * ny).zip(b.par_chunks(nx * ny)).enumerate();
    let tally = slices
        .fold(BTreeMap::new, |mut tally, (z, (a, b))| {
            for (y, (row_a, row_b)) in a.chunks(nx).zip(b.chunks(nx)).enumerate() {
                if A::any(row_a) || B::any(row_b) {
                    count_row(&mut tally, grid, row_a, row_b, y, z);
                }
            }
            tally
        })
        .reduce(BTreeMap::new, |mut left, right| {
            for (label, pair) in right {
                left.entry(label).and_modify(|p: &mut Pair| *p = p.merge(&pair)).or_insert(pair);
            }
            left
        });
    tally.into_values().collect()
}

/// A structure that neither labelmap holds.
pub fn absent(grid: &Grid, label: u32) -> Pair {
    Pair::new(label, grid)
}

fn count_row<A: Label, B: Label>(
    tally: &mut BTreeMap<u32, Pair>,
    grid: &Grid,
    row_a: &[A],
    row_b: &[B],
    y: usize,
    z: usize,
) {
    let mut x = 0;
    while x < row_a.len() {
        let (a, b) = (row_a[x], row_b[x]);
        let mut end = x + 1;
        while end < row_a.len() && row_a[end] == a && row_b[end] == b {
            end += 1;
        }
        let (a, b) = (a.number(), b.number());
        if a != 0 {
            let pair = tally.entry(a).or_insert_with(|| Pair::new(a, grid));
            pair.a.add(x, end, y, z);
            if a == b {
                pair.both += (end - x) as u64;
            }
        }
        if b != 0 {
            tally.entry(b).or_insert_with(|| Pair::new(b, grid)).b.add(x, end, y, z);
        }
        x = end;
    }
}
