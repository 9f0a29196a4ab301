//! `qc --labels`: label files of any format against the series whose grid they have.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::gather::Gathered;
use super::label::LabelFile;
use super::qc::{Line, Summary, line};
use crate::convert;
use crate::format::label::holds_structures;
use crate::label::LabelSet;
use crate::label::place::{Options, fit, own_grid, place, place_own};
use crate::measure::grid::Labels;
use crate::model::VoxelMapping;
use crate::model::geometry::{Grid, norm, sub};
use crate::model::pixels::Samples;
use crate::qc::{self, LabelInput, Nearest, Place, Settings, SliceSet};
use crate::series::{Instance, Series, Stack};
use crate::volume::{self, Volume, Voxels};

/// Air in HU: darker than this around the patient.
const AIR_HU: f64 = -300.0;
/// Air in other images: this share of what nearly all pixels stay below.
const AIR_SHARE: f64 = 0.1;

/// Label files among some paths; folders are looked through for files of voxels and contours.
///
/// # Errors
/// A path that cannot be read.
pub fn files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if fs::metadata(path)?.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && holds_structures(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Runs the checks of labels on every file, one after another.
pub fn run(
    gathered: &Gathered,
    files: &[PathBuf],
    names: &BTreeMap<u32, String>,
    (pixels, settings): (bool, &Settings),
    summary: &mut Summary,
    mut give: impl FnMut(Line),
) {
    for file in files {
        summary.labels += 1;
        for (series_uid, finding) in one(gathered, file, names, pixels, settings) {
            summary.count(finding.severity);
            give(line(series_uid.as_deref(), Some(file), finding));
        }
    }
}

fn one(
    gathered: &Gathered,
    file: &Path,
    names: &BTreeMap<u32, String>,
    pixels: bool,
    settings: &Settings,
) -> Vec<(Option<String>, crate::model::Finding)> {
    let label = match Label::read(gathered, file) {
        Ok(label) => label,
        Err(why) => {
            let place = Place::Unreadable { why };
            let input = LabelInput {
                shape: [0; 3],
                voxel_mm3: 1.0,
                spacing_mm: [1.0; 3],
                affine_ras: [[0.0; 4]; 4],
                structures: &[],
                names,
                place: &place,
                outside: None,
                warnings: &[],
                settings,
            };
            return qc::run_label(&input, |_| true).into_iter().map(|f| (None, f)).collect();
        }
    };
    let home = find(gathered, &label);
    let place = match &home {
        Some((series, ..)) => Place::On { series_uid: uid(series) },
        None => Place::Nowhere { nearest: nearest(gathered, &label) },
    };
    let looks = pixels && !label.structures.is_empty();
    let outside = home.as_ref().filter(|_| looks).and_then(|(series, stack, grid)| {
        let outside = outside(&load(gathered, series, stack)?, stack)?;
        let to_label = VoxelMapping::same(grid, &label.grid).ok()?;
        Some(to_label.reordered(&outside, grid, &label.grid))
    });
    // What the command line says goes before what the file says.
    let mut all_names = label.names.clone();
    all_names.extend(names.iter().map(|(number, name)| (*number, name.clone())));
    let input = LabelInput {
        shape: label.grid.shape.map(|n| n as usize),
        voxel_mm3: label.grid.voxel_mm3(),
        spacing_mm: label.grid.step_mm(),
        affine_ras: label.grid.affine_ras(),
        structures: &label.structures,
        names: if label.names.is_empty() { names } else { &all_names },
        place: &place,
        outside: outside.as_deref(),
        warnings: &label.warnings,
        settings,
    };
    let series_uid = home.and_then(|(series, ..)| uid(series));
    qc::run_label(&input, |_| true).into_iter().map(|f| (series_uid.clone(), f)).collect()
}

fn uid(series: &Series) -> Option<String> {
    series.series_uid.as_deref().map(Into::into)
}

/// What a label file holds, with its place.
struct Label {
    grid: Grid,
    structures: Vec<SliceSet>,
    /// Names of structures, where the file has some.
    names: BTreeMap<u32, String>,
    /// The series that the file says it labels.
    series_uid: Option<String>,
    warnings: Vec<String>,
}

impl Label {
    /// Reads a label file. A segmentation is laid on the grid of the series that it fits; its own frames span a grid
    /// where it fits none.
    fn read(gathered: &Gathered, file: &Path) -> Result<Self, String> {
        match LabelFile::read(file).map_err(|e| e.to_string())? {
            LabelFile::Map(map) => {
                let grid = map.grid.in_space().ok_or("its axes do not span a space")?;
                let structures = qc::structures(map.grid.shape(), &map.labels);
                let (names, series_uid) = (BTreeMap::new(), None);
                Ok(Self { grid, structures, names, series_uid, warnings: map.warnings })
            }
            LabelFile::Set(set) => Self::of_set(gathered, *set),
        }
    }

    /// Structures on the image that they fit, else on their own grid.
    fn of_set(gathered: &Gathered, set: LabelSet) -> Result<Self, String> {
        let series_uid = set.series_uid.clone();
        let own = own_grid(&set);
        let candidates = images(gathered, series_uid.as_deref()).filter_map(|(series, stack, grid)| {
            let fits = |own: &Grid| fit(own, &grid).is_ok_and(|m| m.cover(own, &grid) == grid);
            let named = || series.series_uid.as_deref() == series_uid.as_deref() && series_uid.is_some();
            let may = own.as_ref().map_or_else(|_| named(), fits);
            may.then(|| convert::images(series, stack, &|_| None).into_iter().next()).flatten()
        });
        let image = candidates.map(|(image, _)| image).next();
        let placed = match &image {
            Some(image) => place(set, image, Options::default()),
            None => place_own(set, Options::default()),
        };
        let placed = placed.map_err(|e| e.to_string())?;
        let mut structures = Vec::new();
        for structure in placed.structures.iter().filter(|s| !s.mask.is_empty()) {
            let shape = placed.grid.shape.map(|n| n as usize);
            let mut mask = vec![0_u8; shape.iter().product()];
            structure.mask.paint(1, &mut mask);
            structures.extend(qc::structures(shape, &Labels::U8(mask)).into_iter().map(|mut set| {
                set.number = structure.number;
                set
            }));
        }
        let named = placed.structures.iter().filter(|s| s.name != s.number.to_string());
        let names = named.map(|s| (s.number, s.name.clone())).collect();
        let warnings = placed.warnings.into_iter().map(|w| w.message).collect();
        Ok(Self { grid: placed.grid, structures, names, series_uid, warnings })
    }
}

/// Every stack on a grid: of the series that is named before the others, images before labels.
fn images<'g>(
    gathered: &'g Gathered,
    named: Option<&str>,
) -> impl Iterator<Item = (&'g Series, &'g Stack, Grid)> {
    let stacks = gathered.series.iter().flat_map(|s| s.stacks.iter().map(move |stack| (s, stack)));
    let mut found: Vec<_> = stacks.filter_map(|(s, stack)| Some((s, stack, stack.grid?))).collect();
    found.sort_by_key(|(s, ..)| {
        (named.is_none() || s.series_uid.as_deref() != named, s.modality() == Some("SEG"))
    });
    found.into_iter()
}

