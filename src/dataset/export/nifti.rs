//! NIfTI-1, compressed, with b-values and directions where the volumes are weighted, and a labelmap for each structure that
//! was looked for.

use std::io;

use super::item::{ending, write_structures};
use super::{Exporter, Out, StackItem, Volumes};
use crate::volume::Format;

/// `.nii.gz`.
pub struct NiftiGz;

impl Exporter for NiftiGz {
    fn name(&self) -> &'static str {
        "nifti"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let path = out.file(&ending(&item.stem, ".nii.gz"))?;
        item.write_image(&path)?;
        if let Some(gradients) = item.sidecar.and_then(|s| s.diffusion.as_ref()) {
            for written in gradients.write(&path)? {
                if let Ok(below) = written.strip_prefix(out.root()) {
                    let below = below.to_path_buf();
                    out.file(&below)?;
                }
            }
        }
        write_structures(item, out, ".nii.gz", Format::Nifti)
    }
}
