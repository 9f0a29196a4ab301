//! Volumes on another grid, on request: gantry tilt taken out, axes turned to an anatomical order, spacing and range of
//! values made the same for all. One interpolation at most, however much is asked, and none where voxels only change
//! places. What was done is told as a [`Transform`].

use rayon::prelude::*;
use serde::Serialize;

use super::{MAX_BYTES, Volume, VolumeError, Voxels};
use crate::model::geometry::{Grid, Vec3, add, cross, dot, norm, scale, sub};
use crate::model::pixels::Samples;

/// Angles below this are rounding of the header, not tilt.
const LEAST_TILT_DEGREES: f64 = 0.01;
/// Indices this close to a whole number are one.
const WHOLE: f64 = 1e-6;

/// What is asked of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standard {
    /// A sheared stack becomes one with right angles.
    pub untilt: bool,
    /// Towards where the axes point.
    pub axes: Option<Axes>,
    /// Distance of voxels.
    pub spacing: Option<Spacing>,
    /// Values are clipped to this range and scaled to 0 … 1.
    pub range: Option<[f64; 2]>,
    /// Values are labels: the nearest is taken, never one between.
    pub labels: bool,
}

/// Distance of voxels along the axes of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// As given, in mm.
    Given([f64; 3]),
    /// The smallest of the volume's own, along every axis.
    Isotropic,
}

/// Towards where each axis points, such as RAS: the first to the right, the second to the front, the third to the
/// head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes([(usize, bool); 3]);

impl Axes {
    /// From three letters, one of each pair: R or L, A or P, S or I (H and F also).
    pub fn parse(letters: &str) -> Option<Self> {
        let mut axes = [(0, false); 3];
        let mut seen = [false; 3];
        let mut given = letters.chars();
        for axis in &mut axes {
            // In LPS the first coordinate grows to the left, the second to the back, the third to the head.
            *axis = match given.next()?.to_ascii_uppercase() {
                'L' => (0, true),
                'R' => (0, false),
                'P' => (1, true),
                'A' => (1, false),
                'S' | 'H' => (2, true),
                'I' | 'F' => (2, false),
                _ => return None,
            };
            if std::mem::replace(&mut seen[axis.0], true) {
                return None;
            }
        }
        given.next().is_none().then_some(Self(axes))
    }
}

impl Standard {
    /// From the words of a person: axes such as `RAS`; a spacing such as `1`, `0.7,0.7,2` or `iso`; a range such as
    /// `-1000,400`.
    ///
    /// # Errors
    /// What should have been given.
    pub fn parse(
        untilt: bool,
        axes: Option<&str>,
        spacing: Option<&str>,
        range: Option<&str>,
    ) -> Result<Self, &'static str> {
        const AXES: &str = "axes are three letters, one of L R, one of P A, one of S I: RAS, LPS";
        Ok(Self {
            untilt,
            axes: axes.map(|text| Axes::parse(text).ok_or(AXES)).transpose()?,
            spacing: spacing.map(Spacing::parse).transpose()?,
            range: range.map(range_of).transpose()?,
            labels: false,
        })
    }
}

impl Spacing {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "iso" {
            return Ok(Self::Isotropic);
        }
        let given = match numbers(text).as_deref() {
            Some([all]) => [*all; 3],
            Some([a, b, c]) => [*a, *b, *c],
            _ => [0.0; 3],
        };
        // A micrometre to a metre.
        let plausible = given.iter().all(|v| (1e-3..=1e3).contains(v));
        plausible.then_some(Self::Given(given)).ok_or("a spacing is 1 or 0.7,0.7,2 (mm), or iso")
    }
}

fn range_of(text: &str) -> Result<[f64; 2], &'static str> {
    match numbers(text).as_deref() {
        Some([low, high]) if low < high => Ok([*low, *high]),
        _ => Err("a range is the lower and the higher value, such as -1000,400"),
    }
}

fn numbers(text: &str) -> Option<Vec<f64>> {
    let number = |part: &str| part.trim().parse().ok().filter(|v: &f64| v.is_finite());
    text.split(',').map(number).collect()
}

/// What was done to a volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transform {
    /// Columns, rows, slices before.
    pub source_shape: [u32; 3],
    /// The affine (RAS+) before.
    pub source_affine: [[f64; 4]; 4],
    /// From an index of the result (axis by axis, 1) to one of the source.
    pub index_to_source: [[f64; 4]; 4],
    /// Gantry tilt that was taken out, in degrees.
    pub untilted_degrees: Option<f64>,
    /// How values between voxels were found; `None` where voxels only changed places.
    pub interpolation: Option<&'static str>,
    /// The value of voxels outside the source, where there are any.
    pub outside: Option<f64>,
    /// Values were clipped to this range and scaled to 0 … 1.
    pub range: Option<[f64; 2]>,
}

