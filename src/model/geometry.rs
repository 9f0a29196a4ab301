//! Geometry in patient space: millimetres in DICOM's own LPS frame (x to the left, y to the back, z to the head;
//! PS3.3 C.7.6.2.1.1). RAS+ is only made at the NIfTI border, by [`Grid::affine_ras`].

use serde::{Deserialize, Serialize};

/// A point or direction in patient space, LPS.
pub type Vec3 = [f64; 3];

/// Sum of the products of the components.
pub fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The vector product.
pub fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Componentwise sum.
pub fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// Componentwise difference.
pub fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` times `by`.
pub fn scale(a: Vec3, by: f64) -> Vec3 {
    [a[0] * by, a[1] * by, a[2] * by]
}

/// Length.
pub fn norm(a: Vec3) -> f64 {
    dot(a, a).sqrt()
}

/// Direction cosines of the rows (left to right) and of the columns (top to bottom) of an image: Image Orientation
/// (Patient).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 6]", from = "[f64; 6]")]
pub struct Orientation {
    /// Direction in which the column index grows.
    pub row: Vec3,
    /// Direction in which the row index grows.
    pub column: Vec3,
}

impl Orientation {
    /// From the six numbers of Image Orientation (Patient). `None` where they are no two directions: cosines must be
    /// of unit length and at right angles within 0.05, as writers round them.
    pub fn new(values: [f64; 6]) -> Option<Self> {
        let [a, b, c, d, e, f] = values;
        let it = Self { row: [a, b, c], column: [d, e, f] };
        let unit = |v: Vec3| (norm(v) - 1.0).abs() < 0.05;
        (unit(it.row) && unit(it.column) && dot(it.row, it.column).abs() < 0.05).then_some(it)
    }

    /// The unit normal, row × column: the direction in which slices are ordered.
    pub fn normal(self) -> Vec3 {
        let n = cross(self.row, self.column);
        scale(n, 1.0 / norm(n))
    }
}

impl From<Orientation> for [f64; 6] {
    fn from(o: Orientation) -> Self {
        [o.row[0], o.row[1], o.row[2], o.column[0], o.column[1], o.column[2]]
    }
}

impl From<[f64; 6]> for Orientation {
    fn from([a, b, c, d, e, f]: [f64; 6]) -> Self {
        Self { row: [a, b, c], column: [d, e, f] }
    }
}

/// A regular grid of voxels in patient space: index (column, row, slice) to the centre of the voxel in millimetres.
/// The axes need not be at right angles: a gantry tilt is shear.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Columns, rows, slices.
    pub shape: [u32; 3],
    /// Step of one column, LPS.
    pub column_mm: Vec3,
    /// Step of one row, LPS.
    pub row_mm: Vec3,
    /// Step of one slice, LPS.
    pub slice_mm: Vec3,
    /// Centre of voxel (0, 0, 0), LPS.
    pub origin_mm: Vec3,
}

impl Grid {
    /// A grid, where the steps span a space and everything is finite.
    pub fn new(
        shape: [u32; 3],
        column_mm: Vec3,
        row_mm: Vec3,
        slice_mm: Vec3,
        origin_mm: Vec3,
    ) -> Option<Self> {
        let it = Self { shape, column_mm, row_mm, slice_mm, origin_mm };
        let lengths = norm(column_mm) * norm(row_mm) * norm(slice_mm);
        let finite = origin_mm.iter().all(|v| v.is_finite()) && lengths.is_finite();
        (finite && lengths > 0.0 && it.determinant().abs() > 1e-9 * lengths).then_some(it)
    }

    /// Volume of one voxel in mm³, negative where the axes are left-handed.
    fn determinant(&self) -> f64 {
        dot(cross(self.column_mm, self.row_mm), self.slice_mm)
    }

    /// Volume of one voxel in mm³.
    pub fn voxel_mm3(&self) -> f64 {
        self.determinant().abs()
    }

    /// The centre of a voxel (column, row, slice), LPS.
    pub fn centre_mm(&self, index: Vec3) -> Vec3 {
        let steps = [self.column_mm, self.row_mm, self.slice_mm];
        (0..3).fold(self.origin_mm, |at, axis| add(at, scale(steps[axis], index[axis])))
    }

    /// The index (column, row, slice) of a point in LPS; fractions between voxel centres.
    pub fn index_of(&self, point_mm: Vec3) -> Vec3 {
        let p = sub(point_mm, self.origin_mm);
        let d = self.determinant();
        [
            dot(p, cross(self.row_mm, self.slice_mm)) / d,
            dot(p, cross(self.slice_mm, self.column_mm)) / d,
            dot(p, cross(self.column_mm, self.row_mm)) / d,
        ]
    }

    /// Length of the step along each axis: column, row, slice. With shear the slice step is longer than the distance
    /// of the planes.
    pub fn step_mm(&self) -> Vec3 {
        [norm(self.column_mm), norm(self.row_mm), norm(self.slice_mm)]
    }

    /// Angle between the slice step and the normal of the planes, in degrees: the gantry tilt, if there is one.
    pub fn tilt_degrees(&self) -> f64 {
        let n = cross(self.column_mm, self.row_mm);
        let along = (dot(n, self.slice_mm) / (norm(n) * norm(self.slice_mm))).abs().min(1.0);
        let across = norm(cross(n, self.slice_mm)) / (norm(n) * norm(self.slice_mm));
        across.atan2(along).to_degrees()
    }

    /// The grid of an affine (column, row, slice, 1) → millimetres in RAS+.
    pub fn from_affine_ras(shape: [u32; 3], affine: &[[f64; 4]; 4]) -> Option<Self> {
        let [x, y, z, _] = affine;
        let column = |k: usize| [0.0 - x[k], 0.0 - y[k], z[k]];
        Self::new(shape, column(0), column(1), column(2), column(3))
    }

    /// The 4 × 4 affine (column, row, slice, 1) → millimetres in RAS+, as NIfTI has it.
    pub fn affine_ras(&self) -> [[f64; 4]; 4] {
        let row = |axis: usize, sign: f64| {
            [self.column_mm, self.row_mm, self.slice_mm, self.origin_mm].map(|v| 0.0 + sign * v[axis])
        };
        [row(0, -1.0), row(1, -1.0), row(2, 1.0), [0.0, 0.0, 0.0, 1.0]]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn points_go_to_indices_and_back_also_with_shear() {
        let grid =
            Grid::new([4, 5, 6], [0.5, 0.1, 0.0], [0.0, 0.7, 0.2], [0.3, -1.0, 2.5], [-10.0, 4.0, 7.0])
                .unwrap();
        let point = grid.centre_mm([1.25, 3.0, 4.5]);
        let back = grid.index_of(point);
        for (a, b) in back.iter().zip([1.25, 3.0, 4.5]) {
            assert!((a - b).abs() < 1e-9, "{back:?}");
        }
    }

    #[test]
    fn tilt_is_the_angle_of_the_slice_step() {
        let (s, c) = 14f64.to_radians().sin_cos();
        let tilted = Grid::new([2, 2, 2], [1.0, 0.0, 0.0], [0.0, c, s], [0.0, 0.0, 5.0], [0.0; 3]).unwrap();
        assert!((tilted.tilt_degrees() - 14.0).abs() < 1e-9);
        assert!(Grid::new([2, 2, 2], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0; 3]).is_none());
    }

    #[test]
    fn only_the_border_turns_left_and_back_round() {
        let grid =
            Grid::new([2, 2, 2], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [5.0, 6.0, 7.0]).unwrap();
        assert_eq!(
            grid.affine_ras(),
            [[-1.0, 0.0, 0.0, -5.0], [0.0, -2.0, 0.0, -6.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]]
        );
    }
}
