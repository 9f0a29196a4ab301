//! Contours in patient space as voxels: each on the slice that it is nearest to, filled by even–odd.

use std::collections::BTreeMap;

use super::Refused;
use crate::label::image::Image;
use crate::label::mask::{Mask, Run};
use crate::label::raster::fill;
use crate::label::{Contour, ContourKind, Warning};
use crate::model::geometry::{Grid, Vec3, cross, dot, norm, sub};

/// Degrees by which the plane of a contour may be turned against the slices.
const MOST_TILT: f64 = 1.0;
/// Steps below which contours lie in one plane.
const SAME_PLANE: f64 = 1e-3;
/// Steps along the normal below which a contour is flat, whatever the angle of its few points.
const FLAT: f64 = 0.02;

/// The outlines of one plane: how far it is from its slice, in thousandths of a step, and the lines.
type PlaneOf = BTreeMap<i64, Vec<Vec<[f64; 2]>>>;

/// The voxels of a structure.
pub(super) fn place(
    image: &Image,
    name: &str,
    contours: &[Contour],
    warnings: &mut Vec<Warning>,
) -> Result<Mask, Refused> {
    if !image.placed {
        return Err(Refused::OutsideImage(name.into()));
    }
    let slices = Slices::of(image);
    let mut planes: BTreeMap<u32, PlaneOf> = BTreeMap::new();
    let mut ignored = 0_usize;
    for contour in contours {
        if contour.kind != ContourKind::Closed || contour.points_mm.is_empty() {
            ignored += usize::from(contour.kind != ContourKind::Closed);
            continue;
        }
        let indices: Vec<Vec3> = contour.points_mm.iter().map(|p| slices.index(*p)).collect();
        let depth = indices.iter().map(|i| i[2]).sum::<f64>() / indices.len() as f64;
        if is_oblique(image, &contour.points_mm, &indices) {
            return Err(Refused::ObliqueContours(name.into()));
        }
        let slice = (depth + 0.5).floor();
        let on_image = slice >= 0.0 && slice < f64::from(image.grid.shape[2]);
        if !on_image || slices.is_in_gap(slice as usize, &contour.points_mm) {
            return Err(Refused::OutsideImage(name.into()));
        }
        let away = ((depth - slice) / SAME_PLANE).round() as i64;
        let outline = indices.iter().map(|i| [i[0], i[1]]).collect();
        planes.entry(slice as u32).or_default().entry(away).or_default().push(outline);
    }
    let filled = filled(image, planes);
    tell(warnings, name, ignored, &filled);
    Ok(Mask::of_runs(image.grid.shape, filled.runs))
}

/// Voxels, and what others would make otherwise.
#[derive(Default)]
struct Filled {
    runs: Vec<Run>,
    /// Voxels that an even number of contours encloses.
    in_holes: u64,
    /// Slices to which contours of several planes came.
    several_planes: u32,
    cut: bool,
}

fn filled(image: &Image, planes: BTreeMap<u32, PlaneOf>) -> Filled {
    let [columns, rows, _] = image.grid.shape;
    let mut filled = Filled::default();
    for (slice, planes) in planes {
        filled.several_planes += u32::from(planes.len() > 1);
        let nearest = planes.into_iter().min_by_key(|(away, _)| away.abs());
        let Some((_, outlines)) = nearest else { continue };
        filled.cut |= outlines.iter().flatten().any(|p| is_beyond(p, columns, rows));
        let here = fill(&outlines, columns, rows);
        if outlines.len() > 1 {
            let one = |outline: &Vec<[f64; 2]>| fill(std::slice::from_ref(outline), columns, rows);
            let every = Mask::of_runs([columns, rows, 1], outlines.iter().flat_map(one).collect());
            let inside = Mask::of_runs([columns, rows, 1], here.clone());
            filled.in_holes += every.voxels().saturating_sub(inside.voxels());
        }
        filled.runs.extend(here.into_iter().map(|r| Run { row: slice * rows + r.row, ..r }));
    }
    filled
}

/// Whether a point lies off the pixels of a slice.
pub(super) fn is_beyond(p: &[f64; 2], columns: u32, rows: u32) -> bool {
    p[0] < -0.5 || p[1] < -0.5 || p[0] > f64::from(columns) - 0.5 || p[1] > f64::from(rows) - 0.5
}

