//! NRRD volumes, attached header and gzipped data (teem.sourceforge.net/nrrd/format.html), space left-posterior-superior
//! as in DICOM.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::model::geometry::{Grid, Vec3};
use crate::model::pixels::Samples;

/// What a NRRD file holds.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// One number a voxel.
    Grey(&'a Samples),
    /// Red, green, blue.
    Rgb(&'a [[u8; 3]]),
}

/// A volume, or several on one grid.
#[derive(Debug, Clone, Copy)]
pub struct Nrrd<'a> {
    /// Where the voxels are.
    pub grid: Grid,
    /// How many volumes follow one another.
    pub volumes: u32,
    /// The real values: column fastest, then row, slice, volume.
    pub values: Values<'a>,
}

impl Nrrd<'_> {
    /// Writes a file whose bytes depend on the volume alone, beside its place, and renames it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let part = path.with_file_name(name);
        let written = self.write_part(&part).and_then(|()| fs::rename(&part, path));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn write_part(&self, part: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(part)?);
        file.write_all(self.header().as_bytes())?;
        let mut gz = GzBuilder::new().mtime(0).operating_system(255).write(&mut file, Compression::new(6));
        match self.values {
            Values::Rgb(colours) => gz.write_all(colours.as_flattened())?,
            Values::Grey(samples) => gz.write_all(&samples.little_endian())?,
        }
        gz.finish()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }

    fn header(&self) -> String {
        let vector = |v: Vec3| format!("({},{},{})", v[0], v[1], v[2]);
        let (mut sizes, mut directions, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        let mut axis = |size: u32, direction: String, kind: &'static str| {
            sizes.push(size.to_string());
            directions.push(direction);
            kinds.push(kind);
        };
        if matches!(self.values, Values::Rgb(_)) {
            axis(3, "none".into(), "RGB-color");
        }
        let steps = [self.grid.column_mm, self.grid.row_mm, self.grid.slice_mm];
        steps.iter().zip(self.grid.shape).for_each(|(step, size)| axis(size, vector(*step), "domain"));
        if self.volumes > 1 {
            axis(self.volumes, "none".into(), "list");
        }
        format!(
            "NRRD0005\ntype: {}\ndimension: {}\nspace: left-posterior-superior\nsizes: {}\nspace directions: {}\nkinds: {}\nendian: little\nencoding: gzip\nspace origin: {}\n\n",
            self.kind(),
            sizes.len(),
            sizes.join(" "),
            directions.join(" "),
            kinds.join(" "),
            vector(self.grid.origin_mm),
        )
    }

    fn kind(&self) -> &'static str {
        match self.values {
            Values::Rgb(_) | Values::Grey(Samples::U8(_)) => "uint8",
            Values::Grey(Samples::I8(_)) => "int8",
            Values::Grey(Samples::U16(_)) => "uint16",
            Values::Grey(Samples::I16(_)) => "int16",
            Values::Grey(Samples::U32(_)) => "uint32",
            Values::Grey(Samples::I32(_)) => "int32",
            Values::Grey(Samples::F32(_)) => "float",
            Values::Grey(Samples::F64(_)) => "double",
        }
    }
}
