//! Label files and their voxels on a grid: what comparing, drawing and checking take.

use std::path::Path;

pub use crate::convert::contents::{Contents, show};
pub use crate::format::label::{FormatId, LabelError};

use crate::format::label;
use crate::format::nifti::{LabelVolume, Nifti, NiftiError};
use crate::label::place::{Options, own_grid, place_on};
use crate::label::{LabelSet, Placed, Refused};
use crate::measure::grid::{Grid, GridError, Label, Labels};
use crate::model::{VoxelMapping, geometry};

/// Labels of one file.
#[derive(Debug)]
pub enum LabelFile {
    /// A NIfTI labelmap: one label a voxel.
    Map(Box<LabelVolume>),
    /// Structures of any other format, which may overlap.
    Set(Box<LabelSet>),
}

/// Structures of a file on a grid.
#[derive(Debug)]
pub enum OnGrid<'f> {
    /// One label a voxel.
    Map(&'f Labels),
    /// Structures that may overlap.
    Placed(Placed),
}

fn numbers<L: Label>(labels: &[L]) -> Vec<u32> {
    let mut found: Vec<u32> = labels.chunk_by(|a, b| a == b).map(|run| run[0].number()).collect();
    found.sort_unstable();
    found.dedup();
    found.retain(|n| *n > 0);
    found
}

impl LabelFile {
    /// Reads a file; its kind is told by its content.
    ///
    /// # Errors
    /// It cannot be read, or no format knows it.
    pub fn read(path: &Path) -> Result<Self, LabelError> {
        match Nifti::read(path).and_then(Nifti::into_labels) {
            Ok(map) => Ok(Self::Map(Box::new(map))),
            Err(NiftiError::NotNifti) => Ok(Self::Set(Box::new(label::read(path)?.1))),
            Err(error) => Err(error.into()),
        }
    }

    /// What is odd about the file, in words.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Map(map) => map.warnings.clone(),
            Self::Set(set) => set.warnings.iter().map(|w| w.message.clone()).collect(),
        }
    }

    /// The voxels that both files stand on: those of a map, or of the first file, as far as either reaches.
    ///
    /// # Errors
    /// There is no such grid.
    pub fn common_grid(&self, other: &Self) -> Result<geometry::Grid, Refused> {
        match (self, other) {
            (Self::Set(a), Self::Set(b)) => {
                let (ours, theirs) = (own_grid(a), own_grid(b));
                let (ours, theirs) = (ours.map_err(Refused::NoImage)?, theirs.map_err(Refused::NoImage)?);
                let mapping = VoxelMapping::between(&theirs, &ours);
                mapping.map(|m| m.cover(&theirs, &ours)).map_err(|_| differs(&theirs, &ours))
            }
            (Self::Map(map), _) | (_, Self::Map(map)) => {
                map.grid.in_space().ok_or(Refused::NoImage("the labelmap does not say where it lies"))
            }
        }
    }

    /// The structures on a grid of [`LabelFile::common_grid`].
    ///
    /// # Errors
    /// They lie on other voxels, or reach beyond the grid.
    pub fn on(&self, grid: &geometry::Grid) -> Result<OnGrid<'_>, Refused> {
        Ok(match self {
            Self::Map(map) => OnGrid::Map(&map.labels),
            Self::Set(set) => OnGrid::Placed(place_on((**set).clone(), grid, Options::default())?),
        })
    }
}

fn differs(from: &geometry::Grid, to: &geometry::Grid) -> Refused {
    Refused::OtherGrid(crate::label::place::fit(from, to).err().unwrap_or_default())
}

impl OnGrid<'_> {
    /// All structures as one labelmap; `None` where two share a voxel.
    pub fn labels(&self) -> Option<Labels> {
        match self {
            Self::Map(labels) => Some((*labels).clone()),
            Self::Placed(placed) => placed.labelmap().ok().map(Labels::U16),
        }
    }

    /// The numbers of the structures that have a voxel.
    pub fn present(&self) -> Vec<u32> {
        match self {
            Self::Map(Labels::U8(v)) => numbers(v),
            Self::Map(Labels::U16(v)) => numbers(v),
            Self::Map(Labels::U32(v)) => numbers(v),
            Self::Placed(placed) => {
                placed.structures.iter().filter(|s| !s.mask.is_empty()).map(|s| s.number).collect()
            }
        }
    }

    /// One structure as a mask of 0 and 1, column fastest.
    pub fn mask(&self, number: u32) -> Vec<u8> {
        fn is<L: Label>(labels: &[L], number: u32) -> Vec<u8> {
            labels.iter().map(|l| u8::from(l.number() == number)).collect()
        }
        match self {
            Self::Map(Labels::U8(v)) => is(v, number),
            Self::Map(Labels::U16(v)) => is(v, number),
            Self::Map(Labels::U32(v)) => is(v, number),
            Self::Placed(placed) => {
                let mut volume = vec![0; placed.grid.shape.iter().map(|n| *n as usize).product()];
                let of = placed.structures.iter().filter(|s| s.number == number);
                of.for_each(|s| s.mask.paint(1, &mut volume));
                volume
            }
        }
    }

    /// The name of a structure, where its file has one.
    pub fn name(&self, number: u32) -> Option<&str> {
        match self {
            Self::Map(_) => None,
            Self::Placed(placed) => {
                let of = placed.structures.iter().find(|s| s.number == number);
                of.map(|s| &*s.name).filter(|name| *name != number.to_string())
            }
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
