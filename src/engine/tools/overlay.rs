//! Labels of a file laid on a slice, by where both lie in the patient: never by their indices.

use std::collections::BTreeMap;
use std::path::Path;

use super::label::{LabelFile, OnGrid};
use super::view::ViewError;
use crate::convert::images;
use crate::label::Refused;
use crate::label::place::{Options, own_grid, place};
use crate::measure::grid::Labels;
use crate::model::geometry::{Grid, Vec3, add, scale, sub};
use crate::render::LabelMask;
use crate::series::{Series, Slice, Stack};

/// Pixels that are looked at to choose a slice, at most.
const MOST_SAMPLES: u64 = 8_000_000;

/// Labels on the pixels of one slice.
#[derive(Debug)]
pub struct Laid {
    /// The label of each pixel, 0 for none.
    pub mask: LabelMask,
    /// Labels on this slice: number, name where the file has one, pixels.
    pub present: Vec<(u32, Option<String>, u64)>,
    /// What is odd about the file, in words.
    pub warnings: Vec<String>,
}

/// The labels of a file and where they lie.
pub(super) struct Overlay {
    grid: Grid,
    labels: Labels,
    names: BTreeMap<u32, String>,
    warnings: Vec<String>,
}

/// A plane of pixels in patient space: LPS, millimetres.
pub(super) struct Plane {
    /// Centre of the first pixel.
    origin: Vec3,
    /// From one column to the next.
    per_column: Vec3,
    /// From one row to the next.
    per_row: Vec3,
}

impl Plane {
    /// Where a slice lies, by its own header.
    pub fn of(series: &Series, slice: &Slice) -> Option<Self> {
        let header = &series.instances.get(slice.instance as usize)?.header;
        let frame = header.frames.get(slice.frame.saturating_sub(1) as usize)?;
        let (orientation, [between_rows, between_columns]) = (frame.orientation?, frame.spacing_mm?);
        Some(Self {
            origin: frame.position_mm?,
            per_column: scale(orientation.row, between_columns),
            per_row: scale(orientation.column, between_rows),
        })
    }

    fn centre_mm(&self, column: f64, row: f64) -> Vec3 {
        add(self.origin, add(scale(self.per_column, column), scale(self.per_row, row)))
    }
}

impl Overlay {
    /// Reads a label file: on the grid of its own where it has one, else on that of the stack.
    ///
    /// # Errors
    /// It cannot be read, or does not say where it lies.
    pub fn read(path: &Path, series: &Series, stack: &Stack) -> Result<Self, ViewError> {
        let file = LabelFile::read(path).map_err(ViewError::Labels)?;
        let grid = match file.common_grid(&file) {
            Err(Refused::NoImage(_)) => stack.grid.ok_or(ViewError::NoPlace)?,
            own => own?,
        };
        let warnings = file.warnings();
        let on = match file {
            LabelFile::Set(set) if own_grid(&set).is_err() => {
                let image = images(series, stack, &|_| None).into_iter().next().ok_or(ViewError::NoPlace)?.0;
                OnGrid::Placed(place(*set, &image, Options::default())?)
            }
            ref file => return Ok(Self::of(&file.on(&grid)?, grid, warnings)),
        };
        Ok(Self::of(&on, grid, warnings))
    }

    fn of(on: &OnGrid<'_>, grid: Grid, warnings: Vec<String>) -> Self {
        let named = on.present().into_iter().filter_map(|n| Some((n, on.name(n)?.to_owned())));
        let names = named.collect();
        let labels = on.labels().unwrap_or_else(|| stacked(on));
        Self { grid, labels, names, warnings }
    }

    /// The number of the slice, from 1, on which most labelled pixels lie; `None` where no slice has any.
    pub fn fullest(&self, series: &Series, stack: &Stack) -> Option<u32> {
        let common = &stack.common;
        let (columns, rows) = (common.columns?, common.rows?);
        // Of large series some pixels tell where most is.
        let pixels = u64::from(columns) * u64::from(rows) * stack.slices.len() as u64;
        let step = (1..8).find(|step| pixels / (step * step) <= MOST_SAMPLES).unwrap_or(8) as usize;
        let counts = stack.slices.iter().zip(1_u32..).filter_map(|(slice, number)| {
            let plane = Plane::of(series, slice)?;
            Some((self.sampled(&plane, columns, rows, step).filter(|label| *label > 0).count(), number))
        });
        let best = counts.max_by_key(|(count, number)| (*count, std::cmp::Reverse(*number)))?;
        (best.0 > 0).then_some(best.1)
    }

    /// The label of each pixel: that of the voxel whose centre is nearest, none beyond half a voxel outside.
    pub fn laid_on(&self, plane: &Plane, columns: u32, rows: u32) -> Laid {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        let labels = self.sampled(plane, columns, rows, 1).map(|label| {
            if label > 0 {
                *counts.entry(label).or_default() += 1;
            }
            // Numbers beyond sixteen bits keep a colour, and never become background.
            u16::try_from(label).unwrap_or_else(|_| ((label - 1) % 65_535 + 1) as u16)
        });
        let mask = LabelMask { columns, rows, labels: labels.collect() };
        let name = |number: &u32| self.names.get(number).cloned();
        let present = counts.iter().map(|(number, pixels)| (*number, name(number), *pixels)).collect();
        Laid { mask, present, warnings: self.warnings.clone() }
    }

    fn sampled(&self, plane: &Plane, columns: u32, rows: u32, step: usize) -> impl Iterator<Item = u32> + '_ {
        // The way from pixel to voxel is affine: one step along a row is the same everywhere.
        let first = self.grid.index_of(plane.centre_mm(0.0, 0.0));
        let along = sub(self.grid.index_of(plane.centre_mm(1.0, 0.0)), first);
        let down = sub(self.grid.index_of(plane.centre_mm(0.0, 1.0)), first);
        (0..rows).step_by(step).flat_map(move |row| {
            (0..columns).step_by(step).map(move |column| {
                let index = add(first, add(scale(along, f64::from(column)), scale(down, f64::from(row))));
                self.at(index)
            })
        })
    }

    fn at(&self, index: Vec3) -> u32 {
        let mut place = [0_usize; 3];
        for axis in 0..3 {
            let nearest = index[axis].round();
            if !(nearest >= 0.0 && nearest < f64::from(self.grid.shape[axis])) {
                return 0;
            }
            place[axis] = nearest as usize;
        }
        let [nx, ny, _] = self.grid.shape.map(|n| n as usize);
        let at = (place[2] * ny + place[1]) * nx + place[0];
        match &self.labels {
            Labels::U8(v) => v.get(at).map_or(0, |label| u32::from(*label)),
            Labels::U16(v) => v.get(at).map_or(0, |label| u32::from(*label)),
            Labels::U32(v) => v.get(at).copied().unwrap_or(0),
        }
    }
}

/// Structures that share voxels as one labelmap: the one with the smaller number lies on top.
fn stacked(on: &OnGrid<'_>) -> Labels {
    let mut labels: Vec<u32> = Vec::new();
    for number in on.present() {
        let mask = on.mask(number);
        labels.resize(mask.len(), 0);
        for (label, inside) in labels.iter_mut().zip(mask) {
            if inside > 0 && *label == 0 {
                *label = number;
            }
        }
    }
    Labels::U32(labels)
}
