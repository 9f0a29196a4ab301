//! The lattice that labelmaps stand on, and the labels themselves.

use thiserror::Error;

use crate::model::geometry;

/// Millimetres by which two affines may differ and still be the same grid.
const SAME_GRID_MM: f64 = 1e-3;

/// Share by which the volume of a voxel differs from the product of its steps where its axes are sheared, and not rounded.
const SHEARED: f64 = 1e-4;

/// Why a grid cannot be measured on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GridError {
    /// An axis without voxels, or more voxels than can be indexed.
    #[error("the grid has no voxels or too many")]
    Shape,
    /// A step that is not a positive, finite number of millimetres.
    #[error("the spacing is not positive and finite")]
    Spacing,
    /// Labels of another number than the grid has voxels.
    #[error("the labels do not fill the grid")]
    Length,
    /// Two labelmaps on different matrices.
    #[error("the matrices differ: {0:?} and {1:?} voxels")]
    OtherShape([usize; 3], [usize; 3]),
    /// Two labelmaps with different spacing, orientation or origin.
    #[error("the grids lie differently in the patient (spacing, orientation or origin)")]
    OtherPlace,
}

/// A lattice of nx × ny × nz voxels, x fastest, with its spacing and, where known, its place in the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    shape: [usize; 3],
    spacing_mm: [f64; 3],
    affine: Option<[[f64; 4]; 4]>,
}

impl Grid {
    /// A lattice of these voxels and steps.
    ///
    /// # Errors
    /// For an empty or oversized shape, or a spacing that is not positive and finite.
    pub fn new(shape: [usize; 3], spacing_mm: [f64; 3]) -> Result<Self, GridError> {
        let count = shape.iter().try_fold(1_usize, |n, &axis| n.checked_mul(axis));
        if count.is_none_or(|n| n == 0) || shape.iter().any(|&n| n > i32::MAX as usize / 4) {
            return Err(GridError::Shape);
        }
        if !spacing_mm.iter().all(|&s| s > 0.0 && s.is_finite()) {
            return Err(GridError::Spacing);
        }
        Ok(Self { shape, spacing_mm, affine: None })
    }

    /// The same with its place in the patient: (x, y, z, 1) to millimetres.
    #[must_use]
    pub fn with_affine(mut self, affine: [[f64; 4]; 4]) -> Self {
        self.affine = Some(affine);
        self
    }

    /// The same as a grid in patient space, where its place is known (the affine taken as RAS+).
    pub fn in_space(&self) -> Option<geometry::Grid> {
        let shape = self.shape.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        geometry::Grid::from_affine_ras(shape, &self.affine?)
    }

    /// Voxels along x, y, z.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Millimetres between voxels along x, y, z.
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// How many voxels there are.
    pub fn voxels(&self) -> usize {
        self.shape.iter().product()
    }

    /// Volume of one voxel; less than the product of the steps where the axes are not at right angles.
    pub fn voxel_mm3(&self) -> f64 {
        let product: f64 = self.spacing_mm.iter().product();
        match self.in_space().map(|grid| grid.voxel_mm3()) {
            Some(sheared) if (sheared - product).abs() > SHEARED * product => sheared,
            _ => product,
        }
    }

    /// Whether voxel by voxel comparison makes sense: the same matrix, spacing and (where both know it) place.
    ///
    /// # Errors
    /// Which of them differs.
    pub fn check_same(&self, other: &Self) -> Result<(), GridError> {
        if self.shape != other.shape {
            return Err(GridError::OtherShape(self.shape, other.shape));
        }
        let far = |a: f64, b: f64, steps: usize| (a - b).abs() * steps as f64 > SAME_GRID_MM;
        for axis in 0..3 {
            if far(self.spacing_mm[axis], other.spacing_mm[axis], self.shape[axis]) {
                return Err(GridError::OtherPlace);
            }
        }
        if let (Some(a), Some(b)) = (&self.affine, &other.affine) {
            for row in 0..3 {
                for column in 0..4 {
                    let steps = self.shape.get(column).copied().unwrap_or(1);
                    if far(a[row][column], b[row][column], steps) {
                        return Err(GridError::OtherPlace);
                    }
                }
            }
        }
        Ok(())
    }
}

/// A number that says which structure a voxel belongs to; 0 is background.
pub trait Label: Copy + Eq + Ord + Send + Sync + 'static {
    /// The number.
    fn number(self) -> u32;
    /// Whether any of these is a structure; written so that it runs at memory speed.
    fn any(row: &[Self]) -> bool;
}

macro_rules! label {
    ($($t:ty),*) => {$(
        impl Label for $t {
            fn number(self) -> u32 {
                u32::from(self)
            }

            fn any(row: &[Self]) -> bool {
                row.iter().fold(0, |all, &v| all | v) != 0
            }
        }
    )*};
}
label!(u8, u16, u32);

/// The labels of a grid in the smallest type that holds them, x fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Labels up to 255.
    U8(Vec<u8>),
    /// Labels up to 65535.
    U16(Vec<u16>),
    /// Any label.
    U32(Vec<u32>),
}

impl Labels {
    /// How many voxels there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::U32(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