/// The stack whose voxels a label has.
fn find<'g>(gathered: &'g Gathered, label: &Label) -> Option<(&'g Series, &'g Stack, Grid)> {
    images(gathered, label.series_uid.as_deref())
        .find(|(_, _, grid)| VoxelMapping::same(&label.grid, grid).is_ok())
}

/// The stack whose corners come nearest to those of a label.
fn nearest(gathered: &Gathered, label: &Label) -> Option<Nearest> {
    let apart = |grid: &Grid| {
        let corner = |g: &Grid, c: usize| {
            g.centre_mm(std::array::from_fn(
                |a| if c >> a & 1 == 1 { f64::from(g.shape[a]) - 1.0 } else { 0.0 },
            ))
        };
        // Axes may be flipped: each corner of one to the nearest of the other.
        (0..8)
            .map(|c| {
                let at = corner(&label.grid, c);
                (0..8).map(|d| norm(sub(at, corner(grid, d)))).fold(f64::INFINITY, f64::min)
            })
            .fold(0.0, f64::max)
    };
    images(gathered, None)
        .map(|(s, _, grid)| Nearest {
            series_uid: uid(s),
            shape: grid.shape.map(|n| n as usize),
            corners_mm: apart(&grid),
        })
        .min_by(|a, b| a.corners_mm.total_cmp(&b.corners_mm))
}

