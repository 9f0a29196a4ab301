//! Masks as runs along rows: the one form in which voxels of a structure are kept, compared and written.
//!
//! Runs are in the order of the voxels (column fastest), each as long as it can be, none empty: equal masks have equal
//! runs. A liver of a CT takes about a megabyte.

use crate::model::VoxelMapping;
use crate::model::geometry::Grid;

/// Neighbouring voxels of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    /// slice × rows + row.
    pub row: u32,
    /// The first column.
    pub from: u16,
    /// The column after the last.
    pub to: u16,
}

impl Run {
    /// How many voxels it has.
    pub fn len(self) -> u64 {
        u64::from(self.to.saturating_sub(self.from))
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }
}

/// Columns that a row may have.
pub const MOST_COLUMNS: u32 = u16::MAX as u32;

/// The voxels of one structure on a grid of a shape.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Mask {
    shape: [u32; 3],
    runs: Vec<Run>,
}

impl Mask {
    /// No voxel.
    pub fn empty(shape: [u32; 3]) -> Self {
        Self { shape, runs: Vec::new() }
    }

    /// From runs in any order, which may touch and overlap. What lies beyond the shape is cut off.
    pub fn of_runs(shape: [u32; 3], mut runs: Vec<Run>) -> Self {
        let [columns, rows, slices] = shape;
        let (columns, all) = (columns.min(MOST_COLUMNS) as u16, rows.saturating_mul(slices));
        runs.retain_mut(|run| {
            run.to = run.to.min(columns);
            run.row < all && !run.is_empty()
        });
        if !runs.is_sorted() {
            runs.sort_unstable();
        }
        runs.dedup_by(|next, last| {
            let joins = next.row == last.row && next.from <= last.to;
            if joins {
                last.to = last.to.max(next.to);
            }
            joins
        });
        Self { shape, runs }
    }

    /// Columns, rows, slices.
    pub fn shape(&self) -> [u32; 3] {
        self.shape
    }

    /// The runs, in the order of the voxels.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Whether no voxel belongs to it.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many voxels belong to it.
    pub fn voxels(&self) -> u64 {
        self.runs.iter().map(|r| r.len()).sum()
    }

    /// The slices in which it has a voxel, in order.
    pub fn slices(&self) -> Vec<u32> {
        let rows = self.shape[1].max(1);
        let mut slices: Vec<u32> = self.runs.iter().map(|r| r.row / rows).collect();
        slices.dedup();
        slices
    }

    /// The runs of one slice; their rows count from the first slice.
    pub fn slice(&self, slice: u32) -> &[Run] {
        let first = slice.saturating_mul(self.shape[1]);
        let from = self.runs.partition_point(|r| r.row < first);
        let to = self.runs.partition_point(|r| r.row < first.saturating_add(self.shape[1]));
        &self.runs[from..to]
    }

    /// Whether a voxel belongs to both.
    pub fn meets(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            if x.row == y.row && x.from < y.to && y.from < x.to {
                return true;
            }
            if (x.row, x.to) <= (y.row, y.to) {
                a.next();
            } else {
                b.next();
            }
        }
        false
    }

    /// What belongs to either.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.runs.extend_from_slice(&other.runs);
        Self::of_runs(self.shape, self.runs)
    }

    /// The first voxel along each axis, and one past the last; `None` where there is none.
    pub fn bounds(&self) -> Option<[[u32; 3]; 2]> {
        let rows = self.shape[1].max(1);
        let (mut low, mut high) = ([u32::MAX; 3], [0; 3]);
        for run in &self.runs {
            let (y, z) = (run.row % rows, run.row / rows);
            low = [low[0].min(run.from.into()), low[1].min(y), low[2].min(z)];
            high = [high[0].max(run.to.into()), high[1].max(y + 1), high[2].max(z + 1)];
        }
        (!self.is_empty()).then_some([low, high])
    }

    /// A box of the voxels, column fastest: 1 where they belong to it. All of them must lie in it.
    pub fn cropped(&self, [low, high]: [[u32; 3]; 2]) -> Vec<u8> {
        let size: [usize; 3] = std::array::from_fn(|k| (high[k] - low[k]) as usize);
        let rows = self.shape[1].max(1);
        let mut volume = vec![0; size.iter().product()];
        for run in &self.runs {
            let (y, z) = ((run.row % rows - low[1]) as usize, (run.row / rows - low[2]) as usize);
            let start = (z * size[1] + y) * size[0] + (u32::from(run.from) - low[0]) as usize;
            volume[start..start + run.len() as usize].fill(1);
        }
        volume
    }

    /// Puts `value` into each voxel of a volume of the shape, column fastest.
    pub fn paint<T: Copy>(&self, value: T, volume: &mut [T]) {
        let columns = self.shape[0] as usize;
        for run in &self.runs {
            let row = run.row as usize * columns;
            if let Some(voxels) = volume.get_mut(row + run.from as usize..row + run.to as usize) {
                voxels.fill(value);
            }
        }
    }

    /// The same voxels on another grid. `None` where one of them lies beyond it.
    pub fn moved(&self, mapping: &VoxelMapping, to: &Grid) -> Option<Self> {
        if mapping.is_identity() && self.shape == to.shape {
            return Some(self.clone());
        }
        let rows = self.shape[1].max(1);
        let mut runs = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let (y, z) = (run.row % rows, run.row / rows);
            let ends = [run.from, run.to - 1].map(|x| mapping.index([u32::from(x), y, z]));
            if ends[0][1..] == ends[1][1..] {
                runs.push(inside(ends[0], ends[1][0], to)?);
                continue;
            }
            for x in run.from..run.to {
                let at = mapping.index([u32::from(x), y, z]);
                runs.push(inside(at, at[0], to)?);
            }
        }
        Some(Self::of_runs(to.shape, runs))
    }
}

