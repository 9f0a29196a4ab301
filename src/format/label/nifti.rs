//! NIfTI labelmaps: a number a voxel, no names, no overlap.

use std::path::Path;

use super::{FormatId, LabelError, LabelFormat, Probe, SourceImage, voxels};
use crate::format::nifti::{Nifti, Voxels};
use crate::label::{LabelSet, Placed, Warning};

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