/// What is said of a structure that is cut.
pub(super) fn cut_warning(name: &str) -> Warning {
    Warning::new("cut_at_border", format!("'{name}' reaches beyond the slices and is cut at their border"))
}

fn tell(warnings: &mut Vec<Warning>, name: &str, ignored: usize, filled: &Filled) {
    if filled.cut {
        warnings.push(cut_warning(name));
    }
    let mut say = |code, words: String| warnings.push(Warning::new(code, words));
    if ignored > 0 {
        say("open_contours", format!("'{name}': {ignored} points and open lines enclose nothing"));
    }
    if filled.several_planes > 0 {
        let words = "contours of several planes are nearest to the same slice: the nearest plane counts";
        say("several_planes", format!("'{name}': on {} slices {words}", filled.several_planes));
    }
    if filled.in_holes > 0 {
        let words =
            "voxels lie inside an even number of contours and are holes; tools that unite contours fill them";
        say("contour_policy", format!("'{name}': {} {words}", filled.in_holes));
    }
}

/// Whether the plane through the points is turned against the slices.
fn is_oblique(image: &Image, points_mm: &[Vec3], indices: &[Vec3]) -> bool {
    let depths = indices.iter().map(|i| i[2]);
    let (low, high) = depths.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), z| (l.min(z), h.max(z)));
    if high - low < FLAT {
        return false;
    }
    let first = points_mm.first().copied().unwrap_or_default();
    let pairs = points_mm.iter().zip(points_mm.iter().cycle().skip(1));
    // Twice the area of the polygon, along its normal.
    let area = pairs
        .map(|(a, b)| cross(sub(*a, first), sub(*b, first)))
        .fold([0.0; 3], |sum, c| [sum[0] + c[0], sum[1] + c[1], sum[2] + c[2]]);
    if norm(area) < 1e-9 {
        return high - low > 0.5;
    }
    let normal = image.normal();
    norm(cross(area, normal)).atan2(dot(area, normal).abs()).to_degrees() > MOST_TILT
}

/// Where points lie among slices, which may be unevenly spaced.
struct Slices<'i> {
    image: &'i Image,
    /// Distances from the first along the normal, and the usual step, where the steps differ.
    uneven: Option<(Vec<f64>, f64)>,
}

impl<'i> Slices<'i> {
    fn of(image: &'i Image) -> Self {
        let uneven = (!image.is_regular()).then(|| {
            let along = image.along_mm();
            let mut steps: Vec<f64> = along.windows(2).map(|w| w[1] - w[0]).collect();
            steps.sort_by(f64::total_cmp);
            let usual = steps.get(steps.len() / 2).copied().unwrap_or_default();
            (along, usual)
        });
        Self { image, uneven }
    }

    /// Along the normal from the first slice.
    fn depth_mm(&self, point_mm: Vec3) -> f64 {
        let first = self.image.origins_mm.first().copied().unwrap_or_default();
        dot(sub(point_mm, first), self.image.normal())
    }

    /// Whether points lie further from their nearest slice than half the usual step: where slices are left out.
    fn is_in_gap(&self, slice: usize, points_mm: &[Vec3]) -> bool {
        let Some((along, usual)) = &self.uneven else { return false };
        let mean = points_mm.iter().map(|p| self.depth_mm(*p)).sum::<f64>() / points_mm.len() as f64;
        along.get(slice).is_some_and(|at| (at - mean).abs() > 0.5 * usual + 1e-6)
    }

    /// Column, row and slice of a point; fractions between centres.
    fn index(&self, point_mm: Vec3) -> Vec3 {
        let Some((along, _)) = &self.uneven else { return self.image.grid.index_of(point_mm) };
        let depth = self.depth_mm(point_mm);
        let after = along.partition_point(|a| *a <= depth).clamp(1, along.len().max(2) - 1);
        let (low, high) = (along[after - 1], along[after]);
        let slice = (after - 1) as f64 + (depth - low) / (high - low);
        let nearest = slice.round().clamp(0.0, along.len() as f64 - 1.0) as u32;
        let [x, y, _] =
            Grid { slice_mm: self.image.normal(), ..self.image.slice_grid(nearest) }.index_of(point_mm);
        [x, y, slice]
    }
}
