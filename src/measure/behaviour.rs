//! How a reader draws: too large, beyond the organ, with slices left out.

use super::grid::{Grid, Label};
use super::overlap::pairs;
use super::stats::{deviation, mean};
use super::surface::{Convention, Extent, between};

/// One read against its reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Mean distance by which the drawn surface lies outside the reference, mm: difference of the volumes over the
    /// reference's surface. Below zero where it is drawn too small.
    pub offset_mm: f64,
    /// How far the drawing reaches beyond the reference: the largest distance of the drawn surface less its mean, mm.
    pub reach_mm: f64,
    /// Slices (along z) with the structure in the reference and nothing drawn, between slices that were drawn.
    pub skipped_slices: usize,
    /// Dice.
    pub dice: f64,
}

/// Profile of structure `label`; `None` where it is empty on one side.
pub fn profile<A: Label, B: Label>(grid: &Grid, reference: &[A], test: &[B], label: u32) -> Option<Profile> {
    let pair = pairs(grid, reference, test).into_iter().find(|p| p.label == label)?;
    let surfaces = between(grid, reference, test, &pair, Convention::Surfel, Extent::Volume).ok()?;
    let [nx, ny, _] = grid.shape();
    let drawn: Vec<(bool, bool)> = reference
        .chunks(nx * ny)
        .zip(test.chunks(nx * ny))
        .map(|(r, t)| (r.iter().any(|v| v.number() == label), t.iter().any(|v| v.number() == label)))
        .collect();
    let first = drawn.iter().position(|d| d.1)?;
    let last = drawn.iter().rposition(|d| d.1)?;
    let skipped_slices = drawn[first..=last].iter().filter(|d| d.0 && !d.1).count();
    Some(Profile {
        offset_mm: pair.volume_difference_mm3() / surfaces.from_a.weight(),
        reach_mm: surfaces.from_b.max_mm() - surfaces.from_b.mean_mm(),
        skipped_slices,
        dice: pair.dice().value?,
    })
}

/// What a reader has come to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Draws larger than before, all around.
    OverSegments,
    /// Draws smaller than before, all around.
    UnderSegments,
    /// Runs out of the structure at some place.
    Leaks,
    /// Leaves slices out.
    SkipsSlices,
    /// None of these stands out.
    Unclear,
}

/// What changed between a reader's reads before and after a date, in that order of suspicion: slices left out (half a
/// slice a read more than before), a leak (the reach grew by three standard deviations and by more than the offset),
/// an offset (by three standard deviations). Needs two reads a side.
pub fn habit(before: &[Profile], after: &[Profile]) -> Habit {
    if before.len() < 2 || after.len() < 2 {
        return Habit::Unclear;
    }
    let column = |side: &[Profile], f: fn(&Profile) -> f64| side.iter().map(f).collect::<Vec<_>>();
    let moved = |f: fn(&Profile) -> f64| {
        let (p, q) = (column(before, f), column(after, f));
        (mean(&q) - mean(&p), deviation(&p).max(1e-9))
    };
    let (slices, _) = moved(|p| p.skipped_slices as f64);
    let (reach, reach_sd) = moved(|p| p.reach_mm);
    let (offset, offset_sd) = moved(|p| p.offset_mm);
    if slices >= 0.5 {
        Habit::SkipsSlices
    } else if reach > 3.0 * reach_sd && reach > offset.abs() {
        Habit::Leaks
    } else if offset > 3.0 * offset_sd {
        Habit::OverSegments
    } else if offset < -3.0 * offset_sd {
        Habit::UnderSegments
    } else {
        Habit::Unclear
    }
}
