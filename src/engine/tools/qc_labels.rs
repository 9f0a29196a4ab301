//! `qc --labels`: labelmaps against the series whose grid they have.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::gather::Gathered;
use super::qc::{Line, Summary, line};
use crate::format::nifti::Nifti;
use crate::measure::grid::Labels;
use crate::model::geometry::{Grid, Vec3, norm, sub};
use crate::model::pixels::Samples;
use crate::qc::{self, LabelInput, Nearest, Place, Settings};
use crate::series::{Instance, Series, Stack};
use crate::volume::{self, Volume, Voxels};

/// Voxels by which two grids may differ and still be the same.
const SAME_VOXEL: f64 = 0.02;
/// Air in HU: darker than this around the patient.
const AIR_HU: f64 = -300.0;
/// Air in other images: this share of what nearly all pixels stay below.
const AIR_SHARE: f64 = 0.1;

/// Label files among some paths; folders are looked through for `.nii` and `.nii.gz`.
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
        let bare = path.with_extension("");
        let is = |p: &Path, what: &str| p.extension().is_some_and(|e| e.eq_ignore_ascii_case(what));
        let nifti = is(&path, "nii") || (is(&path, "gz") && is(&bare, "nii"));
        if kind.is_dir() {
            walk(&path, found)?;
        } else if kind.is_file() && nifti {
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
    let label = match read(file) {
        Ok(label) => label,
        Err(why) => {
            let place = Place::Unreadable { why };
            let input = LabelInput {
                shape: [0; 3],
                spacing_mm: [1.0; 3],
                affine_ras: [[0.0; 4]; 4],
                structures: &[],
                names,
                place: &place,
                outside: None,
                settings,
            };
            return qc::run_label(&input, |_| true).into_iter().map(|f| (None, f)).collect();
        }
    };
    let structures = qc::structures(label.shape, &label.labels);
    let home = find(gathered, &label);
    let place = match &home {
        Some((series, ..)) => Place::On { series_uid: uid(series) },
        None => Place::Nowhere { nearest: nearest(gathered, &label) },
    };
    let outside =
        home.as_ref().filter(|_| pixels && !structures.is_empty()).and_then(|(series, stack, map)| {
            let volume = load(gathered, series, stack)?;
            Some(map.in_label_order(label.shape, &outside(&volume, stack)?))
        });
    let input = LabelInput {
        shape: label.shape,
        spacing_mm: label.spacing_mm,
        affine_ras: label.affine_ras,
        structures: &structures,
        names,
        place: &place,
        outside: outside.as_deref(),
        settings,
    };
    let series_uid = home.and_then(|(series, ..)| uid(series));
    qc::run_label(&input, |_| true).into_iter().map(|f| (series_uid.clone(), f)).collect()
}

fn uid(series: &Series) -> Option<String> {
    series.series_uid.as_deref().map(Into::into)
}

/// A labelmap with its place.
struct Label {
    shape: [usize; 3],
    spacing_mm: [f64; 3],
    affine_ras: [[f64; 4]; 4],
    grid: Grid,
    labels: Labels,
}

fn read(file: &Path) -> Result<Label, String> {
    let nifti = Nifti::read(file).map_err(|e| e.to_string())?;
    let (affine_ras, spacing_mm) = (nifti.affine, nifti.spacing_mm);
    let [nx, ny, nz, _] = nifti.shape;
    let (_, labels) = nifti.into_labels().map_err(|e| e.to_string())?;
    let lps = |column: usize| [-affine_ras[0][column], -affine_ras[1][column], affine_ras[2][column]];
    let grid = Grid::new([nx as u32, ny as u32, nz as u32], lps(0), lps(1), lps(2), lps(3))
        .ok_or("its axes do not span a space")?;
    Ok(Label { shape: [nx, ny, nz], spacing_mm, affine_ras, grid, labels })
}

/// Where each voxel of a label is in an image: axes may be turned and flipped, voxels are the same.
#[derive(Debug, Clone, Copy)]
struct Map {
    /// The image's index of the label's first voxel.
    base: [i64; 3],
    /// For each axis of the label the step in the image.
    steps: [[i64; 3]; 3],
    /// The image's shape.
    shape: [usize; 3],
}

