//! Label files of other tools: one file a format, one line in [`FORMATS`].
//!
//! A format tells its files from others ([`LabelFormat::probe`]), reads them into a [`LabelSet`] and, where it can, writes
//! what was placed on an image ([`LabelFormat::write`]).

mod coco;
mod color;
mod dicom;
mod gzip_mask;
mod json;
mod lidc;
mod metaimage;
mod nifti;
mod nrrd;
mod rtstruct;
mod seg;
mod sr;
mod tags;
mod voxels;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use thiserror::Error;

pub use coco::coco_annotation;
pub use color::hex;
pub use dicom::SourceImage;
pub use nifti::write_structure;
pub use sr::{Statement, write_report};

use super::nifti::NiftiError;
use crate::dicom::codec::PixelError;
use crate::dicom::{ReadError, with_header};
use crate::label::place::MOST_VOXELS;
use crate::label::{LabelSet, Placed, Refused};
use crate::model::tags as standard;
use crate::model::words::io_error;

/// A file beyond this is not read.
const MOST_BYTES: u64 = 4 << 30;
/// What is looked at to know a format.
const HEAD: usize = 4096;

/// Why a label file cannot be read or written. Holds no value of the file.
#[derive(Debug, Error)]
pub enum LabelError {
    /// No format knows it.
    #[error(
        "no label file that is known: NIfTI, NRRD, MetaImage, DICOM segmentation, RT structure set or SR, LIDC XML, COCO or Gantry's JSON"
    )]
    Unknown,
    /// The disk.
    #[error("{}", io_error(.0))]
    Io(#[from] io::Error),
    /// Larger than what is read.
    #[error("larger than {} GiB", MOST_BYTES >> 30)]
    TooLarge,
    /// A NIfTI file.
    #[error(transparent)]
    Nifti(NiftiError),
    /// A DICOM file.
    #[error(transparent)]
    Dicom(#[from] ReadError),
    /// Its pixels.
    #[error("its pixels cannot be decoded: {0}")]
    Pixels(#[from] PixelError),
    /// It contradicts itself, or its format.
    #[error("{0}")]
    Malformed(String),
    /// The format cannot hold it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The format cannot hold it.
    #[error("{1}")]
    CannotHold(&'static str, String),
}

impl LabelError {
    fn malformed(words: impl Into<String>) -> Self {
        Self::Malformed(words.into())
    }

    /// A stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown_format",
            Self::Refused(refused) => refused.code(),
            Self::CannotHold(code, _) => code,
            Self::TooLarge => "too_large",
            _ => "unreadable",
        }
    }
}

impl From<NiftiError> for LabelError {
    fn from(error: NiftiError) -> Self {
        match error {
            NiftiError::Io(error) => Self::Io(error),
            other => Self::Nifti(other),
        }
    }
}

/// The formats of label files, by their names in commands and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatId {
    /// DICOM segmentation.
    DicomSeg,
    /// DICOM RT structure set.
    Rtstruct,
    /// DICOM structured report.
    Sr,
    /// NIfTI labelmap.
    Nifti,
    /// NRRD labelmap, or 3D Slicer's segmentation.
    Nrrd,
    /// MetaImage labelmap.
    Metaimage,
    /// LIDC-IDRI readings.
    Lidc,
    /// COCO annotations.
    Coco,
    /// Gantry's own.
    Json,
}

impl FormatId {
    /// The name, as answers have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DicomSeg => "dicom_seg",
            Self::Rtstruct => "rtstruct",
            Self::Sr => "sr",
            Self::Nifti => "nifti",
            Self::Nrrd => "nrrd",
            Self::Metaimage => "metaimage",
            Self::Lidc => "lidc",
            Self::Coco => "coco",
            Self::Json => "json",
        }
    }
}

/// The beginning of a file, and what kind of DICOM object it is.
#[derive(Debug)]
pub struct Probe {
    head: Vec<u8>,
    sop_class: Option<String>,
}

