//! NIfTI labelmaps: a number a voxel, no names, no overlap.

use std::path::Path;

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, gzip_mask, voxels, write_whole};
use crate::format::nifti::{Image, Nifti, NiftiError, Slicing, Values, Voxels};
use crate::label::{LabelSet, Placed, PlacedStructure, Warning};
use crate::model::geometry::Grid;

/// Voxels along an axis that a NIfTI-1 header can say.
const MOST_ALONG_AXIS: u32 = i16::MAX as u32;

/// The format.
pub(super) struct NiftiLabels;

impl LabelFormat for NiftiLabels {
    fn id(&self) -> FormatId {
        FormatId::Nifti
    }

    fn probe(&self, probe: &Probe) -> bool {
        let size = probe.head.first_chunk::<4>().map(|b| i32::from_le_bytes(*b));
        let is_header = size.is_some_and(|n| [348, 540].contains(&n) || [348, 540].contains(&n.swap_bytes()));
        let dicom = probe.head.get(128..132) == Some(b"DICM");
        (is_header && !dicom) || probe.head.starts_with(&[0x1f, 0x8b])
    }

    fn read(&self, path: &Path) -> Result<LabelSet, LabelError> {
        let map = Nifti::read(path)?.into_labels()?;
        let grid =
            map.grid.in_space().ok_or_else(|| LabelError::malformed("its axes do not span a space"))?;
        let warnings = map.warnings.into_iter().map(|w| Warning::new("header", w)).collect();
        let structures = voxels::structures(&map.labels, grid)?;
        Ok(LabelSet { structures, rounded: map.rounded, warnings, ..LabelSet::default() })
    }

    fn write(&self, placed: &Placed, _: Option<&SourceImage>, path: &Path) -> Result<(), LabelError> {
        let labelmap = placed.labelmap()?;
        let [x, y, z] = placed.grid.shape.map(|n| n as usize);
        let voxels = if labelmap.iter().all(|v| *v <= 255) {
            Voxels::U8(labelmap.into_iter().map(|v| v as u8).collect())
        } else {
            Voxels::U16(labelmap)
        };
        Ok(Nifti::new([x, y, z, 1], placed.grid.affine_ras(), voxels)?.write(path)?)
    }
}

/// Writes one structure as a labelmap of its own, gzipped.
///
/// # Errors
/// NIfTI cannot hold the grid, or the file cannot be written.
pub fn write_structure(placed: &Placed, structure: &PlacedStructure, path: &Path) -> Result<(), LabelError> {
    let Ok(value) = u8::try_from(structure.number) else {
        let alone = Placed { structures: vec![structure.clone()], warnings: Vec::new(), ..*placed };
        return NiftiLabels.write(&alone, None, path);
    };
    let header = header(&placed.grid)?;
    write_whole(path, |out| Ok(gzip_mask::write(&header, &structure.mask, value, out)?))
}

/// The header of a volume of bytes on a grid, and what stands between it and the voxels.
fn header(grid: &Grid) -> Result<Vec<u8>, LabelError> {
    if grid.shape.iter().any(|n| *n > MOST_ALONG_AXIS) {
        return Err(NiftiError::Header("an axis must have 1 to 32767 voxels").into());
    }
    let [x, y, z] = grid.shape.map(|n| n as usize);
    let one = Image::new([1; 4], grid.affine_ras(), Values::U8(&[0]))?;
    let mut header = Vec::new();
    Image { shape: [x, y, z, 1], voxels: Values::U8(&[]), ..one }
        .write_to(&mut header, Slicing::default())?;
    Ok(header)
}