/// The run from a voxel to another column of its row, where both lie on the grid.
fn inside([x, y, z]: [i64; 3], other: i64, grid: &Grid) -> Option<Run> {
    let [columns, rows, slices] = grid.shape.map(i64::from);
    let on = |v: i64, n: i64| (0..n).contains(&v);
    if !(on(x, columns) && on(other, columns) && on(y, rows) && on(z, slices)) {
        return None;
    }
    let row = u32::try_from(z * rows + y).ok()?;
    Some(Run { row, from: x.min(other) as u16, to: x.max(other) as u16 + 1 })
}

/// Runs of the bits that are set among `count` bits of `bytes` from bit `first` (the lowest bit of a byte comes first), in
/// rows of `columns`.
pub fn runs_of_bits(bytes: &[u8], first: usize, count: usize, columns: u32) -> Vec<Run> {
    let columns = columns.max(1) as usize;
    let mut runs: Vec<Run> = Vec::new();
    let mut at = 0;
    while at < count {
        let (word, length) = word_at(bytes, first + at, count - at);
        let mut rest = word;
        let mut base = 0;
        while rest != 0 {
            let skip = rest.trailing_zeros() as usize;
            let shifted = rest >> skip;
            let ones = (!shifted).trailing_zeros() as usize;
            let ones = ones.min(64 - skip);
            push_span(&mut runs, at + base + skip, ones, columns);
            base += skip + ones;
            rest = if skip + ones >= 64 { 0 } else { rest >> (skip + ones) };
        }
        at += length;
    }
    runs
}

/// Up to 57 bits from a bit on, and how many they are.
fn word_at(bytes: &[u8], bit: usize, left: usize) -> (u64, usize) {
    let mut word = [0_u8; 8];
    let from = bit / 8;
    let got = bytes.get(from..(from + 8).min(bytes.len())).unwrap_or_default();
    word[..got.len()].copy_from_slice(got);
    let length = left.min(64 - bit % 8);
    let bits = u64::from_le_bytes(word) >> (bit % 8);
    (if length < 64 { bits & ((1 << length) - 1) } else { bits }, length)
}

/// Adds pixels that follow one another, cut at the ends of rows.
fn push_span(runs: &mut Vec<Run>, from: usize, length: usize, columns: usize) {
    let (mut from, mut left) = (from, length);
    while left > 0 {
        let (row, column) = ((from / columns) as u32, from % columns);
        let here = left.min(columns - column);
        let (start, end) = (column as u16, (column + here) as u16);
        match runs.last_mut().filter(|last| last.row == row && last.to == start) {
            Some(last) => last.to = end,
            None => runs.push(Run { row, from: start, to: end }),
        }
        from += here;
        left -= here;
    }
}

/// Calls `found` with each value but those that are equal to `ground` and each run of it, in rows of `columns`.
pub fn runs_by_value<T: Copy + PartialEq>(
    values: &[T],
    ground: T,
    columns: u32,
    mut found: impl FnMut(T, Run),
) {
    for (row, cells) in (0_u32..).zip(values.chunks(columns.max(1) as usize)) {
        let mut from = 0_usize;
        for run in cells.chunk_by(|a, b| a == b) {
            let to = from + run.len();
            if run[0] != ground {
                found(run[0], Run { row, from: from as u16, to: to as u16 });
            }
            from = to;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_runs_wherever_they_begin_and_rows_end() {
        // Bits 3 to 70 of 80, in rows of 13.
        let mut bytes = vec![0_u8; 16];
        for bit in 3..70 {
            bytes[(bit + 5) / 8] |= 1 << ((bit + 5) % 8);
        }
        let runs = runs_of_bits(&bytes, 5, 80, 13);
        let mut seen = Vec::new();
        for run in &runs {
            seen.extend((run.from..run.to).map(|x| run.row as usize * 13 + x as usize));
        }
        assert_eq!(seen, (3..70).collect::<Vec<_>>());
    }

    #[test]
    fn runs_in_any_order_become_one_form() {
        let runs = vec![
            Run { row: 2, from: 5, to: 9 },
            Run { row: 0, from: 3, to: 4 },
            Run { row: 2, from: 1, to: 5 },
            Run { row: 99, from: 0, to: 4 },
            Run { row: 0, from: 3, to: 4 },
        ];
        let mask = Mask::of_runs([8, 4, 2], runs);
        assert_eq!(mask.runs(), [Run { row: 0, from: 3, to: 4 }, Run { row: 2, from: 1, to: 8 }]);
        assert_eq!((mask.voxels(), mask.slices()), (8, vec![0]));
    }
}
