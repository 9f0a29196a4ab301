//! Which voxels of one grid are those of another: axes may be swapped and turned round, nothing is resampled.

use super::geometry::{Grid, Vec3, add, norm, sub};

/// Voxels by which corners may miss each other and still be the same voxels.
const SAME_VOXEL: f64 = 0.02;
/// Share of the smallest spacing by which voxel centres of one grid may miss those of the other.
const SAME_PLACE: f64 = 0.01;

/// How the voxels of one grid are numbered in another: axes may be swapped and turned round, nothing is resampled.
#[derive(Debug, Clone, Copy)]
pub struct VoxelMapping {
    base: [i64; 3],
    axes: [[i64; 3]; 3],
}

impl VoxelMapping {
    /// From the indices of `from` to those of `to`.
    ///
    /// # Errors
    /// The voxels are others: axes that do not run along each other, other spacings, or centres that miss each other.
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
        for index in corners(from.shape) {
            let found = to.index_of(from.centre_mm(index.map(f64::from)));
            let expected = it.index(index);
            if (0..3).any(|k| (found[k] - expected[k] as f64).abs() > SAME_VOXEL) {
                return Err("voxels of one lie between voxels of the other");
            }
        }
        Ok(it)
    }

    /// From one grid to another that covers the same voxels, each centre within 1 % of the smallest spacing.
    ///
    /// # Errors
    /// As [`VoxelMapping::between`]; or the grids have other ends.
    pub fn same(from: &Grid, to: &Grid) -> Result<Self, &'static str> {
        let it = Self::between(from, to)?;
        if it.shape(from.shape) != to.shape {
            return Err("the matrices differ");
        }
        let least = to.step_mm().into_iter().fold(f64::INFINITY, f64::min);
        for corner in corners(from.shape) {
            let there = it.index(corner);
            let inside = (0..3).all(|k| (0..i64::from(to.shape[k])).contains(&there[k]));
            let apart = sub(from.centre_mm(corner.map(f64::from)), to.centre_mm(there.map(|v| v as f64)));
            if !inside || norm(apart) > SAME_PLACE * least {
                return Err("they lie at different places");
            }
        }
        Ok(it)
    }

    /// Whether every voxel has the same index in both.
    pub fn is_identity(&self) -> bool {
        self.base == [0; 3] && self.axes == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    }

    /// A shape of the first grid along the axes of the second.
    fn shape(&self, shape: [u32; 3]) -> [u32; 3] {
        std::array::from_fn(|k| {
            (0..3).map(|axis| self.axes[axis][k].unsigned_abs() as u32 * shape[axis]).sum::<u32>()
        })
    }

    /// Values of the first grid in the order of the second, of a mapping that [`VoxelMapping::same`] gave.
    pub fn reordered<T: Copy + Default>(&self, values: &[T], from: &Grid, to: &Grid) -> Vec<T> {
        let mut out = vec![T::default(); values.len()];
        let [nx, ny, nz] = from.shape;
        let indices = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| [x, y, z])));
        for (index, value) in indices.zip(values) {
            if let Some(place) = self.offset(index, to).and_then(|at| out.get_mut(at)) {
                *place = *value;
            }
        }
        out
    }

    /// The index in the second grid of a voxel of the first.
    pub fn index(&self, index: [u32; 3]) -> [i64; 3] {
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

/// The voxels at the corners of a grid.
fn corners(shape: [u32; 3]) -> impl Iterator<Item = [u32; 3]> {
    (0..8_u32).map(move |corner| {
        std::array::from_fn(|k| if corner >> k & 1 == 1 { shape[k].saturating_sub(1) } else { 0 })
    })
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
        let mapping = VoxelMapping::between(&ours, &turned).unwrap();
        for index in [[0, 0, 0], [3, 4, 5], [1, 2, 3]] {
            let [x, y, z] = mapping.index(index).map(|v| v as f64);
            let (a, b) = (ours.centre_mm(index.map(f64::from)), turned.centre_mm([x, y, z]));
            assert!(norm(sub(a, b)) < 1e-9, "{index:?}");
        }
    }

    #[test]
    fn other_voxels_are_refused() {
        let ours = grid([4, 5, 6], [0.0; 3]);
        assert!(
            VoxelMapping::between(&grid([4, 5, 6], [0.35, 0.0, 0.0]), &ours).is_err(),
            "half a voxel aside"
        );
        let coarse = Grid { slice_mm: [0.0, 0.0, 5.0], ..ours };
        assert!(VoxelMapping::between(&coarse, &ours).is_err(), "twice the step");
        let drifting = Grid { slice_mm: [0.0, 0.0, 2.52], ..ours };
        assert!(VoxelMapping::between(&drifting, &ours).is_err(), "corners apart");
    }

    #[test]
    fn a_grid_that_holds_both_keeps_the_voxels() {
        let (a, b) = (grid([4, 5, 6], [0.0; 3]), grid([2, 2, 9], [0.7, -1.6, -5.0]));
        let both = VoxelMapping::between(&b, &a).unwrap().cover(&b, &a);
        assert_eq!(both.shape, [4, 7, 9]);
        assert!(norm(sub(both.origin_mm, [0.0, -1.6, -5.0])) < 1e-9);
    }

    #[test]
    fn a_grid_that_covers_the_same_voxels_is_the_same_whatever_way_its_axes_run() {
        let image = grid([4, 3, 2], [5.0, 6.0, 7.0]);
        let flipped =
            Grid::new([3, 4, 2], [0.0, -0.8, 0.0], [0.7, 0.0, 0.0], [0.0, 0.0, 2.5], [5.0, 7.6, 7.0])
                .unwrap();
        let mapping = VoxelMapping::same(&flipped, &image).unwrap();
        assert_eq!(mapping.index([0, 0, 0]), [0, 2, 0]);
        assert_eq!(mapping.index([2, 3, 1]), [3, 0, 1]);
        let mut marked = vec![0_u8; 24];
        marked[0] = 7;
        assert_eq!(mapping.reordered(&marked, &flipped, &image)[4 * 2], 7, "at (0, 2, 0) of the image");
        for (shape, origin) in
            [([4, 3, 2], [5.0, 6.0, 9.5]), ([4, 3, 1], [5.0, 6.0, 7.0]), ([4, 3, 2], [5.0, 6.01, 7.0])]
        {
            assert!(VoxelMapping::same(&grid(shape, origin), &image).is_err(), "{shape:?} {origin:?}");
        }
    }
}
