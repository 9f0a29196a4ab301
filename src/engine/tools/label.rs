//! Label files: what they hold, and their voxels on a grid. NIfTI labelmaps and DICOM segmentations.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use thiserror::Error;

use crate::format::nifti::{Nifti, NiftiError};
use crate::format::seg::{Code, Seg, SegError};
use crate::measure::grid::{Grid, Label, Labels};
use crate::model::geometry;

/// Why a label file cannot be read. Holds no value of the file.
#[derive(Debug, Error)]
pub enum LabelError {
    /// A NIfTI file.
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    /// A DICOM segmentation.
    #[error(transparent)]
    Seg(#[from] SegError),
    /// Neither.
    #[error("neither a NIfTI labelmap nor a DICOM segmentation")]
    Unknown,
}

/// Labels of one file.
#[derive(Debug)]
pub enum LabelFile {
    /// One label a voxel.
    Map(Box<Grid>, Labels),
    /// Segments that may overlap.
    Seg(Box<Seg>),
}

/// A structure in a label file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Label or Segment Number.
    pub number: u32,
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
}

/// What a label file holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// `nifti` or `dicom_seg`.
    pub format: &'static str,
    /// The series that was labelled, where the file says so.
    pub series_uid: Option<String>,
    /// Its structures, by number.
    pub segments: Vec<Shown>,
    /// Measurements; these formats have none.
    pub measurements: Vec<serde_json::Value>,
    /// Contours; these formats have none.
    pub contours: Vec<serde_json::Value>,
    /// What is odd about the file, in words.
    pub warnings: Vec<String>,
}

/// Says what a label file holds.
///
/// # Errors
/// It cannot be read.
pub fn show(path: &Path) -> Result<Contents, LabelError> {
    let file = LabelFile::read(path)?;
    let (format, series_uid, segments, warnings) = match file {
        LabelFile::Map(grid, labels) => ("nifti", None, of_map(&grid, &labels), Vec::new()),
        LabelFile::Seg(seg) => {
            let Seg { series_uid, segments, warnings, .. } = *seg;
            let segments = segments.into_iter().map(|s| Shown {
                number: s.number,
                name: Some(s.name).filter(|n| !n.is_empty()),
                code: s.code,
                voxels: s.voxels,
                volume_mm3: s.volume_mm3,
                frames: s.frames,
            });
            ("dicom_seg", series_uid, segments.collect(), warnings)
        }
    };
    Ok(Contents { format, series_uid, segments, measurements: Vec::new(), contours: Vec::new(), warnings })
}

fn of_map(grid: &Grid, labels: &Labels) -> Vec<Shown> {
    match labels {
        Labels::U8(v) => counted(grid, v),
        Labels::U16(v) => counted(grid, v),
        Labels::U32(v) => counted(grid, v),
    }
}

fn counted<L: Label>(grid: &Grid, labels: &[L]) -> Vec<Shown> {
    let [nx, ny, _] = grid.shape();
    let mut found: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    for slice in labels.chunks(nx * ny) {
        let mut here: BTreeMap<u32, u64> = BTreeMap::new();
        // Labels come in runs.
        for run in slice.chunk_by(|a, b| a == b) {
            *here.entry(run[0].number()).or_default() += run.len() as u64;
        }
        for (number, voxels) in here {
            let (total, frames) = found.entry(number).or_default();
            *total += voxels;
            *frames += 1;
        }
    }
    found.remove(&0);
    let shown = |(number, (voxels, frames))| Shown {
        number,
        name: None,
        code: None,
        voxels,
        volume_mm3: Some(voxels as f64 * grid.voxel_mm3()),
        frames,
    };
    found.into_iter().map(shown).collect()
}

impl LabelFile {
    /// Reads a file; its kind is told by its first bytes.
    ///
    /// # Errors
    /// It cannot be read, or is neither.
    pub fn read(path: &Path) -> Result<Self, LabelError> {
        match Nifti::read(path).and_then(Nifti::into_labels) {
            Ok((grid, labels)) => return Ok(Self::Map(Box::new(grid), labels)),
            Err(NiftiError::NotNifti | NiftiError::Truncated { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        match Seg::read(path) {
            Ok(seg) => Ok(Self::Seg(Box::new(seg))),
            Err(SegError::Read(_)) => Err(LabelError::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// The voxels that both files stand on: those of a map, or of the first segmentation, as far as either reaches.
    ///
    /// # Errors
    /// There is no such grid.
    pub fn common_grid(&self, other: &Self) -> Result<geometry::Grid, SegError> {
        match (self, other) {
            (Self::Seg(a), Self::Seg(b)) => a.common_grid(b),
            (Self::Map(grid, _), _) | (_, Self::Map(grid, _)) => {
                grid.in_space().ok_or(SegError::OtherGrid("the labelmap does not say where it lies"))
            }
        }
    }

    /// The labels on a grid of [`LabelFile::common_grid`]; `None` where two structures share a voxel.
    ///
    /// # Errors
    /// A segment reaches beyond the grid, or the voxels are others.
    pub fn labels(&self, grid: &geometry::Grid) -> Result<Option<Labels>, SegError> {
        match self {
            Self::Map(_, labels) => Ok(Some(labels.clone())),
            Self::Seg(seg) => seg.labels(grid),
        }
    }

    /// The numbers of the structures that have a voxel.
    pub fn present(&self) -> Vec<u32> {
        match self {
            Self::Map(grid, labels) => of_map(grid, labels).into_iter().map(|s| s.number).collect(),
            Self::Seg(seg) => seg.present().collect(),
        }
    }

    /// One structure as a mask of 0 and 1, column fastest.
    ///
    /// # Errors
    /// As [`LabelFile::labels`].
    pub fn mask(&self, number: u32, grid: &geometry::Grid) -> Result<Vec<u8>, SegError> {
        fn is<L: Label>(labels: &[L], number: u32) -> Vec<u8> {
            labels.iter().map(|l| u8::from(l.number() == number)).collect()
        }
        match self {
            Self::Map(_, Labels::U8(v)) => Ok(is(v, number)),
            Self::Map(_, Labels::U16(v)) => Ok(is(v, number)),
            Self::Map(_, Labels::U32(v)) => Ok(is(v, number)),
            Self::Seg(seg) => seg.mask(number, grid),
        }
    }
}