impl Standard {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        !self.untilt && self.axes.is_none() && self.spacing.is_none() && self.range.is_none()
    }

    /// The volume as asked, and what was done to it.
    ///
    /// # Errors
    /// The result would be too large.
    pub fn apply(&self, volume: &Volume) -> Result<(Volume, Transform), VolumeError> {
        let source = volume.grid;
        let (grid, untilted) = self.plan(source);
        let too_large = |bytes| VolumeError::TooLarge { bytes };
        let voxels = grid.shape.iter().fold(u64::from(volume.volumes), |n, s| n.saturating_mul((*s).into()));
        if voxels.saturating_mul(4) > MAX_BYTES {
            return Err(too_large(voxels.saturating_mul(4)));
        }
        let mapping = Mapping::new(grid, source);
        let smallest = || volume.figures().map_or(0.0, |f| f.min);
        let (mut result, interpolation, outside) = match mapping.moves() {
            Some(moves) => (moves.apply(volume, grid), None, None),
            None => {
                let outside = if self.labels { 0.0 } else { smallest() };
                let how = if self.labels { "nearest" } else { "linear" };
                (mapping.sample(volume, grid, outside, self.labels), Some(how), Some(outside))
            }
        };
        if let Some(range) = self.range {
            scale_values(&mut result, range);
        }
        let transform = Transform {
            source_shape: source.shape,
            source_affine: source.affine_ras(),
            index_to_source: mapping.matrix(),
            untilted_degrees: untilted,
            interpolation,
            outside,
            range: self.range,
        };
        Ok((result, transform))
    }

    /// The grid that is asked for, and the tilt that it leaves out.
    fn plan(&self, source: Grid) -> (Grid, Option<f64>) {
        let tilt = Some(source.tilt_degrees()).filter(|t| self.untilt && *t > LEAST_TILT_DEGREES);
        let mut grid = if tilt.is_some() { upright(source) } else { source };
        if let Some(axes) = self.axes {
            grid = turned(grid, axes);
        }
        match self.spacing {
            Some(Spacing::Given(spacing)) => grid = spaced(grid, spacing),
            Some(Spacing::Isotropic) => {
                let least = grid.step_mm().into_iter().fold(f64::INFINITY, f64::min);
                grid = spaced(grid, [least; 3]);
            }
            None => {}
        }
        (grid, tilt)
    }
}

fn steps(grid: Grid) -> [Vec3; 3] {
    [grid.column_mm, grid.row_mm, grid.slice_mm]
}

fn with_steps(shape: [u32; 3], [column_mm, row_mm, slice_mm]: [Vec3; 3], origin_mm: Vec3) -> Grid {
    Grid { shape, column_mm, row_mm, slice_mm, origin_mm }
}

/// The slices stay in their planes and move within them until each lies over the one before; the first stays where it
/// is, and the grid is widened so that none is cut.
fn upright(grid: Grid) -> Grid {
    let normal = cross(grid.column_mm, grid.row_mm);
    let normal = scale(normal, 1.0 / norm(normal));
    let slice_mm = scale(normal, dot(grid.slice_mm, normal));
    // By how many columns and rows a slice lies beside the one before.
    let shift = grid.index_of(add(grid.origin_mm, sub(grid.slice_mm, slice_mm)));
    let last = f64::from(grid.shape[2].saturating_sub(1));
    let (mut shape, mut origin) = (grid.shape, grid.origin_mm);
    for (axis, step) in [grid.column_mm, grid.row_mm].into_iter().enumerate() {
        let total = shift[axis] * last;
        let (before, after) = ((-total).max(0.0).ceil(), total.max(0.0).ceil());
        origin = sub(origin, scale(step, before));
        shape[axis] = shape[axis].saturating_add((before + after) as u32);
    }
    with_steps(shape, [grid.column_mm, grid.row_mm, slice_mm], origin)
}

