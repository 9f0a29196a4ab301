//! Where the frames of a segmentation lie, and which voxels of another grid they are.

use crate::model::Header;
use crate::model::geometry::{Grid, Vec3, add, dot, norm, scale, sub};

/// Voxels by which corners may miss each other and still be the same voxels.
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

/// How the voxels of one grid are numbered in another: axes may be swapped and turned round, nothing is resampled.
#[derive(Debug, Clone, Copy)]
pub struct Mapping {
    base: [i64; 3],
    axes: [[i64; 3]; 3],
}

impl Mapping {
    /// From the indices of `from` to those of `to`.
    pub fn between(from: &Grid, to: &Grid) -> Result<Self, &'static str> {
        let origin = to.index_of(from.origin_mm);
        let axis = |step: Vec3| sub(to.index_of(add(from.origin_mm, step)), origin);
        let exact = [axis(from.column_mm), axis(from.row_mm), axis(from.slice_mm)];
        let whole = |v: Vec3| v.map(|x| x.round() as i64);
        let it = Self { base: whole(origin), axes: exact.map(whole) };
        let is_axis = |a: [i64; 3]| a.iter().map(|x| x.abs()).sum::<i64>() == 1;
        let used: i64 = (0..3).map(|k| it.axes.iter().map(|a| a[k].abs()).max().unwrap_or(0)).sum();
        if !it.axes.into_iter().all(is_axis) || used != 3 {
            return Err("the axes or the spacings differ");
        }
        for corner in 0..8_u32 {
            let index =
                std::array::from_fn(
                    |k| if corner >> k & 1 == 1 { from.shape[k].saturating_sub(1) } else { 0 },
                );
            let found = to.index_of(from.centre_mm(index.map(f64::from)));
            let expected = it.index(index);
            if (0..3).any(|k| (found[k] - expected[k] as f64).abs() > SAME_VOXEL) {
                return Err("voxels of one lie between voxels of the other");
            }
        }
        Ok(it)
    }

    fn index(&self, index: [u32; 3]) -> [i64; 3] {
        std::array::from_fn(|k| {
            self.base[k] + (0..3).map(|axis| self.axes[axis][k] * i64::from(index[axis])).sum::<i64>()
        })
    }

    /// Where a voxel stands in a volume of `to`, column fastest; `None` outside.
    pub fn offset(&self, index: [u32; 3], to: &Grid) -> Option<usize> {
        let [x, y, z] = self.index(index);
        let inside = |v: i64, n: u32| usize::try_from(v).ok().filter(|v| *v < n as usize);
        let [nx, ny, nz] = to.shape;
        let (x, y, z) = (inside(x, nx)?, inside(y, ny)?, inside(z, nz)?);
        Some((z * ny as usize + y) * nx as usize + x)
    }

    /// The smallest grid on the voxels of `to` that holds both.
    pub fn cover(&self, from: &Grid, to: &Grid) -> Grid {
        let corners = [self.index([0; 3]), self.index(from.shape.map(|n| n.saturating_sub(1)))];
        let low: [i64; 3] = std::array::from_fn(|k| corners[0][k].min(corners[1][k]).min(0));
        let high: [i64; 3] =
            std::array::from_fn(|k| corners[0][k].max(corners[1][k]).max(i64::from(to.shape[k]) - 1));
        let origin_mm = to.centre_mm(low.map(|v| v as f64));
        let shape = std::array::from_fn(|k| u32::try_from(high[k] - low[k] + 1).unwrap_or(u32::MAX));
        Grid { shape, origin_mm, ..*to }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grid(shape: [u32; 3], origin_mm: Vec3) -> Grid {
        Grid::new(shape, [0.7, 0.0, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 2.5], origin_mm).unwrap()
    }

    #[test]
    fn the_same_voxels_are_found_whatever_way_the_axes_run() {
        let ours = grid([4, 5, 6], [-3.0, 2.0, 10.0]);
        let turned = Grid::new(
            [6, 4, 5],
            [0.0, 0.0, -2.5],
            [-0.7, 0.0, 0.0],
            [0.0, 0.8, 0.0],
            ours.centre_mm([3.0, 0.0, 5.0]),
        )
        .unwrap();
        let mapping = Mapping::between(&ours, &turned).unwrap();
        for index in [[0, 0, 0], [3, 4, 5], [1, 2, 3]] {
            let [x, y, z] = mapping.index(index).map(|v| v as f64);
            let (a, b) = (ours.centre_mm(index.map(f64::from)), turned.centre_mm([x, y, z]));
            assert!(norm(sub(a, b)) < 1e-9, "{index:?}");
        }
    }

    #[test]
    fn other_voxels_are_refused() {
        let ours = grid([4, 5, 6], [0.0; 3]);
        assert!(Mapping::between(&grid([4, 5, 6], [0.35, 0.0, 0.0]), &ours).is_err(), "half a voxel aside");
        let coarse = Grid { slice_mm: [0.0, 0.0, 5.0], ..ours };
        assert!(Mapping::between(&coarse, &ours).is_err(), "twice the step");
        let drifting = Grid { slice_mm: [0.0, 0.0, 2.52], ..ours };
        assert!(Mapping::between(&drifting, &ours).is_err(), "corners apart");
    }

    #[test]
    fn a_grid_that_holds_both_keeps_the_voxels() {
        let (a, b) = (grid([4, 5, 6], [0.0; 3]), grid([2, 2, 9], [0.7, -1.6, -5.0]));
        let both = Mapping::between(&b, &a).unwrap().cover(&b, &a);
        assert_eq!(both.shape, [4, 7, 9]);
        assert!(norm(sub(both.origin_mm, [0.0, -1.6, -5.0])) < 1e-9);
    }

    #[test]
    fn left_out_slices_count() {
        assert_eq!(step(&[0.0, 10.0, 5.0], Some(2.5), None), Ok(2.5));
        assert_eq!(step(&[0.0, 2.5, 5.0], Some(4.0), None), Ok(2.5), "the header is wrong");
        assert_eq!(step(&[3.0], None, Some(1.5)), Ok(1.5));
        assert!(step(&[3.0], None, None).is_err());
    }
}
