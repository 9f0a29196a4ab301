//! The canonical form in which a label is kept: a mask and its grid as bytes. Equal masks on equal grids are equal bytes.
//!
//! `GANTRYL1`; shape as three u32; steps of column, row, slice and the first centre as twelve f64 (LPS, mm), all
//! little-endian; the number of runs; each run as the rows since the last one, the columns since its end (or the row's
//! begin) and its length. Counts are LEB128.

use super::mask::{Mask, Run};
use crate::model::geometry::Grid;

const MAGIC: &[u8; 8] = b"GANTRYL1";
const HEAD: usize = 8 + 12 + 96;

/// The bytes of a mask.
pub fn encode(grid: &Grid, mask: &Mask) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + 4 * mask.runs().len() + 8);
    bytes.extend_from_slice(MAGIC);
    grid.shape.iter().for_each(|n| bytes.extend_from_slice(&n.to_le_bytes()));
    let numbers = [grid.column_mm, grid.row_mm, grid.slice_mm, grid.origin_mm];
    // A zero has one form.
    numbers.iter().flatten().for_each(|v| bytes.extend_from_slice(&(v + 0.0).to_le_bytes()));
    put(&mut bytes, mask.runs().len() as u64);
    let (mut row, mut end) = (0, 0);
    for run in mask.runs() {
        if run.row != row {
            end = 0;
        }
        put(&mut bytes, u64::from(run.row - row));
        put(&mut bytes, u64::from(run.from - end));
        put(&mut bytes, run.len());
        (row, end) = (run.row, run.to);
    }
    bytes
}

/// The mask of such bytes; `None` where they are none.
pub fn decode(bytes: &[u8]) -> Option<(Grid, Mask)> {
    let head = bytes.get(..HEAD)?;
    if &head[..8] != MAGIC {
        return None;
    }
    let shape: [u32; 3] = std::array::from_fn(|k| u32_at(head, 8 + 4 * k));
    let vector = |k: usize| std::array::from_fn(|axis| f64_at(head, 20 + 8 * (3 * k + axis)));
    let grid = Grid::new(shape, vector(0), vector(1), vector(2), vector(3))?;
    let mut rest = &bytes[HEAD..];
    let count = take(&mut rest)?;
    // Each run takes three bytes at least.
    if count > rest.len() as u64 / 3 || shape[0] > u32::from(u16::MAX) {
        return None;
    }
    let all = u64::from(shape[1]) * u64::from(shape[2]);
    let mut runs = Vec::with_capacity(count as usize);
    let (mut row, mut end) = (0_u64, 0_u64);
    for _ in 0..count {
        let down = take(&mut rest)?;
        if down > 0 {
            end = 0;
        }
        row = row.checked_add(down).filter(|r| *r < all)?;
        let from = end.checked_add(take(&mut rest)?)?;
        end = from.checked_add(take(&mut rest)?).filter(|to| *to <= u64::from(shape[0]))?;
        runs.push(Run { row: row as u32, from: from as u16, to: end as u16 });
    }
    rest.is_empty().then(|| (grid, Mask::of_runs(shape, runs)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn f64_at(bytes: &[u8], at: usize) -> f64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    f64::from_le_bytes(word)
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7F) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_come_back_and_damage_is_no_mask(
            runs in prop::collection::vec((0_u32..60, 0_u16..40, 1_u16..20), 0..80), cut in 1_usize..20, byte in any::<u8>()
        ) {
            let shape = [40, 12, 5];
            let runs = runs.into_iter().map(|(row, from, n)| Run { row, from, to: from + n }).collect();
            let mask = Mask::of_runs(shape, runs);
            let grid = Grid { shape, column_mm: [0.5, 0.0, 0.0], row_mm: [0.0, 0.7, 0.0], slice_mm: [0.0, 0.1, 2.0], origin_mm: [1.0, -2.0, 3.0] };
            let bytes = encode(&grid, &mask);
            prop_assert_eq!(decode(&bytes), Some((grid, mask)));
            prop_assert_eq!(decode(&bytes[..bytes.len() - cut.min(bytes.len())]), None);
            let mut hostile = bytes;
            let at = cut.min(hostile.len() - 1);
            let at = hostile.len() - 1 - at;
            hostile[at] = byte;
            let _ = decode(&hostile);
        }
    }
}
