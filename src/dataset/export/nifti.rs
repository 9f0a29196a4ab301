//! NIfTI-1, compressed, with b-values and directions where the volumes are weighted.

use std::io;
use std::path::{Path, PathBuf};

use super::{Exporter, Item, ending};
use crate::volume::{Format, write_sliced};

/// `.nii.gz`.
pub struct NiftiGz;

impl Exporter for NiftiGz {
    fn name(&self) -> &'static str {
        "nifti"
    }

    fn write(&self, item: &Item<'_>, stem: &Path) -> io::Result<Vec<PathBuf>> {
        let path = ending(stem, ".nii.gz");
        write_sliced(item.volume, &path, Format::Nifti, item.sidecar.slicing)?;
        let mut paths = vec![path];
        if let Some(gradients) = &item.sidecar.diffusion {
            let written = gradients.write(&paths[0])?;
            paths.extend(written);
        }
        Ok(paths)
    }
}