impl Map {
    /// The map from one grid to another, where their voxels are the same.
    fn between(label: &Grid, image: &Grid) -> Option<Self> {
        let index = |voxel: Vec3| image.index_of(label.centre_mm(voxel));
        let base = index([0.0; 3]);
        let mut steps = [[0; 3]; 3];
        let mut shape = [0; 3];
        for axis in 0..3 {
            let mut unit = [0.0; 3];
            unit[axis] = 1.0;
            let step = sub(index(unit), base);
            let along = (0..3).find(|&a| step[a].abs() > 0.5)?;
            steps[axis][along] = step[along].round() as i64;
            if steps[axis][along].abs() != 1 || shape[along] != 0 {
                return None;
            }
            shape[along] = label.shape[axis] as usize;
        }
        let map = Self { base: base.map(|b| b.round() as i64), steps, shape };
        let image_shape = image.shape.map(|n| n as usize);
        // The corners tell: what is off at one end is off by more at the other.
        let near = (0..8).all(|corner| {
            let voxel: [usize; 3] =
                std::array::from_fn(|a| if corner >> a & 1 == 1 { label.shape[a] as usize - 1 } else { 0 });
            let exact = index(voxel.map(|v| v as f64));
            let rounded = map.at(voxel);
            exact.iter().zip(rounded).all(|(e, r)| (e - r as f64).abs() <= SAME_VOXEL)
                && rounded.iter().zip(image_shape).all(|(r, n)| (0..n as i64).contains(r))
        });
        (near && shape == image_shape).then_some(map)
    }

    /// The image's index of a voxel of the label.
    fn at(&self, voxel: [usize; 3]) -> [i64; 3] {
        std::array::from_fn(|a| {
            self.base[a] + (0..3).map(|s| self.steps[s][a] * voxel[s] as i64).sum::<i64>()
        })
    }

    /// Values of the image in the order of the label.
    fn in_label_order(&self, label: [usize; 3], image: &[bool]) -> Vec<bool> {
        let [nx, ny, _] = self.shape.map(|n| n as i64);
        let mut out = Vec::with_capacity(label.iter().product());
        for k in 0..label[2] {
            for j in 0..label[1] {
                for i in 0..label[0] {
                    let [x, y, z] = self.at([i, j, k]);
                    out.push(image[(x + nx * (y + ny * z)) as usize]);
                }
            }
        }
        out
    }
}

/// The stack whose voxels a label has.
fn find<'g>(gathered: &'g Gathered, label: &Label) -> Option<(&'g Series, &'g Stack, Map)> {
    let stacks = gathered.series.iter().flat_map(|s| s.stacks.iter().map(move |stack| (s, stack)));
    let mut fits =
        stacks.filter_map(|(s, stack)| Some((s, stack, Map::between(&label.grid, stack.grid.as_ref()?)?)));
    // Of several on one grid an image goes before a label.
    let first = fits.next()?;
    let is_image = |s: &Series| s.modality() != Some("SEG");
    if is_image(first.0) { Some(first) } else { fits.find(|f| is_image(f.0)).or(Some(first)) }
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
    let stacks =
        gathered.series.iter().flat_map(|s| s.stacks.iter().filter_map(move |st| Some((s, st.grid?))));
    stacks
        .map(|(s, grid)| Nearest {
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
    fn a_label_on_flipped_and_turned_axes_lies_on_the_same_voxels() {
        let image =
            Grid::new([4, 3, 2], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], [5.0, 6.0, 7.0]).unwrap();
        let flipped =
            Grid::new([3, 4, 2], [0.0, -2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 3.0], [5.0, 10.0, 7.0])
                .unwrap();
        let map = Map::between(&flipped, &image).unwrap();
        assert_eq!(map.at([0, 0, 0]), [0, 2, 0]);
        assert_eq!(map.at([2, 3, 1]), [3, 0, 1]);
        let mut marked = vec![false; 24];
        marked[4 * 2] = true; // image (0, 2, 0)
        assert!(map.in_label_order([3, 4, 2], &marked)[0]);
        for (shape, origin) in
            [([4, 3, 2], [5.0, 6.0, 10.0]), ([4, 3, 1], [5.0, 6.0, 7.0]), ([4, 3, 2], [5.1, 6.0, 7.0])]
        {
            let other = Grid::new(shape, [1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0], origin).unwrap();
            assert!(Map::between(&other, &image).is_none(), "{shape:?} {origin:?}");
        }
    }

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
