//! Any label file to any other, on the voxels of its image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use super::images::Images;
use crate::format::label::{FormatId, LabelError, SourceImage, format, read, write_structure};
use crate::label::place::{Listed, Options, place, place_own};
use crate::label::{Difference, LabelSet, Placed, Refused, Warning};
use crate::model::geometry::Vec3;
use crate::model::words::io_error;

/// Characters of a file name that a structure's name gives: of four bytes each they leave room for a number and an ending.
const MOST_NAME: usize = 50;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The label file.
    pub input: PathBuf,
    /// Where to write.
    pub output: PathBuf,
    /// What to write.
    pub target: Target,
    /// Folder or file of the image.
    pub image: Option<PathBuf>,
    /// Names of structures by their number.
    pub names: BTreeMap<u32, String>,
    /// Only these structures, by name or number.
    pub structures: Option<Vec<String>>,
    /// How to place.
    pub options: Options,
}

/// What is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Target {
    /// One file of a format.
    File(FormatId),
    /// A folder with a NIfTI file for each structure.
    #[default]
    Folder,
}

impl Target {
    /// What an output and a format's name ask for.
    ///
    /// # Errors
    /// The ending is not known, or contradicts the name: in words.
    pub fn of(output: &Path, named: Option<&str>) -> Result<Self, String> {
        let text = output.to_string_lossy().to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|e| text.ends_with(e));
        let by_name = match named {
            None => None,
            Some("seg" | "dicom_seg") => Some(FormatId::DicomSeg),
            Some("rtstruct") => Some(FormatId::Rtstruct),
            Some("sr") => Some(FormatId::Sr),
            Some("nifti") => Some(FormatId::Nifti),
            Some("nrrd") => Some(FormatId::Nrrd),
            Some("metaimage") => Some(FormatId::Metaimage),
            Some("coco") => Some(FormatId::Coco),
            Some("json") => Some(FormatId::Json),
            Some(_) => return Err("formats are seg, rtstruct, sr, nifti, nrrd, metaimage, coco, json".into()),
        };
        let of_ending: &[FormatId] = if text.ends_with('/') || output.is_dir() {
            return match by_name {
                None | Some(FormatId::Nifti) => Ok(Self::Folder),
                Some(_) => Err("a folder takes one NIfTI file per structure".into()),
            };
        } else if ends(&[".nii", ".nii.gz"]) {
            &[FormatId::Nifti]
        } else if ends(&[".nrrd"]) {
            &[FormatId::Nrrd]
        } else if ends(&[".mha"]) {
            &[FormatId::Metaimage]
        } else if ends(&[".json"]) {
            &[FormatId::Json, FormatId::Coco]
        } else if ends(&[".dcm"]) {
            &[FormatId::DicomSeg, FormatId::Rtstruct, FormatId::Sr]
        } else {
            let known =
                ".nii, .nii.gz, .nrrd, .seg.nrrd, .mha, .json, .dcm with --format, or a folder ending in /";
            return Err(format!("OUT must end in {known}"));
        };
        match by_name {
            None if of_ending.len() == 3 => Err(".dcm needs --format seg, rtstruct or sr".into()),
            None => Ok(Self::File(of_ending[0])),
            Some(id) if of_ending.contains(&id) => Ok(Self::File(id)),
            Some(_) => Err("the format and the ending of OUT contradict each other".into()),
        }
    }

    /// Whether one value a voxel is written, on one grid.
    fn is_volume(self) -> bool {
        match self {
            Self::Folder => true,
            Self::File(id) => {
                matches!(id, FormatId::Nifti | FormatId::Nrrd | FormatId::Metaimage | FormatId::Json)
            }
        }
    }

    /// Whether structures are numbered from 1 without gaps.
    fn numbers_anew(self) -> bool {
        matches!(self, Self::File(FormatId::DicomSeg | FormatId::Rtstruct | FormatId::Sr))
    }
}

/// The grid of what was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GridView {
    /// Columns, rows, slices.
    pub shape: [u32; 3],
    /// Length of the step along each axis.
    pub spacing_mm: Vec3,
    /// (column, row, slice, 1) to millimetres, RAS+.
    pub affine: [[f64; 4]; 4],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Converted {
    /// The format written.
    pub format: FormatId,
    /// The files; of a folder in the order of `structures`.
    pub outputs: Vec<String>,
    /// The voxels.
    pub grid: GridView,
    /// The structures.
    pub structures: Vec<Listed>,
    /// What is odd about file and placing.
    pub warnings: Vec<Warning>,
}

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The label file.
    #[error("{0}")]
    Label(#[from] LabelError),
    /// The image.
    #[error("the image: {}", io_error(.0))]
    Image(std::io::Error),
    /// No image there.
    #[error("no image below the folder of --image")]
    NoImages,
    /// A structure that the file has not.
    #[error("no structure '{0}' in the file")]
    NoStructure(String),
    /// Nothing to place.
    #[error("the file holds measurements, or regions that are not read, and no structures")]
    NoStructures,
}

impl ConvertError {
    /// A stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Label(error) => error.code(),
            Self::Image(_) => "image_unreadable",
            Self::NoImages => "no_images",
            Self::NoStructure(_) => "unknown_structure",
            Self::NoStructures => "no_structures",
        }
    }

    /// What differs between the grids, where that is why.
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Self::Label(LabelError::Refused(Refused::OtherGrid(difference))) => Some(difference),
            _ => None,
        }
    }

    /// Whether only the image is missing.
    pub fn wants_image(&self) -> bool {
        matches!(self, Self::Label(LabelError::Refused(Refused::NoImage(_))))
    }
}

