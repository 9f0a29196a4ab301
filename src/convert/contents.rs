//! What a label file holds, without its image.

use std::path::Path;

use serde::Serialize;

use crate::format::label::{FormatId, LabelError, hex, read};
use crate::label::place::{Options, place_own};
use crate::label::{
    Code, Contour, ContourKind, LabelSet, Measurement, Pixels, Rounded, Shape, Structure, area,
};
use crate::model::geometry::{Vec3, cross, dot, norm, scale, sub};

/// A structure of voxels in a label file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Label or Segment Number.
    pub number: Option<u32>,
    /// Its name, where the file has one.
    pub name: Option<String>,
    /// What it is, coded.
    pub code: Option<Code>,
    /// Voxels that belong to it.
    pub voxels: u64,
    /// Their volume, where the grid is known.
    pub volume_mm3: Option<f64>,
    /// Frames (slices) in which it has a voxel.
    pub frames: u32,
    /// `#rrggbb`, where the file has a colour.
    pub color: Option<String>,
}

/// A structure of contours in a label file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownContours {
    /// Its name.
    pub name: String,
    /// Planes with a closed contour.
    pub slices: usize,
    /// Closed contours.
    pub contours: usize,
    /// Their points.
    pub points: usize,
    /// What they enclose by even–odd, over all planes; `None` where they cross too often for it.
    pub area_mm2: Option<f64>,
    /// `#rrggbb`, where the file has a colour.
    pub color: Option<String>,
}

/// What a label file holds; what a format has not is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// The format.
    pub format: FormatId,
    /// The series that was labelled, where the file says so.
    pub series_uid: Option<String>,
    /// Its frame of reference.
    pub frame_of_reference: Option<String>,
    /// Structures of voxels.
    pub segments: Vec<Shown>,
    /// Structures of contours.
    pub contours: Vec<ShownContours>,
    /// Numbers that were measured.
    pub measurements: Vec<Measurement>,
    /// Values of a labelmap that were no whole numbers, but within a thousandth of one.
    pub rounded: Option<Rounded>,
    /// What is odd about the file, in words.
    pub warnings: Vec<String>,
}

/// Says what a label file holds.
///
/// # Errors
/// It cannot be read, or no format knows it.
pub fn show(path: &Path) -> Result<Contents, LabelError> {
    let (format, mut set) = read(path)?;
    let warnings = set.warnings.drain(..).map(|w| w.message).collect();
    let mut work = area::work_for(set.structures.iter().map(points).sum());
    let contours = set.structures.iter().filter_map(|s| contours_of(s, &mut work)).collect();
    let (series_uid, frame_of_reference) = (set.series_uid.take(), set.frame_of_reference.take());
    let (measurements, rounded) = (std::mem::take(&mut set.measurements), set.rounded);
    let segments = segments(set);
    Ok(Contents {
        format,
        series_uid,
        frame_of_reference,
        segments,
        contours,
        measurements,
        rounded,
        warnings,
    })
}

/// Points of all contours of a structure.
fn points(structure: &Structure) -> usize {
    match &structure.shape {
        Shape::Contours(contours) => contours.iter().map(|c| c.points_mm.len()).sum(),
        _ => 0,
    }
}

/// Structures of voxels. Where all frames lie on one grid, voxels that two frames name count once, and volumes are known.
fn segments(mut set: LabelSet) -> Vec<Shown> {
    set.structures.retain(|s| matches!(s.shape, Shape::Voxels(..) | Shape::Frames(_)));
    let mut shown: Vec<Shown> = set.structures.iter().map(as_stored).collect();
    if let Ok(placed) = place_own(set, Options::default()) {
        let mm3 = placed.grid.voxel_mm3();
        for (shown, structure) in shown.iter_mut().zip(&placed.structures) {
            shown.voxels = structure.mask.voxels();
            shown.volume_mm3 = Some(shown.voxels as f64 * mm3);
        }
    }
    shown
}

