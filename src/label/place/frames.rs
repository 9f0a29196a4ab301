//! Frames laid on an image, each by where it lies.

use super::own::{Planes, lattice};
use super::{Difference, Placing, Refused, fit};
use crate::label::mask::{Mask, Run};
use crate::label::{Fraction, Frames, Pixels, PlanarFrame, Plane};
use crate::model::VoxelMapping;
use crate::model::geometry::{Grid, Vec3, dot, norm, sub};

/// Planes of values, by slice.
type Values = Vec<(u32, Vec<u8>)>;

/// Where a frame lies on an image.
enum Spot {
    /// On one slice: how its pixels are numbered there.
    Slice(u32, VoxelMapping),
    /// Across slices.
    Across(VoxelMapping),
}

/// The frames of one structure on the image: its voxels, and the values of a fractional one.
pub(super) fn place(
    placing: &Placing<'_>,
    name: &dyn Fn() -> String,
    frames: &Frames,
    planes: &Planes,
) -> Result<(Mask, Option<(Fraction, Values)>), Refused> {
    let image = placing.image;
    let [columns, rows, _] = image.grid.shape;
    let along = image.along_mm();
    let (mut runs, mut values): (Vec<Run>, Values) = (Vec::new(), Vec::new());
    for frame in &frames.frames {
        let spot = spot(placing, frame, frames, planes, &along)?;
        let put = |x: u32, y: u32| -> Option<[i64; 3]> {
            let at = match &spot {
                Spot::Slice(slice, mapping) => {
                    let [x, y, _] = mapping.index([x, y, 0]);
                    [x, y, i64::from(*slice)]
                }
                Spot::Across(mapping) => mapping.index([x, y, 0]),
            };
            let on = |v: i64, n: u32| (0..i64::from(n)).contains(&v);
            (on(at[0], columns) && on(at[1], rows) && on(at[2], image.grid.shape[2])).then_some(at)
        };
        let beyond = || Refused::OutsideImage(name());
        match &frame.pixels {
            Pixels::Inside(inside) => {
                for run in inside {
                    spread(*run, &put, rows, &mut runs).ok_or_else(beyond)?;
                }
            }
            Pixels::Values(pixels) => {
                let shape = [columns as usize, rows as usize];
                add_values(pixels, frames.columns, &put, shape, &mut values).ok_or_else(beyond)?;
            }
        }
    }
    let Some(fraction) = frames.fraction else {
        return Ok((Mask::of_runs(image.grid.shape, runs), None));
    };
    values.sort_by_key(|(slice, _)| *slice);
    let least = least(fraction, placing.options.threshold());
    Ok((counted(&values, least, image.grid.shape), Some((fraction, values))))
}

/// The smallest value that counts.
pub(crate) fn least(fraction: Fraction, threshold: f64) -> u8 {
    (threshold * f64::from(fraction.maximum) - 1e-9).ceil().clamp(1.0, 255.0) as u8
}

/// Voxels whose value counts.
fn counted(values: &Values, least: u8, shape: [u32; 3]) -> Mask {
    let [columns, rows, _] = shape;
    let mut runs = Vec::new();
    for (slice, plane) in values {
        for (row, cells) in (0_u32..).zip(plane.chunks(columns as usize)) {
            let mut from = 0_usize;
            for run in cells.chunk_by(|a, b| (*a >= least) == (*b >= least)) {
                let to = from + run.len();
                if run[0] >= least {
                    runs.push(Run { row: slice * rows + row, from: from as u16, to: to as u16 });
                }
                from = to;
            }
        }
    }
    Mask::of_runs(shape, runs)
}

/// The pixels of a run where they come to lie. `None` beyond the image.
fn spread(
    run: Run,
    put: &impl Fn(u32, u32) -> Option<[i64; 3]>,
    rows: u32,
    runs: &mut Vec<Run>,
) -> Option<()> {
    let row_of = |at: [i64; 3]| (at[2] * i64::from(rows) + at[1]) as u32;
    let ends = [put(run.from.into(), run.row)?, put(u32::from(run.to) - 1, run.row)?];
    if ends[0][1..] == ends[1][1..] {
        let (a, b) = (ends[0][0].min(ends[1][0]), ends[0][0].max(ends[1][0]));
        runs.push(Run { row: row_of(ends[0]), from: a as u16, to: b as u16 + 1 });
        return Some(());
    }
    for x in run.from..run.to {
        let at = put(x.into(), run.row)?;
        runs.push(Run { row: row_of(at), from: at[0] as u16, to: at[0] as u16 + 1 });
    }
    Some(())
}

