//! One slice of a file or a folder, for `gantry view`.

use std::path::Path;
use std::sync::atomic::AtomicU64;

use super::label::LabelError;
use super::overlay::{Laid, Overlay, Plane};
use super::{PictureError, picture};
use crate::bytes::ByteSource;
use crate::dicom::{Tree, read_tree};
use crate::label::Refused;
use crate::model::words::io_error;
use crate::render::Slice;
use crate::series::{Series, assemble};

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The path cannot be read.
    #[error("{path}: {}", io_error(error))]
    Io {
        /// The path.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Nothing below the path is an image.
    #[error("{0} holds no DICOM image")]
    Nothing(String),
    /// There are not so many slices.
    #[error("there is no slice {asked}; there are {slices}")]
    NoSlice {
        /// The slice that was asked for, from 1.
        asked: u32,
        /// How many there are.
        slices: u32,
    },
    /// The slice cannot be decoded.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The label file cannot be read.
    #[error("the labels: {0}")]
    Labels(#[source] LabelError),
    /// The label file's voxels cannot be placed.
    #[error("the labels: {0}")]
    Segments(#[from] Refused),
    /// Without position, orientation and spacing nothing can be put on a slice.
    #[error("the slice does not say where it lies in the patient, so no label can be put on it")]
    NoPlace,
}

/// A slice and where it stands.
#[derive(Debug)]
pub struct Viewed {
    /// The slice.
    pub slice: Slice,
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub slices: u32,
    /// Series below the path that hold images.
    pub series: usize,
    /// Labels of another file on this slice.
    pub labels: Option<Laid>,
}

/// Decodes slice `number` of the largest stack below `path`: a file with its frames, or a folder; with the labels of
/// another file laid on it by their place in the patient. Numbers count from 1; without one it is the slice that holds
/// most of the labels, or the middle one.
///
/// # Errors
/// [`ViewError`]
pub fn view(path: &Path, number: Option<u32>, labels: Option<&Path>) -> Result<Viewed, ViewError> {
    let shown = path.display().to_string();
    let read = read_tree(&[path.to_path_buf()], false, &AtomicU64::new(0));
    let mut tree = read.map_err(|error| ViewError::Io { path: shown.clone(), error })?;
    let series = assemble(std::mem::take(&mut tree.headers));
    let images = |series: &&Series| series.stacks.iter().any(|stack| !stack.slices.is_empty());
    let count = series.iter().filter(images).count();
    let stacks = series.iter().flat_map(|series| series.stacks.iter().map(move |stack| (series, stack)));
    let largest = stacks.rev().max_by_key(|(_, stack)| stack.slices.len());
    let (series, stack) =
        largest.filter(|(_, stack)| !stack.slices.is_empty()).ok_or(ViewError::Nothing(shown))?;
    let slices = stack.slices.len() as u32;
    let overlay = labels.map(|path| Overlay::read(path, series, stack)).transpose()?;
    let fullest = || overlay.as_ref().and_then(|overlay| overlay.fullest(series, stack));
    let number = number.or_else(fullest).unwrap_or(slices / 2 + 1);
    let missing = ViewError::NoSlice { asked: number, slices };
    let place = number.checked_sub(1).and_then(|index| stack.slices.get(index as usize)).ok_or(missing)?;
    let bytes = bytes_of(&tree, series, place.instance)?;
    let slice = picture(&bytes, place.frame.saturating_sub(1))?;
    let labels = match overlay {
        Some(overlay) => {
            let plane = Plane::of(series, place).ok_or(ViewError::NoPlace)?;
            Some(overlay.laid_on(&plane, slice.columns, slice.rows))
        }
        None => None,
    };
    Ok(Viewed { slice, number, slices, series: count, labels })
}

fn bytes_of(tree: &Tree, series: &Series, instance: u32) -> Result<ByteSource<'static>, ViewError> {
    let found = series.instances.get(instance as usize).ok_or(ViewError::Nothing(String::new()))?;
    let source = found.header.source;
    let path = || tree.path(source).unwrap_or_default().display().to_string();
    tree.open(source).map_err(|error| ViewError::Io { path: path(), error: std::io::Error::other(error) })
}