impl From<Refused> for ConvertError {
    fn from(refused: Refused) -> Self {
        Self::Label(refused.into())
    }
}

/// Reads, places and writes.
///
/// # Errors
/// [`ConvertError`]; nothing is written then.
pub fn convert(request: &Request) -> Result<Converted, ConvertError> {
    let (format, mut set) = read(&request.input)?;
    // A labelmap of zeros says that nothing is there; a report says nothing of it.
    if set.structures.is_empty() && (format == FormatId::Sr || !set.measurements.is_empty()) {
        return Err(ConvertError::NoStructures);
    }
    named(&mut set, &request.names);
    if let Some(wanted) = &request.structures {
        keep(&mut set, wanted)?;
    }
    let source = request.image.as_deref().map(|path| source(path, &set)).transpose()?;
    let mut placed = match &source {
        Some(source) => place(set, &source.image, request.options)?,
        None => place_own(set, request.options)?,
    };
    if request.target.is_volume() && source.as_ref().is_some_and(|s| s.image.placed && !s.image.is_regular())
    {
        return Err(Refused::Irregular.into());
    }
    if request.target.numbers_anew() {
        (1..).zip(&mut placed.structures).for_each(|(n, s)| s.number = n);
    }
    let outputs = write(&placed, source.as_ref(), request.target, &request.output)?;
    Ok(Converted {
        format: match request.target {
            Target::File(id) => id,
            Target::Folder => FormatId::Nifti,
        },
        outputs: outputs.iter().map(|p| p.to_string_lossy().into_owned()).collect(),
        grid: GridView {
            shape: placed.grid.shape,
            spacing_mm: placed.grid.step_mm(),
            affine: placed.grid.affine_ras(),
        },
        structures: placed.listed(),
        warnings: placed.warnings,
    })
}

fn source(path: &Path, set: &LabelSet) -> Result<SourceImage, ConvertError> {
    let images = Images::below(path).map_err(ConvertError::Image)?;
    if images.is_empty() {
        return Err(ConvertError::NoImages);
    }
    Ok(images.source_of(set)?)
}

fn named(set: &mut LabelSet, names: &BTreeMap<u32, String>) {
    for structure in &mut set.structures {
        if let Some(name) = structure.number.and_then(|n| names.get(&n)) {
            structure.name.clone_from(name);
        }
    }
}

/// Leaves the structures that are wanted, in the file's order.
fn keep(set: &mut LabelSet, wanted: &[String]) -> Result<(), ConvertError> {
    let is = |s: &crate::label::Structure, name: &str| {
        s.name == name || (s.name.is_empty() && s.number.is_some_and(|n| n.to_string() == name))
    };
    for name in wanted {
        if !set.structures.iter().any(|s| is(s, name)) {
            return Err(ConvertError::NoStructure(name.clone()));
        }
    }
    set.structures.retain(|s| wanted.iter().any(|name| is(s, name)));
    Ok(())
}

/// Writes structures that were placed: one file, or one for each of them in a folder.
///
/// # Errors
/// The format cannot hold them, or the disk refuses.
pub fn write(
    placed: &Placed,
    source: Option<&SourceImage>,
    target: Target,
    output: &Path,
) -> Result<Vec<PathBuf>, LabelError> {
    match target {
        Target::File(id) => {
            format(id).write(placed, source, output)?;
            Ok(vec![output.to_path_buf()])
        }
        Target::Folder => Ok(write_folder(placed, output)?),
    }
}

/// A file for each structure: all of them, or none. They are written in a folder of their own within the folder and then put
/// in their places.
fn write_folder(placed: &Placed, folder: &Path) -> Result<Vec<PathBuf>, LabelError> {
    let mut names = FileNames::default();
    let names: Vec<String> =
        placed.structures.iter().map(|s| format!("{}.nii.gz", names.of(&s.name))).collect();
    let is_new = !folder.exists();
    let part = folder.join(format!(".part-{}", std::process::id()));
    fs::create_dir_all(&part)?;
    let put = |name: &String| {
        let path = folder.join(name);
        fs::rename(part.join(name), &path).map(|()| path)
    };
    let written = placed
        .structures
        .par_iter()
        .zip(&names)
        .try_for_each(|(structure, name)| write_structure(placed, structure, &part.join(name)))
        .and_then(|()| Ok(names.iter().map(put).collect::<Result<Vec<_>, _>>()?));
    let _ = fs::remove_dir_all(&part);
    if written.is_err() && is_new {
        let _ = fs::remove_dir(folder);
    }
    written
}

/// Names of structures as those of files: letters, digits and a few signs; each once, whatever the case.
#[derive(Default)]
struct FileNames {
    taken: BTreeSet<String>,
    /// The last number that was put behind a name.
    numbers: BTreeMap<String, u32>,
}

impl FileNames {
    fn of(&mut self, name: &str) -> String {
        let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
        let name: String = name.chars().map(plain).take(MOST_NAME).collect();
        let name = name.trim_matches(['.', '_']);
        let name = if name.is_empty() { "structure" } else { name };
        let last = self.numbers.entry(name.to_lowercase()).or_insert(0);
        loop {
            *last += 1;
            let candidate = if *last == 1 { name.to_owned() } else { format!("{name}_{last}") };
            if self.taken.insert(candidate.to_lowercase()) {
                return candidate;
            }
        }
    }
}