/// A structure with its voxels counted frame by frame.
fn as_stored(structure: &Structure) -> Shown {
    let (voxels, frames) = counted(&structure.shape);
    Shown {
        number: structure.number,
        name: Some(structure.name.clone()).filter(|n| !n.is_empty()),
        code: structure.code.clone(),
        voxels,
        volume_mm3: None,
        frames,
        color: structure.color.map(hex),
    }
}

/// Voxels as they stand in the frames, and frames that have one.
fn counted(shape: &Shape) -> (u64, u32) {
    match shape {
        Shape::Voxels(_, mask) => (mask.voxels(), mask.slices().len() as u32),
        Shape::Frames(frames) => {
            let least = frames.fraction.map_or(1, |f| f.maximum.div_ceil(2).min(255) as u8);
            let inside = |pixels: &Pixels| match pixels {
                Pixels::Inside(runs) => runs.iter().map(|r| r.len()).sum::<u64>(),
                Pixels::Values(values) => values.iter().filter(|v| **v >= least).count() as u64,
            };
            let counts = frames.frames.iter().map(|f| inside(&f.pixels));
            counts.fold((0, 0), |(all, frames), n| (all + n, frames + u32::from(n > 0)))
        }
        _ => (0, 0),
    }
}

/// Millimetres within which contours are of one plane.
const SAME_PLANE_MM: f64 = 0.01;

fn contours_of(structure: &Structure, work: &mut usize) -> Option<ShownContours> {
    let contours = match &structure.shape {
        Shape::Contours(contours) => contours.as_slice(),
        _ => return None,
    };
    let closed: Vec<&Contour> =
        contours.iter().filter(|c| c.kind == ContourKind::Closed && !c.points_mm.is_empty()).collect();
    let normals = closed.iter().map(|c| area_vector(&c.points_mm));
    let normal = normals.max_by(|a, b| norm(*a).total_cmp(&norm(*b))).filter(|n| norm(*n) > 0.0);
    let normal = normal.map_or([0.0, 0.0, 1.0], |n| scale(n, 1.0 / norm(n)));
    let (across, down) = basis(normal);
    let mut planes: Vec<(f64, Vec<[f64; 2]>)> = Vec::new();
    for contour in &closed {
        let depth =
            contour.points_mm.iter().map(|p| dot(*p, normal)).sum::<f64>() / contour.points_mm.len() as f64;
        planes.push((depth, contour.points_mm.iter().map(|p| [dot(*p, across), dot(*p, down)]).collect()));
    }
    planes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let same = |a: &(f64, Vec<[f64; 2]>), b: &(f64, Vec<[f64; 2]>)| b.0 - a.0 < SAME_PLANE_MM;
    let by_plane: Vec<Vec<Vec<[f64; 2]>>> =
        planes.chunk_by(same).map(|plane| plane.iter().map(|(_, line)| line.clone()).collect()).collect();
    Some(ShownContours {
        name: structure.name.clone(),
        slices: by_plane.len(),
        contours: closed.len(),
        points: closed.iter().map(|c| c.points_mm.len()).sum(),
        area_mm2: by_plane.iter().map(|plane| area::even_odd(plane, work)).sum::<Option<f64>>().map(f64::abs),
        color: structure.color.map(hex),
    })
}

/// Twice the area of a polygon, along its normal.
fn area_vector(points: &[Vec3]) -> Vec3 {
    let first = points.first().copied().unwrap_or_default();
    let pairs = points.iter().zip(points.iter().cycle().skip(1));
    pairs
        .map(|(a, b)| cross(sub(*a, first), sub(*b, first)))
        .fold([0.0; 3], |sum, c| [sum[0] + c[0], sum[1] + c[1], sum[2] + c[2]])
}

/// Two directions at right angles to a normal.
fn basis(normal: Vec3) -> (Vec3, Vec3) {
    let least = (0..3).min_by(|a, b| normal[*a].abs().total_cmp(&normal[*b].abs())).unwrap_or(0);
    let mut axis = [0.0; 3];
    axis[least] = 1.0;
    let across = cross(normal, axis);
    let across = scale(across, 1.0 / norm(across));
    (across, cross(normal, across))
}
