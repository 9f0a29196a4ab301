//! Export formats, one a file. A format writes what one series, or one stack of it, becomes, and at the end what needs all
//! of them; the folder around it, names, manifest, resumption and atomicity are the same for all.
//!
//! What is written depends on what is exported, on the options and on the version of Gantry alone: not on the order or the
//! number of threads, nor on interruptions.

mod bids;
mod coco;
mod command;
mod dicom;
mod folder;
mod item;
mod json;
mod labels;
mod monai;
mod nifti;
mod nnunet;
mod nrrd;
mod out;
mod tables;
mod webdataset;

use std::io;

pub use command::{PREFIX as COMMAND, Program};
pub use folder::{BeginError, Begun, Complete, DoneSeries, FileEntry, Folder, LeftOut, kinds};
pub use item::{
    DrawnLabel, LabelView, Names, SeriesItem, StackItem, StructureInfo, SubjectInfo, Whole, named, stem,
    subject_folder,
};
pub use out::{Made, Note, Out};

/// What a format does with voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volumes {
    /// Nothing.
    None,
    /// It tells of them where there are any.
    Wanted,
    /// It is made of them.
    Needed,
}

/// A format.
pub trait Exporter: Send + Sync {
    /// Its name on the command line.
    fn name(&self) -> &str;

    /// Whether it writes voxels: it is not asked for stacks without those that it needs.
    fn volumes(&self) -> Volumes {
        Volumes::None
    }

    /// Whether it refers to the instances of the image.
    fn needs_source(&self) -> bool {
        false
    }

    /// Writes what a series becomes as a whole.
    ///
    /// # Errors
    /// The disk refuses.
    fn series(&self, _: &SeriesItem<'_>, _: &mut Out<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Writes what one stack of a series becomes.
    ///
    /// # Errors
    /// The disk refuses, or the format cannot hold it.
    fn stack(&self, _: &StackItem<'_>, _: &mut Out<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Writes what needs every series, from the notes that were made of each.
    ///
    /// # Errors
    /// The disk refuses.
    fn finish(&self, _: &Whole<'_>, _: &[Note], _: &mut Out<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Every format.
pub static FORMATS: &[&dyn Exporter] = &[
    &nifti::NiftiGz,
    &nrrd::NrrdFile,
    &dicom::Instances,
    &labels::SEG,
    &labels::RTSTRUCT,
    &labels::SR,
    &json::Sidecar,
    &coco::Coco,
    &tables::CSV,
    &tables::PARQUET,
    &nnunet::NnUnet,
    &monai::Monai,
    &webdataset::WebDataset,
    &bids::Bids,
];

/// The formats with these names, each once; `program` knows those that begin with [`COMMAND`].
///
/// # Errors
/// The first name that no format has.
pub fn formats(
    names: &[String],
    program: impl Fn(&str) -> Option<Program>,
) -> Result<Vec<Box<dyn Exporter>>, String> {
    let mut found: Vec<Box<dyn Exporter>> = Vec::new();
    for name in names {
        if found.iter().any(|f| f.name() == name) {
            continue;
        }
        let own =
            name.strip_prefix(COMMAND).map(|own| program(own).map(|p| Box::new(p) as Box<dyn Exporter>));
        let built_in =
            || FORMATS.iter().find(|f| f.name() == name).map(|f| Box::new(*f) as Box<dyn Exporter>);
        found.push(own.unwrap_or_else(built_in).ok_or_else(|| name.clone())?);
    }
    Ok(found)
}

impl Exporter for &'static dyn Exporter {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn volumes(&self) -> Volumes {
        (**self).volumes()
    }

    fn needs_source(&self) -> bool {
        (**self).needs_source()
    }

    fn series(&self, item: &SeriesItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        (**self).series(item, out)
    }

    fn stack(&self, item: &StackItem<'_>, out: &mut Out<'_>) -> io::Result<()> {
        (**self).stack(item, out)
    }

    fn finish(&self, whole: &Whole<'_>, notes: &[Note], out: &mut Out<'_>) -> io::Result<()> {
        (**self).finish(whole, notes, out)
    }
}
