//! Labels on other voxels: each voxel of the image takes the nearest one of the label.

use super::own::{lattice, planes};
use super::{Image, Laid, Options, fit, place};
use crate::label::mask::{Mask, Run};
use crate::label::{LabelSet, Shape, Structure};
use crate::model::geometry::{Grid, Vec3, add, scale, sub};

/// The structures on the image; `None` where they need no resampling, or have no grid to sample from.
pub(super) fn all(structures: &[Structure], image: &Image, options: Options) -> Option<Vec<Laid>> {
    let own = own(structures).filter(|own| {
        let voxels = own.shape.iter().map(|n| u128::from(*n)).product::<u128>();
        voxels <= u128::from(super::MOST_VOXELS)
    })?;
    if fit(&own, &image.grid).is_ok() {
        return None;
    }
    let set = LabelSet { structures: structures.to_vec(), ..LabelSet::default() };
    let options = Options { resample: false, ..options };
    let origins_mm = (0..own.shape[2]).map(|k| own.centre_mm([0.0, 0.0, f64::from(k)])).collect();
    let grid = Image { grid: own, placed: true, origins_mm, slices: Vec::new(), ..image.clone() };
    let placed = place(set, &grid, options).ok()?;
    let laid = structures.iter().zip(placed.structures).map(|(structure, placed)| {
        let structure = Structure { shape: Shape::Nothing, ..structure.clone() };
        (structure, nearest(&placed.mask, &own, &image.grid), None)
    });
    Some(laid.collect())
}

fn own(structures: &[Structure]) -> Option<Grid> {
    let voxels = structures.iter().find_map(|s| match &s.shape {
        Shape::Voxels(grid, _) => Some(*grid),
        _ => None,
    });
    voxels.or_else(|| lattice(&planes(structures)).ok().map(|(grid, _)| grid))
}

/// A mask on other voxels.
fn nearest(mask: &Mask, from: &Grid, to: &Grid) -> Mask {
    let voxels: usize = from.shape.iter().map(|n| *n as usize).product();
    let mut volume = vec![false; voxels];
    mask.paint(true, &mut volume);
    let [columns, rows, slices] = to.shape;
    let first = from.index_of(to.origin_mm);
    let step = |mm: Vec3| sub(from.index_of(add(to.origin_mm, mm)), first);
    let (along, down, deep) = (step(to.column_mm), step(to.row_mm), step(to.slice_mm));
    let [nx, ny, nz] = from.shape.map(i64::from);
    let inside = |index: Vec3| {
        let [x, y, z] = index.map(|v| v.round() as i64);
        let on = (0..nx).contains(&x) && (0..ny).contains(&y) && (0..nz).contains(&z);
        on && volume.get(((z * ny + y) * nx + x) as usize).copied().unwrap_or(false)
    };
    let mut runs: Vec<Run> = Vec::new();
    for row in 0..rows * slices {
        let (y, z) = (f64::from(row % rows), f64::from(row / rows));
        let start = add(first, add(scale(down, y), scale(deep, z)));
        for x in 0..columns {
            if inside(add(start, scale(along, f64::from(x)))) {
                let from = x as u16;
                match runs.last_mut().filter(|r| r.row == row && r.to == from) {
                    Some(last) => last.to += 1,
                    None => runs.push(Run { row, from, to: from + 1 }),
                }
            }
        }
    }
    Mask::of_runs(to.shape, runs)
}
