//! What a mask measures: the numbers that every read with geometry gets.

use super::mask::{Mask, Run};
use crate::measure::detection::axes::axes;
use crate::model::geometry::{Grid, Vec3, add, norm, scale};

/// Numbers of one mask.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Voxels.
    pub voxels: u64,
    /// Volume.
    pub volume_mm3: f64,
    /// Slices with a voxel.
    pub slices: u32,
    /// The longest diameter in any slice (RECIST 1.1), between outer corners of voxels.
    pub long_axis_mm: f64,
    /// The width across it in that slice.
    pub short_axis_mm: f64,
    /// The mean of the voxel centres, LPS.
    pub centre_mm: Vec3,
}

/// Measures a mask; `None` where it is empty.
pub fn figures(grid: &Grid, mask: &Mask) -> Option<Figures> {
    let voxels = mask.voxels();
    if voxels == 0 {
        return None;
    }
    let slices = mask.slices();
    let spacing = [norm(grid.column_mm), norm(grid.row_mm)];
    let rows = grid.shape[1];
    let longest = slices
        .iter()
        .filter_map(|slice| diameters(mask.slice(*slice), spacing))
        .max_by(|a, b| a[0].total_cmp(&b[0]))
        .unwrap_or_default();
    let sum = mask.runs().iter().fold([0.0; 3], |sum: Vec3, run| {
        let middle = [
            (f64::from(run.from) + f64::from(run.to) - 1.0) / 2.0,
            f64::from(run.row % rows),
            f64::from(run.row / rows),
        ];
        add(sum, scale(middle, run.len() as f64))
    });
    Some(Figures {
        voxels,
        volume_mm3: voxels as f64 * grid.voxel_mm3(),
        slices: slices.len() as u32,
        long_axis_mm: longest[0],
        short_axis_mm: longest[1],
        centre_mm: grid.centre_mm(scale(sum, 1.0 / voxels as f64)),
    })
}

/// Long and short axis of the runs of a slice.
fn diameters(runs: &[Run], spacing_mm: [f64; 2]) -> Option<[f64; 2]> {
    let left = runs.iter().map(|r| r.from).min()?;
    let right = runs.iter().map(|r| r.to).max()?;
    let top = runs.first()?.row;
    let (width, height) = (usize::from(right - left), (runs.last()?.row - top + 1) as usize);
    let mut inside = vec![false; width * height];
    for run in runs {
        let row = (run.row - top) as usize * width;
        inside[row + usize::from(run.from - left)..row + usize::from(run.to - left)].fill(true);
    }
    axes(&inside, width, spacing_mm).map(|a| [a.long_mm, a.short_mm])
}
