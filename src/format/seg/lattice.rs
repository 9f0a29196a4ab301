//! Where the frames of a segmentation lie.

use crate::model::Header;
use crate::model::geometry::{Grid, dot, norm, scale, sub};

/// Slices by which a frame may miss its place.
const SAME_VOXEL: f64 = 0.02;
/// Slices of a lattice, at most: empty ones are counted.
const MAX_SLICES: f64 = 65_536.0;

/// A grid and the slice of each frame on it.
#[derive(Debug, Clone)]
pub struct Lattice {
    /// From the lowest frame to the highest along the normal.
    pub grid: Grid,
    slices: Vec<u32>,
}

impl Lattice {
    /// The lattice of a segmentation's frames.
    pub fn of(header: &Header) -> Result<Self, &'static str> {
        let first = header.frames.first().ok_or("it has no frame")?;
        let orientation = first.orientation.ok_or("no orientation")?;
        let [row_mm, column_mm] = first.spacing_mm.ok_or("no pixel spacing")?;
        let normal = orientation.normal();
        let count = header.frame_count as usize;
        let mut positions = Vec::with_capacity(count);
        for frame in 0..count {
            let frame = header.frames.get(frame).ok_or("a frame without functional group")?;
            if frame.orientation != first.orientation || frame.spacing_mm != first.spacing_mm {
                return Err("orientations or spacings differ");
            }
            positions.push(frame.position_mm.ok_or("a frame without position")?);
        }
        let along: Vec<f64> = positions.iter().map(|p| dot(*p, normal)).collect();
        let step = step(&along, header.common.spacing_between_slices_mm, header.common.slice_thickness_mm)?;
        let lowest = (0..count).min_by(|a, b| along[*a].total_cmp(&along[*b])).ok_or("it has no frame")?;
        let origin = positions[lowest];
        let mut slices = Vec::with_capacity(count);
        for position in &positions {
            let away = sub(*position, origin);
            let slice = dot(away, normal) / step;
            let aside = norm(sub(away, scale(normal, dot(away, normal))));
            if (slice - slice.round()).abs() > SAME_VOXEL || aside > SAME_VOXEL * row_mm.min(column_mm) {
                return Err("a frame lies between the others");
            }
            if slice > MAX_SLICES {
                return Err("the frames lie too far apart");
            }
            slices.push(slice.round() as u32);
        }
        let depth = slices.iter().max().map_or(1, |n| n + 1);
        let shape = [header.common.columns.unwrap_or(0), header.common.rows.unwrap_or(0), depth];
        let grid = Grid::new(
            shape,
            scale(orientation.row, column_mm),
            scale(orientation.column, row_mm),
            scale(normal, step),
            origin,
        );
        Ok(Self { grid: grid.ok_or("the steps do not span a space")?, slices })
    }

    /// The slice of a frame, from 0.
    pub fn slice_of(&self, frame: u32) -> u32 {
        self.slices.get(frame as usize).copied().unwrap_or(0)
    }
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
