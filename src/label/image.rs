//! The image that labels are laid on: the voxels of one stack, and which instance each slice is.

use std::collections::HashMap;

use super::{ImageRef, Plane};
use crate::model::geometry::{Grid, Vec3, cross, dot, norm, scale, sub};

/// An instance, or one frame of it, that is a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRef {
    /// SOP Instance UID.
    pub sop_uid: String,
    /// SOP Class UID.
    pub sop_class: String,
    /// The frame, from 1, where the instance has several.
    pub frame: Option<u32>,
    /// The name of its file, without folders.
    pub file: Option<String>,
}

/// One stack of a series as labels see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Series Instance UID.
    pub series_uid: Option<String>,
    /// Study Instance UID.
    pub study_uid: Option<String>,
    /// Frame of Reference UID.
    pub frame_of_reference: Option<String>,
    /// Its voxels. Of an image without position: the pixels, columns to the left and rows to the feet, one millimetre deep.
    pub grid: Grid,
    /// Whether the grid lies in a patient.
    pub placed: bool,
    /// The first pixel of each slice, LPS; empty where the image has no position.
    pub origins_mm: Vec<Vec3>,
    /// What each slice is, in the order of the grid.
    pub slices: Vec<SliceRef>,
}

/// Share of a step by which slices may miss a regular grid.
const EVEN: f64 = 0.01;

impl Image {
    /// Whether the slices follow one another in even steps, so that they are one volume.
    pub fn is_regular(&self) -> bool {
        let step = norm(self.grid.slice_mm);
        let misses = |(k, origin): (usize, &Vec3)| {
            norm(sub(*origin, self.grid.centre_mm([0.0, 0.0, k as f64]))) > EVEN * step
        };
        !self.origins_mm.iter().enumerate().any(misses)
    }

    /// The unit normal of the slices.
    pub fn normal(&self) -> Vec3 {
        let n = cross(self.grid.column_mm, self.grid.row_mm);
        scale(n, 1.0 / norm(n))
    }

    /// The smallest step between voxels.
    pub fn least_mm(&self) -> f64 {
        self.grid.step_mm().into_iter().fold(f64::INFINITY, f64::min)
    }

    /// Distance of each slice from the first along the normal.
    pub fn along_mm(&self) -> Vec<f64> {
        let normal = self.normal();
        let first = self.origins_mm.first().copied().unwrap_or_default();
        self.origins_mm.iter().map(|o| dot(sub(*o, first), normal)).collect()
    }

    /// The pixels of one slice as a grid of their own.
    pub fn slice_grid(&self, slice: u32) -> Grid {
        let [columns, rows, _] = self.grid.shape;
        let origin_mm = self.origins_mm.get(slice as usize).copied().unwrap_or(self.grid.origin_mm);
        Grid { shape: [columns, rows, 1], origin_mm, ..self.grid }
    }

    /// The same as a plane.
    pub fn plane(&self, slice: u32) -> Plane {
        let grid = self.slice_grid(slice);
        Plane { origin_mm: grid.origin_mm, column_mm: grid.column_mm, row_mm: grid.row_mm }
    }

    /// The slices by what refers to them.
    pub fn index(&self) -> SliceIndex<'_> {
        let mut found = SliceIndex::default();
        for (k, slice) in (0_u32..).zip(&self.slices) {
            found.by_uid.entry(&slice.sop_uid).or_default().push((slice.frame, k));
            if let Some(file) = &slice.file {
                found.by_file.entry(file).or_default().push((slice.frame, k));
            }
        }
        found
    }
}

/// Slices by what refers to them.
#[derive(Debug, Default)]
pub struct SliceIndex<'i> {
    by_uid: HashMap<&'i str, Vec<(Option<u32>, u32)>>,
    by_file: HashMap<&'i str, Vec<(Option<u32>, u32)>>,
}

impl SliceIndex<'_> {
    /// Whether an instance is of this image.
    pub fn has(&self, uid: &str) -> bool {
        self.by_uid.contains_key(uid)
    }

    /// The slice that a reference names, by UID or by the name of a file; `None` also where the instance has several
    /// frames and the reference names none.
    pub fn slice(&self, reference: &ImageRef) -> Option<u32> {
        let slices = self.by_uid.get(&*reference.uid).or_else(|| self.by_file.get(&*reference.uid))?;
        match slices.as_slice() {
            [(_, only)] => Some(*only),
            several => several.iter().find(|(frame, _)| *frame == reference.frame).map(|(_, k)| *k),
        }
    }
}
