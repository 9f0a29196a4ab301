//! b-values and gradient directions.

use super::super::Volume;
use super::{Gradients, tidy};
use crate::model::geometry::{Vec3, cross, dot, norm, scale};
use crate::series::{Series, Stack, VolumeReason};

/// Weightings below this are none, in s/mm².
const LEAST_B: f64 = 1e-3;

/// Of the volumes of a stack, in their order; `None` where none is weighted.
pub fn gradients(series: &Series, stack: &Stack, volume: &Volume) -> Option<Gradients> {
    if stack.volumes_by == Some(VolumeReason::Segment) || !stack.is_complete() {
        return None;
    }
    let first_of = stack.slices.iter().step_by(stack.depth().max(1));
    let frames: Option<Vec<_>> =
        first_of.map(|s| series.header_of(s)?.frame(s.frame.saturating_sub(1))).collect();
    let frames = frames?;
    if !frames.iter().any(|f| f.b_value.is_some_and(|b| b > LEAST_B)) {
        return None;
    }
    let axes = axes(volume);
    let weighted = frames.iter().map(|f| {
        let b = f.b_value.unwrap_or(0.0);
        let direction = f.b_direction.filter(|d| b > LEAST_B && norm(*d) > 0.0);
        (b, direction.map_or([0.0; 3], |d| axes.map(|axis| dot(scale(d, 1.0 / norm(d)), axis))))
    });
    let (bvals, vectors): (Vec<f64>, Vec<Vec3>) = weighted.unzip();
    let line = |values: Vec<f64>| {
        let words: Vec<String> = values.into_iter().map(|v| (tidy(v) + 0.0).to_string()).collect();
        words.join(" ") + "\n"
    };
    let component = |axis: usize| {
        // Six digits, as other tools write them.
        line(vectors.iter().map(|v| (v[axis] * 1e6).round() / 1e6).collect())
    };
    Some(Gradients { bval: line(bvals), bvec: (0..3).map(component).collect() })
}

/// The axes of the image as directions in the patient. FSL takes the first the other way round where the axes are
/// right-handed in RAS: it holds such images for mirrored.
fn axes(volume: &Volume) -> [Vec3; 3] {
    let grid = &volume.grid;
    let steps = [grid.column_mm, grid.row_mm, grid.slice_mm];
    // The signs of x and y differ between LPS and RAS, which leaves handedness as it is.
    let right_handed = dot(cross(steps[0], steps[1]), steps[2]) > 0.0;
    let mut axes = steps.map(|s| scale(s, 1.0 / norm(s)));
    if right_handed {
        axes[0] = scale(axes[0], -1.0);
    }
    axes
}
