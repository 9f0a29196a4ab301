//! NRRD, compressed.

use std::io;
use std::path::{Path, PathBuf};

use super::{Exporter, Item, ending};
use crate::volume::{Format, write};

/// `.nrrd`.
pub struct NrrdFile;

impl Exporter for NrrdFile {
    fn name(&self) -> &'static str {
        "nrrd"
    }

    fn write(&self, item: &Item<'_>, stem: &Path) -> io::Result<Vec<PathBuf>> {
        let path = ending(stem, ".nrrd");
        write(item.volume, &path, Format::Nrrd)?;
        Ok(vec![path])
    }
}
