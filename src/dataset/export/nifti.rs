//! NIfTI-1, compressed.

use std::io;
use std::path::{Path, PathBuf};

use super::{Exporter, Item, ending};
use crate::volume::{Format, write};

/// `.nii.gz`.
pub struct NiftiGz;

impl Exporter for NiftiGz {
    fn name(&self) -> &'static str {
        "nifti"
    }

    fn write(&self, item: &Item<'_>, stem: &Path) -> io::Result<Vec<PathBuf>> {
        let path = ending(stem, ".nii.gz");
        write(item.volume, &path, Format::Nifti)?;
        Ok(vec![path])
    }
}
