//! NRRD, compressed.

use std::io;

use super::item::{ending, write_structures};
use super::{Exporter, Out, StackItem, Volumes};
use crate::volume::{Format, write};

/// `.nrrd`.
pub struct NrrdFile;

impl Exporter for NrrdFile {
    fn name(&self) -> &'static str {
        "nrrd"
    }

    fn volumes(&self) -> Volumes {
        Volumes::Needed
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        let path = out.file(&ending(&item.stem, ".nrrd"))?;
        write(item.volume.ok_or(io::ErrorKind::InvalidInput)?, &path, Format::Nrrd)?;
        write_structures(item, out, ".nrrd", Format::Nrrd)
    }
}
