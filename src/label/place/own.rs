//! The grid that a label file has of its own.

use crate::label::{LabelSet, Plane, Shape, Structure};
use crate::model::geometry::{Grid, cross, dot, norm, scale, sub};

/// Slices by which a frame may miss its place.
const SAME_VOXEL: f64 = 0.02;
/// Slices of a lattice, at most: empty ones are counted.
const MAX_SLICES: f64 = 65_536.0;

/// Where all frames of a file lie.
#[derive(Debug, Default)]
pub struct Planes {
    frames: Vec<Plane>,
    columns: u32,
    rows: u32,
    /// Spacing Between Slices, and Slice Thickness.
    steps_mm: [Option<f64>; 2],
}

/// The planes of every frame.
pub(super) fn planes(structures: &[Structure]) -> Planes {
    let mut found = Planes::default();
    for structure in structures {
        if let Shape::Frames(frames) = &structure.shape {
            (found.columns, found.rows) = (frames.columns, frames.rows);
            found.steps_mm = frames.steps_mm;
            found.frames.extend(frames.frames.iter().filter_map(|f| f.plane));
        }
    }
    found
}

/// The grid of a file: that of its voxels, or from its first frame to its last.
///
/// # Errors
/// There is none: why.
pub fn own_grid(set: &LabelSet) -> Result<Grid, &'static str> {
    let voxels = set.structures.iter().find_map(|s| match &s.shape {
        Shape::Voxels(grid, _) => Some(*grid),
        _ => None,
    });
    if let Some(grid) = voxels {
        return Ok(grid);
    }
    let has = |what: fn(&Shape) -> bool| set.structures.iter().any(|s| what(&s.shape));
    if has(|s| matches!(s, Shape::Contours(_))) {
        return Err("contours are lines in space");
    }
    if has(|s| matches!(s, Shape::Drawn(_))) {
        return Err("it is drawn on images that it names");
    }
    lattice(&planes(&set.structures)).map(|(grid, _)| grid)
}

/// The smallest grid that every frame lies on, and the slice of each.
///
/// # Errors
/// There is none: why.
pub fn lattice(planes: &Planes) -> Result<(Grid, Vec<u32>), &'static str> {
    let first = planes.frames.first().ok_or("no frame says where it lies")?;
    let normal = cross(first.column_mm, first.row_mm);
    let normal = scale(normal, 1.0 / norm(normal));
    let same = |p: &Plane| {
        norm(sub(p.column_mm, first.column_mm)) < 1e-6 && norm(sub(p.row_mm, first.row_mm)) < 1e-6
    };
    if !planes.frames.iter().all(same) {
        return Err("orientations or spacings of its frames differ");
    }
    let along: Vec<f64> = planes.frames.iter().map(|p| dot(p.origin_mm, normal)).collect();
    let [declared, thickness] = planes.steps_mm;
    let step = step(&along, declared, thickness)?;
    let lowest = planes.frames.iter().zip(&along).min_by(|a, b| a.1.total_cmp(b.1));
    let origin = lowest.map_or(first.origin_mm, |(p, _)| p.origin_mm);
    let least = norm(first.column_mm).min(norm(first.row_mm));
    let mut slices = Vec::with_capacity(along.len());
    for plane in &planes.frames {
        let away = sub(plane.origin_mm, origin);
        let slice = dot(away, normal) / step;
        let aside = norm(sub(away, scale(normal, dot(away, normal))));
        if (slice - slice.round()).abs() > SAME_VOXEL || aside > SAME_VOXEL * least {
            return Err("a frame lies between the others");
        }
        if slice > MAX_SLICES {
            return Err("the frames lie too far apart");
        }
        slices.push(slice.round() as u32);
    }
    let depth = slices.iter().max().map_or(1, |n| n + 1);
    let shape = [planes.columns, planes.rows, depth];
    let grid = Grid::new(shape, first.column_mm, first.row_mm, scale(normal, step), origin);
    Ok((grid.ok_or("its steps do not span a space")?, slices))
}

/// The distance of neighbouring slices: the smallest step between frames, or what the header says where that divides
/// it (slices without a voxel are mostly left out).
fn step(along: &[f64], declared_mm: Option<f64>, thickness_mm: Option<f64>) -> Result<f64, &'static str> {
    let mut sorted = along.to_vec();
    sorted.sort_by(f64::total_cmp);
    let steps = sorted.windows(2).map(|w| w[1] - w[0]).filter(|s| *s > 1e-3);
    let smallest = steps.fold(f64::INFINITY, f64::min);
    let positive = |v: &f64| v.is_finite() && *v > 1e-3;
    let declared = declared_mm.filter(positive);
    if !smallest.is_finite() {
        return declared.or(thickness_mm.filter(positive)).ok_or("the distance of its slices is not known");
    }
    let divides = |d: f64| {
        let times = smallest / d;
        times > 0.5 && (times - times.round()).abs() < SAME_VOXEL
    };
    // The declared number is rounded; the measured one is divided by what it says.
    Ok(declared.filter(|d| divides(*d)).map_or(smallest, |d| smallest / (smallest / d).round()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_out_slices_count() {
        assert_eq!(step(&[0.0, 10.0, 5.0], Some(2.5), None), Ok(2.5));
        assert_eq!(step(&[0.0, 2.5, 5.0], Some(4.0), None), Ok(2.5), "the header is wrong");
        assert_eq!(step(&[3.0], None, Some(1.5)), Ok(1.5));
        assert!(step(&[3.0], None, None).is_err());
    }
}