impl Probe {
    /// Looks at a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut head = Vec::new();
        File::open(path)?.take(HEAD as u64).read_to_end(&mut head)?;
        let sop_class =
            with_header(path, |file, _| file.dataset.ascii(standard::SOP_CLASS_UID).map(str::to_owned));
        Ok(Self { head, sop_class: sop_class.ok().flatten() })
    }

    fn is_class(&self, uids: &[&str]) -> bool {
        self.sop_class.as_deref().is_some_and(|class| uids.contains(&class))
    }

    /// The text that a file of text begins with, without the mark of its encoding.
    fn text(&self) -> &str {
        let valid = self.head.utf8_chunks().next().map_or("", |c| c.valid());
        valid.trim_start_matches('\u{feff}').trim_start()
    }
}

/// One format.
pub trait LabelFormat: Sync {
    /// Its name.
    fn id(&self) -> FormatId;

    /// Whether a file is of this format.
    fn probe(&self, probe: &Probe) -> bool;

    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, contradicts itself, or is beyond what is read.
    fn read(&self, path: &Path) -> Result<LabelSet, LabelError>;

    /// Writes structures that were placed. `image` is what they lie on, where that is known.
    ///
    /// # Errors
    /// The format cannot hold them, or the file cannot be written.
    fn write(&self, placed: &Placed, image: Option<&SourceImage>, path: &Path) -> Result<(), LabelError>;
}

/// Every format.
pub const FORMATS: [&dyn LabelFormat; 9] = [
    &seg::DicomSeg,
    &rtstruct::RtStruct,
    &sr::StructuredReport,
    &nifti::NiftiLabels,
    &nrrd::NrrdLabels,
    &metaimage::MetaImage,
    &lidc::Lidc,
    &coco::Coco,
    &json::GantryJson,
];

/// The format of this name.
pub fn format(id: FormatId) -> &'static dyn LabelFormat {
    FORMATS.into_iter().find(|f| f.id() == id).unwrap_or(&json::GantryJson)
}

/// Reads a label file of any format.
///
/// # Errors
/// As [`LabelFormat::read`]; [`LabelError::Unknown`] where no format knows it.
pub fn read(path: &Path) -> Result<(FormatId, LabelSet), LabelError> {
    let probe = Probe::of(path)?;
    let format = FORMATS.into_iter().find(|f| f.probe(&probe)).ok_or(LabelError::Unknown)?;
    match format.read(path) {
        // A table may be compressed, too.
        Err(LabelError::Nifti(NiftiError::NotNifti)) => Err(LabelError::Unknown),
        read => Ok((format.id(), read?)),
    }
}

/// Whether a file is of a label format, measurements included; `false` also where it cannot be read.
pub fn is_label(path: &Path) -> bool {
    holds_structures(path)
        || Probe::of(path)
            .is_ok_and(|probe| FORMATS.into_iter().any(|f| f.id() == FormatId::Sr && f.probe(&probe)))
}

/// Whether a file holds voxels, contours or drawings; `false` also where it cannot be read. What is compressed is told by
/// its name: a table may be, too.
pub fn holds_structures(path: &Path) -> bool {
    let Ok(probe) = Probe::of(path) else { return false };
    let compressed = probe.head.starts_with(&[0x1f, 0x8b]);
    if compressed {
        return path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().to_ascii_lowercase().ends_with(".nii.gz"));
    }
    FORMATS.into_iter().find(|f| f.probe(&probe)).is_some_and(|f| f.id() != FormatId::Sr)
}

/// The bytes of a file that is not too large, whatever its size is said to be.
fn bytes_of(path: &Path) -> Result<Vec<u8>, LabelError> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > MOST_BYTES {
        return Err(LabelError::TooLarge);
    }
    let mut bytes = Vec::with_capacity(size as usize + 1);
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { Err(LabelError::TooLarge) } else { Ok(bytes) }
}

/// Whether a grid has more voxels than are read, placed and written.
fn is_too_large(shape: [u32; 3]) -> bool {
    shape.iter().try_fold(1_u64, |n, size| n.checked_mul(u64::from(*size))).is_none_or(|n| n > MOST_VOXELS)
}

/// Writes a file beside its place and renames it, so that nothing half-written is seen.
fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut io::BufWriter<File>) -> Result<(), LabelError>,
) -> Result<(), LabelError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = File::create(&part).map_err(LabelError::from).and_then(|file| {
        let mut out = io::BufWriter::with_capacity(1 << 16, file);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(std::fs::rename(&part, path)?)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}
