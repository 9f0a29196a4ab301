//! Whether two grids have the same voxels, and what differs where they have not.

use std::fmt;

use serde::Serialize;

use crate::model::VoxelMapping;
use crate::model::geometry::{Grid, Vec3, add, cross, dot, norm, scale, sub};

/// Share of the smallest step by which centres may miss each other.
const SAME: f64 = 0.01;
/// Voxels of one grid beyond which the first voxel or the step of another is no neighbour of it.
const FAR: f64 = 1e9;

/// What differs between the grid of a label and that of an image; what does not is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Voxels along the image's axes: of the label, of the image.
    pub shape: Option<[[u32; 3]; 2]>,
    /// Step of the label less that of the image, along the image's axes.
    pub spacing_mm: Option<Vec3>,
    /// Distance of the first voxel centres.
    pub origin_mm: Option<f64>,
    /// Angle between the axes.
    pub rotation_deg: Option<f64>,
}

impl Difference {
    /// Of two matrices without a place.
    pub fn of_matrix(label: [u32; 2], image: [u32; 2]) -> Self {
        let deep = |[columns, rows]: [u32; 2]| [columns, rows, 1];
        Self { shape: Some([deep(label), deep(image)]), ..Self::default() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some([label, image]) = self.shape {
            let times = |s: [u32; 3]| format!("{} × {} × {}", s[0], s[1], s[2]);
            parts.push(format!("{} voxels for {}", times(label), times(image)));
        }
        if let Some([x, y, z]) = self.spacing_mm {
            parts.push(format!("spacing by {x:.4}, {y:.4}, {z:.4} mm"));
        }
        if let Some(mm) = self.origin_mm {
            parts.push(format!("first voxel {mm:.3} mm away"));
        }
        if let Some(degrees) = self.rotation_deg {
            parts.push(format!("turned by {degrees:.3}°"));
        }
        if parts.is_empty() {
            parts.push("frames that lie between its slices".into());
        }
        f.write_str(&parts.join("; "))
    }
}

/// How the voxels of `from` are numbered in `to`, of which they may be a part or a surrounding.
///
/// # Errors
/// They are other voxels: what differs.
pub fn fit(from: &Grid, to: &Grid) -> Result<VoxelMapping, Difference> {
    let steps = steps(from).map(|step| sub(to.index_of(add(to.origin_mm, step)), to.index_of(to.origin_mm)));
    let near = |index: Vec3| index.iter().all(|v| v.abs() < FAR);
    if !near(to.index_of(from.origin_mm)) || !steps.into_iter().all(near) {
        return Err(difference(from, to));
    }
    let mapping = VoxelMapping::between(from, to).map_err(|_| difference(from, to))?;
    let least = to.step_mm().into_iter().fold(f64::INFINITY, f64::min);
    let misses = |corner: u32| {
        let index: [u32; 3] =
            std::array::from_fn(|k| if corner >> k & 1 == 1 { from.shape[k].saturating_sub(1) } else { 0 });
        let there = to.centre_mm(mapping.index(index).map(|v| v as f64));
        norm(sub(from.centre_mm(index.map(f64::from)), there)) > SAME * least
    };
    if (0..8).any(misses) { Err(difference(from, to)) } else { Ok(mapping) }
}

/// The steps of a grid, one for each axis.
fn steps(grid: &Grid) -> [Vec3; 3] {
    [grid.column_mm, grid.row_mm, grid.slice_mm]
}

/// The grid with its axes in the order and the direction of those of another.
fn turned(from: &Grid, to: &Grid) -> Grid {
    let (ours, theirs) = (steps(from), steps(to));
    let cosine = |a: Vec3, b: Vec3| dot(a, b) / (norm(a) * norm(b));
    let mut left = vec![0, 1, 2];
    let mut axes = [0_usize; 3];
    for (k, axis) in axes.iter_mut().enumerate() {
        let best = left
            .iter()
            .copied()
            .max_by(|a, b| cosine(ours[*a], theirs[k]).abs().total_cmp(&cosine(ours[*b], theirs[k]).abs()));
        *axis = best.unwrap_or(k);
        left.retain(|l| l != axis);
    }
    let (mut origin, mut turned) = (from.origin_mm, [[0.0; 3]; 3]);
    for (k, axis) in axes.into_iter().enumerate() {
        let sign = if cosine(ours[axis], theirs[k]) < 0.0 { -1.0 } else { 1.0 };
        turned[k] = scale(ours[axis], sign);
        if sign < 0.0 {
            origin = add(origin, scale(ours[axis], f64::from(from.shape[axis].saturating_sub(1))));
        }
    }
    let [column_mm, row_mm, slice_mm] = turned;
    Grid { shape: axes.map(|a| from.shape[a]), column_mm, row_mm, slice_mm, origin_mm: origin }
}

/// What differs between two grids after the axes of the first were turned to those of the second.
fn difference(from: &Grid, to: &Grid) -> Difference {
    let label = turned(from, to);
    let least = SAME * to.step_mm().into_iter().fold(f64::INFINITY, f64::min);
    let far = |k: usize| f64::from(label.shape[k].max(to.shape[k]).saturating_sub(1)).max(1.0);
    let (ours, theirs) = (label.step_mm(), to.step_mm());
    let apart: Vec3 = std::array::from_fn(|k| ours[k] - theirs[k]);
    let origin = norm(sub(label.origin_mm, to.origin_mm));
    let angle = rotation(&label, to);
    let reach = (0..3).map(|k| far(k) * theirs[k]).fold(0.0, f64::max);
    Difference {
        shape: (label.shape != to.shape).then_some([label.shape, to.shape]),
        spacing_mm: (0..3).any(|k| apart[k].abs() * far(k) > least).then_some(apart),
        origin_mm: (origin > least).then_some(origin),
        rotation_deg: (angle.to_radians() * reach > least).then_some(angle),
    }
}

/// The angle in degrees of the rotation that turns the axes of one grid to those of another.
fn rotation(a: &Grid, b: &Grid) -> f64 {
    let unit = |v: Vec3| scale(v, 1.0 / norm(v));
    let (ours, theirs) = (steps(a).map(unit), steps(b).map(unit));
    // The basis dual to the other's axes: at right angles it is these axes.
    let volume = dot(cross(theirs[0], theirs[1]), theirs[2]);
    let dual: [Vec3; 3] =
        std::array::from_fn(|k| scale(cross(theirs[(k + 1) % 3], theirs[(k + 2) % 3]), 1.0 / volume));
    let turn = |i: usize, j: usize| (0..3).map(|k| ours[k][i] * dual[k][j]).sum::<f64>();
    let axis = [turn(2, 1) - turn(1, 2), turn(0, 2) - turn(2, 0), turn(1, 0) - turn(0, 1)];
    let trace = turn(0, 0) + turn(1, 1) + turn(2, 2);
    norm(axis).atan2(trace - 1.0).to_degrees()
}