/// The same voxels with their axes in another order and direction: those nearest to what is asked.
fn turned(grid: Grid, axes: Axes) -> Grid {
    let (all, shape) = (steps(grid), grid.shape);
    let cosine = |step: usize, patient: usize| (all[step][patient] / norm(all[step])).abs();
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let fit = |order: &[usize; 3]| -> f64 { (0..3).map(|i| cosine(order[i], axes.0[i].0)).sum() };
    let best = ORDERS.into_iter().max_by(|a, b| fit(a).total_cmp(&fit(b))).unwrap_or([0, 1, 2]);
    let (mut origin, mut turned) = (grid.origin_mm, [[0.0; 3]; 3]);
    for (i, step) in best.into_iter().enumerate() {
        let (patient, grows) = axes.0[i];
        let flip = (all[step][patient] > 0.0) != grows;
        if flip {
            origin = add(origin, scale(all[step], f64::from(shape[step].saturating_sub(1))));
        }
        turned[i] = scale(all[step], if flip { -1.0 } else { 1.0 });
    }
    with_steps(best.map(|step| shape[step]), turned, origin)
}

/// The same box, as nearly as whole voxels fill it, around the same centre.
fn spaced(grid: Grid, spacing_mm: [f64; 3]) -> Grid {
    let old = steps(grid);
    let (mut shape, mut new, mut origin) = (grid.shape, old, grid.origin_mm);
    for axis in 0..3 {
        let (step, count) = (norm(old[axis]), f64::from(grid.shape[axis]));
        let voxels = (count * step / spacing_mm[axis]).round().clamp(1.0, f64::from(u32::MAX));
        shape[axis] = voxels as u32;
        new[axis] = scale(old[axis], spacing_mm[axis] / step);
        let first = (count * step - voxels * spacing_mm[axis]) / 2.0 + spacing_mm[axis] / 2.0 - step / 2.0;
        origin = add(origin, scale(old[axis], first / step));
    }
    with_steps(shape, new, origin)
}

/// From indices of the result to indices of the source.
struct Mapping {
    /// Source index of voxel (0, 0, 0).
    origin: Vec3,
    /// Change of the source index for a step along each axis of the result.
    steps: [Vec3; 3],
}

impl Mapping {
    fn new(result: Grid, source: Grid) -> Self {
        let origin = source.index_of(result.origin_mm);
        let along = |step: Vec3| sub(source.index_of(add(result.origin_mm, step)), origin);
        Self { origin, steps: steps(result).map(along) }
    }

    fn matrix(&self) -> [[f64; 4]; 4] {
        let row = |i: usize| [self.steps[0][i], self.steps[1][i], self.steps[2][i], self.origin[i]];
        [row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]]
    }

    /// The mapping as a change of places, where it is one.
    fn moves(&self) -> Option<Moves> {
        let whole = |v: f64| ((v - v.round()).abs() < WHOLE).then_some(v.round() as i64);
        let vector = |v: Vec3| Some([whole(v[0])?, whole(v[1])?, whole(v[2])?]);
        let steps = [vector(self.steps[0])?, vector(self.steps[1])?, vector(self.steps[2])?];
        let unit = |v: &[i64; 3]| v.iter().map(|c| c.abs()).sum::<i64>() == 1;
        steps.iter().all(unit).then_some(Moves { origin: vector(self.origin)?, steps })
    }

    /// Values between voxels; up to half a voxel outside the nearest one counts, as everywhere in the field.
    fn sample(&self, volume: &Volume, grid: Grid, outside: f64, nearest: bool) -> Volume {
        let [columns, rows, slices] = grid.shape.map(|n| n as usize);
        let per_slice = columns * rows;
        let at = |index: usize| -> Vec3 {
            let (column, row, slice) =
                (index % columns, index % per_slice / columns, index / per_slice % slices);
            let parts = [column, row, slice];
            (0..3).fold(self.origin, |sum, axis| add(sum, scale(self.steps[axis], parts[axis] as f64)))
        };
        let source = volume.grid.shape.map(|n| n as usize);
        let per_volume = source.iter().product::<usize>();
        let total = per_slice * slices * volume.volumes as usize;
        let value = |index: usize, get: &(dyn Fn(usize) -> f64 + Sync)| {
            let first = index / (per_slice * slices) * per_volume;
            interpolated(at(index), source, nearest, &|i| get(first + i))
        };
        let voxels = match &volume.voxels {
            Voxels::Grey(samples) => {
                let (slope, intercept) = (volume.slope, volume.intercept);
                let get = |i: usize| samples.get(i).unwrap_or(0.0);
                let real =
                    |index: usize| value(index, &get).map_or(outside, |v| v * slope + intercept) as f32;
                Voxels::Grey(Samples::F32((0..total).into_par_iter().map(real).collect()))
            }
            Voxels::Rgb(colours) => {
                let channel = |index: usize, c: usize| {
                    let get = |i: usize| colours.get(i).map_or(0.0, |p| f64::from(p[c]));
                    value(index, &get).map_or(0, |v| v.round().clamp(0.0, 255.0) as u8)
                };
                let colour = |index: usize| [0, 1, 2].map(|c| channel(index, c));
                Voxels::Rgb((0..total).into_par_iter().map(colour).collect())
            }
        };
        Volume { grid, voxels, slope: 1.0, intercept: 0.0, ..*volume }
    }
}

