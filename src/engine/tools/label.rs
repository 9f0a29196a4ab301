//! Label files: what they hold, and their voxels on a grid. NIfTI labelmaps and DICOM segmentations.

use std::io::Read;
use std::path::Path;

use thiserror::Error;

use crate::format::nifti::{LabelVolume, Nifti, NiftiError};
use crate::format::seg::{Seg, SegError};
use crate::measure::grid::{Grid, GridError, Label, Labels};
use crate::model::{VoxelMapping, geometry};

/// Why a label file cannot be read. Holds no value of the file.
#[derive(Debug, Error)]
pub enum LabelError {
    /// A NIfTI file.
    #[error(transparent)]
    Nifti(#[from] NiftiError),
    /// A DICOM segmentation.
    #[error(transparent)]
    Seg(#[from] SegError),
    /// A label file of a kind that is not read.
    #[error("{0} is not read; labels are NIfTI labelmaps or DICOM segmentations")]
    Kind(&'static str),
    /// Neither.
    #[error("neither a NIfTI labelmap nor a DICOM segmentation")]
    Unknown,
}

/// First bytes of other files that hold labels.
const OTHER_KINDS: [(&[u8], &str); 5] = [
    (b"NRRD", "an NRRD file"),
    (b"ObjectType", "a MetaImage header"),
    (b"NDims", "a MetaImage header"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89HDF", "an HDF5 file"),
];

/// Labels of one file.
#[derive(Debug)]
pub enum LabelFile {
    /// One label a voxel.
    Map(Box<LabelVolume>),
    /// Segments that may overlap.
    Seg(Box<Seg>),
}

fn numbers<L: Label>(labels: &[L]) -> Vec<u32> {
    let mut found: Vec<u32> = labels.chunk_by(|a, b| a == b).map(|run| run[0].number()).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|n| *n > 0);
    found
}

impl LabelFile {
    /// Reads a file; its kind is told by its first bytes.
    ///
    /// # Errors
    /// It cannot be read, or is neither.
    pub fn read(path: &Path) -> Result<Self, LabelError> {
        match Nifti::read(path).and_then(Nifti::into_labels) {
            Ok(map) => return Ok(Self::Map(Box::new(map))),
            Err(NiftiError::NotNifti) => {}
            Err(error) => return Err(error.into()),
        }
        let head = head(path).map_err(NiftiError::from)?;
        if let Some((_, kind)) = OTHER_KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(LabelError::Kind(kind));
        }
        let is_dicom = head.get(128..132) == Some(b"DICM");
        match Seg::read(path) {
            Ok(seg) => Ok(Self::Seg(Box::new(seg))),
            Err(SegError::Read(_)) if !is_dicom => Err(LabelError::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// What is odd about the file, in words.
    pub fn warnings(&self) -> &[String] {
        match self {
            Self::Map(map) => &map.warnings,
            Self::Seg(seg) => &seg.warnings,
        }
    }

    /// The voxels that both files stand on: those of a map, or of the first segmentation, as far as either reaches.
    ///
    /// # Errors
    /// There is no such grid.
    pub fn common_grid(&self, other: &Self) -> Result<geometry::Grid, SegError> {
        match (self, other) {
            (Self::Seg(a), Self::Seg(b)) => a.common_grid(b),
            (Self::Map(map), _) | (_, Self::Map(map)) => {
                map.grid.in_space().ok_or(SegError::OtherGrid("the labelmap does not say where it lies"))
            }
        }
    }

    /// The labels on a grid of [`LabelFile::common_grid`]; `None` where two structures share a voxel.
    ///
    /// # Errors
    /// A segment reaches beyond the grid, or the voxels are others.
    pub fn labels(&self, grid: &geometry::Grid) -> Result<Option<Labels>, SegError> {
        match self {
            Self::Map(map) => Ok(Some(map.labels.clone())),
            Self::Seg(seg) => seg.labels(grid),
        }
    }

    /// The numbers of the structures that have a voxel.
    pub fn present(&self) -> Vec<u32> {
        match self {
            Self::Map(map) => match &map.labels {
                Labels::U8(v) => numbers(v),
                Labels::U16(v) => numbers(v),
                Labels::U32(v) => numbers(v),
            },
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
            Self::Map(map) => Ok(match &map.labels {
                Labels::U8(v) => is(v, number),
                Labels::U16(v) => is(v, number),
                Labels::U32(v) => is(v, number),
            }),
            Self::Seg(seg) => seg.mask(number, grid),
        }
    }
}

/// The labels of `map` in the order of the voxels of `grid`: axes may be turned or flipped, voxels are the same.
///
/// # Errors
/// The grids do not cover the same voxels.
pub fn on_grid(map: LabelVolume, grid: &Grid) -> Result<Labels, GridError> {
    let Err(differs) = grid.check_same(&map.grid) else { return Ok(map.labels) };
    let (Some(from), Some(to)) = (map.grid.in_space(), grid.in_space()) else { return Err(differs) };
    let mapping = VoxelMapping::same(&from, &to).map_err(|_| differs)?;
    if mapping.is_identity() {
        return Ok(map.labels);
    }
    Ok(match &map.labels {
        Labels::U8(v) => Labels::U8(mapping.reordered(v, &from, &to)),
        Labels::U16(v) => Labels::U16(mapping.reordered(v, &from, &to)),
        Labels::U32(v) => Labels::U32(mapping.reordered(v, &from, &to)),
    })
}

/// The first bytes of a file.
fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(256).read_to_end(&mut head)?;
    Ok(head)
}