fn load(gathered: &Gathered, series: &Series, stack: &Stack) -> Option<Volume> {
    let read = |instance: &Instance| -> io::Result<Vec<u8>> {
        gathered.tree.read(instance.header.source).map_err(io::Error::other)
    };
    volume::load(series, stack, &read).ok()
}

/// For each voxel of the first volume whether it is air outside the patient: dark, and reached from the edge of its slice
/// through the dark. `None` for images in which air is not known.
fn outside(volume: &Volume, stack: &Stack) -> Option<Vec<bool>> {
    let Voxels::Grey(samples) = &volume.voxels else { return None };
    let [nx, ny, nz] = volume.grid.shape.map(|n| n as usize);
    let mut values = Vec::with_capacity(nx * ny * nz);
    each(samples, nx * ny * nz, |v| values.push((v * volume.slope + volume.intercept) as f32));
    let air = match stack.common.modality.as_deref() {
        Some("CT") => AIR_HU,
        Some("MR") => AIR_SHARE * f64::from(percentile_99(&values)?),
        _ => return None,
    };
    let mut out = vec![false; values.len()];
    for (slice, out) in values.chunks(nx * ny).zip(out.chunks_mut(nx * ny)) {
        flood(slice, out, [nx, ny], air as f32);
    }
    Some(out)
}

/// Marks what is dark and connected with the edge.
fn flood(slice: &[f32], out: &mut [bool], [nx, ny]: [usize; 2], air: f32) {
    let mut todo: Vec<usize> = Vec::new();
    let edge =
        (0..nx).flat_map(|x| [x, x + nx * (ny - 1)]).chain((0..ny).flat_map(|y| [nx * y, nx * y + nx - 1]));
    let visit = |at: usize, out: &mut [bool], todo: &mut Vec<usize>| {
        if !out[at] && slice[at] < air {
            out[at] = true;
            todo.push(at);
        }
    };
    edge.for_each(|at| visit(at, out, &mut todo));
    while let Some(at) = todo.pop() {
        let (x, y) = (at % nx, at / nx);
        if x > 0 {
            visit(at - 1, out, &mut todo);
        }
        if x + 1 < nx {
            visit(at + 1, out, &mut todo);
        }
        if y > 0 {
            visit(at - nx, out, &mut todo);
        }
        if y + 1 < ny {
            visit(at + nx, out, &mut todo);
        }
    }
}

/// What 99 of 100 values stay below.
fn percentile_99(values: &[f32]) -> Option<f32> {
    let mut some: Vec<f32> = values.iter().step_by((values.len() / 100_000).max(1)).copied().collect();
    some.retain(|v| v.is_finite());
    if some.is_empty() {
        return None;
    }
    let at = some.len() * 99 / 100;
    Some(*some.select_nth_unstable_by(at, f32::total_cmp).1)
}

/// The first `n` samples as numbers.
fn each(samples: &Samples, n: usize, mut give: impl FnMut(f64)) {
    match samples {
        Samples::U8(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::I8(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::U16(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::I16(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::U32(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::I32(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::F32(v) => v.iter().take(n).for_each(|&x| give(x.into())),
        Samples::F64(v) => v.iter().take(n).for_each(|&x| give(x)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn air_inside_the_patient_is_not_outside() {
        // A ring of tissue with air in it.
        let ring = |x: i32, y: i32| (2..=3).contains(&x.max(y).max(-x).max(-y));
        let slice: Vec<f32> =
            (-5..=5).flat_map(|y| (-5..=5).map(move |x| if ring(x, y) { 40.0 } else { -1000.0 })).collect();
        let mut out = vec![false; slice.len()];
        flood(&slice, &mut out, [11, 11], -300.0);
        assert!(out[0] && !out[5 * 11 + 5] && !out[5 * 11 + 7]);
        assert_eq!(out.iter().filter(|o| **o).count(), 121 - 49);
    }
}