/// The value at an index between voxels of a block of `size`; `None` outside.
fn interpolated(at: Vec3, size: [usize; 3], nearest: bool, get: &dyn Fn(usize) -> f64) -> Option<f64> {
    let (mut low, mut high, mut part) = ([0; 3], [0; 3], [0.0; 3]);
    for axis in 0..3 {
        let last = size[axis].checked_sub(1)?;
        // Rounding must not push a voxel of the edge out.
        if at[axis] < -0.5 - WHOLE || at[axis] > last as f64 + 0.5 + WHOLE {
            return None;
        }
        let mut inside = at[axis].clamp(0.0, last as f64);
        if nearest || (inside - inside.round()).abs() < WHOLE {
            inside = inside.round();
        }
        low[axis] = inside as usize;
        part[axis] = inside - inside.floor();
        high[axis] = (low[axis] + 1).min(last);
    }
    let mut sum = 0.0;
    for corner in 0..8_usize {
        let (mut weight, mut index, mut stride) = (1.0, 0, 1);
        for axis in 0..3 {
            let up = corner >> axis & 1 == 1;
            weight *= if up { part[axis] } else { 1.0 - part[axis] };
            index += stride * if up { high[axis] } else { low[axis] };
            stride *= size[axis];
        }
        if weight > 0.0 {
            sum += weight * get(index);
        }
    }
    Some(sum)
}

/// A change of places.
struct Moves {
    origin: [i64; 3],
    steps: [[i64; 3]; 3],
}

impl Moves {
    /// The same voxels elsewhere, stored as they were.
    fn apply(&self, volume: &Volume, grid: Grid) -> Volume {
        let [columns, rows, slices] = grid.shape.map(i64::from);
        let source = volume.grid.shape.map(i64::from);
        let strides = [1, source[0], source[0] * source[1]];
        let along = |v: &[i64; 3]| (0..3).map(|i| v[i] * strides[i]).sum::<i64>();
        let (first, step) = (along(&self.origin), [0, 1, 2].map(|i| along(&self.steps[i])));
        let per_volume = source.iter().product::<i64>();
        let mut order = Vec::with_capacity((columns * rows * slices) as usize * volume.volumes as usize);
        for at in 0..i64::from(volume.volumes) {
            for slice in 0..slices {
                for row in 0..rows {
                    let from = at * per_volume + first + slice * step[2] + row * step[1];
                    order.extend((0..columns).map(|column| (from + column * step[0]) as usize));
                }
            }
        }
        let voxels = match &volume.voxels {
            Voxels::Rgb(v) => Voxels::Rgb(picked(v, &order)),
            Voxels::Grey(samples) => Voxels::Grey(match samples {
                Samples::U8(v) => Samples::U8(picked(v, &order)),
                Samples::I8(v) => Samples::I8(picked(v, &order)),
                Samples::U16(v) => Samples::U16(picked(v, &order)),
                Samples::I16(v) => Samples::I16(picked(v, &order)),
                Samples::U32(v) => Samples::U32(picked(v, &order)),
                Samples::I32(v) => Samples::I32(picked(v, &order)),
                Samples::F32(v) => Samples::F32(picked(v, &order)),
                Samples::F64(v) => Samples::F64(picked(v, &order)),
            }),
        };
        Volume { grid, voxels, ..*volume }
    }
}

fn picked<T: Copy + Default>(from: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&i| from.get(i).copied().unwrap_or_default()).collect()
}

/// Clips real values to a range and scales them to 0 … 1. Colours stay.
fn scale_values(volume: &mut Volume, [low, high]: [f64; 2]) {
    if let Voxels::Grey(samples) = &volume.voxels {
        let (slope, intercept) = (volume.slope, volume.intercept);
        let scaled = |i: usize| {
            let real = samples.get(i).unwrap_or(0.0) * slope + intercept;
            ((real.clamp(low, high) - low) / (high - low)) as f32
        };
        let values = (0..samples.len()).into_par_iter().map(scaled).collect();
        (volume.voxels, volume.slope, volume.intercept) = (Voxels::Grey(Samples::F32(values)), 1.0, 0.0);
    }
}