/// Values where they come to lie; of two for one voxel the larger stays.
fn add_values(
    pixels: &[u8],
    width: u32,
    put: &impl Fn(u32, u32) -> Option<[i64; 3]>,
    [columns, rows]: [usize; 2],
    values: &mut Values,
) -> Option<()> {
    for (i, value) in pixels.iter().enumerate().filter(|(_, v)| **v > 0) {
        let [x, y, z] = put(i as u32 % width, i as u32 / width)?;
        let slice = z as u32;
        let place = values.iter().rposition(|(k, _)| *k == slice).unwrap_or_else(|| {
            values.push((slice, vec![0; columns * rows]));
            values.len() - 1
        });
        let cell = &mut values[place].1[y as usize * columns + x as usize];
        *cell = (*cell).max(*value);
    }
    Some(())
}

/// Where a frame lies.
fn spot(
    placing: &Placing<'_>,
    frame: &PlanarFrame,
    frames: &Frames,
    planes: &Planes,
    along: &[f64],
) -> Result<Spot, Refused> {
    let image = placing.image;
    let Some(plane) = frame.plane.filter(|_| image.placed) else {
        return by_reference(placing, frame, frames);
    };
    let shape = [frames.columns, frames.rows, 1];
    let mismatch = || Refused::OtherGrid(difference(placing, planes, &plane, shape));
    let normal = image.normal();
    let depth = dot(sub(plane.origin_mm, image.origins_mm.first().copied().unwrap_or_default()), normal);
    // Along the slices?
    let in_plane = |v: Vec3| dot(v, normal).abs() < 0.02 * norm(v);
    if in_plane(plane.column_mm) && in_plane(plane.row_mm) {
        let nearest =
            along.iter().enumerate().min_by(|a, b| (a.1 - depth).abs().total_cmp(&(b.1 - depth).abs()));
        let (slice, at) = nearest.ok_or_else(mismatch)?;
        if (at - depth).abs() > 0.5 * norm(image.grid.slice_mm) && is_empty(frame) {
            let nowhere = VoxelMapping::between(&image.slice_grid(0), &image.slice_grid(0));
            return nowhere.map(|m| Spot::Slice(slice as u32, m)).map_err(|_| mismatch());
        }
        let to = image.slice_grid(slice as u32);
        let from = grid(&plane, shape, to.slice_mm).ok_or_else(mismatch)?;
        return match fit(&from, &to) {
            Ok(mapping) if mapping.index([0; 3])[2] == 0 => Ok(Spot::Slice(slice as u32, mapping)),
            // Whole steps beyond the first or the last slice.
            Ok(_) => Err(Refused::OutsideImage("a frame".into())),
            Err(_) => Err(mismatch()),
        };
    }
    if !image.is_regular() {
        return Err(Refused::Irregular);
    }
    let across = [image.grid.column_mm, image.grid.row_mm, image.grid.slice_mm];
    let runs_along = |step: Vec3, axis: Vec3| dot(step, axis).abs() > 0.5 * norm(step) * norm(axis);
    let left = across
        .into_iter()
        .find(|axis| !runs_along(plane.column_mm, *axis) && !runs_along(plane.row_mm, *axis))
        .ok_or_else(mismatch)?;
    let from = grid(&plane, shape, left).ok_or_else(mismatch)?;
    fit(&from, &image.grid).map(Spot::Across).map_err(|_| mismatch())
}

fn is_empty(frame: &PlanarFrame) -> bool {
    match &frame.pixels {
        Pixels::Inside(runs) => runs.is_empty(),
        Pixels::Values(values) => values.iter().all(|v| *v == 0),
    }
}

fn grid(plane: &Plane, shape: [u32; 3], slice_mm: Vec3) -> Option<Grid> {
    Grid::new(shape, plane.column_mm, plane.row_mm, slice_mm, plane.origin_mm)
}

/// What differs: between the grid of all frames and the image, else between one frame and the image.
fn difference(placing: &Placing<'_>, planes: &Planes, plane: &Plane, shape: [u32; 3]) -> Difference {
    let image = &placing.image.grid;
    let whole = lattice(planes).ok().map(|(grid, _)| grid);
    let one = || grid(plane, shape, image.slice_mm);
    let label = whole.or_else(one).unwrap_or(*image);
    // What fits as a whole has a frame between the slices of the image.
    fit(&label, image).err().unwrap_or_default()
}

/// The slice that a frame refers to; of an image of one slice that one.
fn by_reference(placing: &Placing<'_>, frame: &PlanarFrame, frames: &Frames) -> Result<Spot, Refused> {
    let image = placing.image;
    let [columns, rows, depth] = image.grid.shape;
    let named = frame.sources.iter().find_map(|source| placing.index.slice(source));
    let only = (depth == 1 && frame.sources.is_empty()).then_some(0);
    let slice = named.or(only).ok_or(Refused::OtherImage)?;
    if [frames.columns, frames.rows] != [columns, rows] {
        let matrix = Difference::of_matrix([frames.columns, frames.rows], [columns, rows]);
        return Err(Refused::OtherGrid(matrix));
    }
    let to = image.slice_grid(slice);
    let same = VoxelMapping::between(&to, &to).map_err(|_| Refused::NoImage("its pixels span no plane"))?;
    Ok(Spot::Slice(slice, same))
}
