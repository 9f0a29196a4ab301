//! NIfTI volumes in one file (`.nii`, `.nii.gz`): versions 1 and 2 are read whole and verified to the end, version 1 is
//! written, with the same bytes every time.
//!
//! Source: Cox et al., *A (sort of) new image data format standard: NIfTI-1*, and the comments of `nifti1.h`.
//! Voxels are stored first axis fastest. The affine takes (i, j, k, 1) to millimetres, RAS+ (the NIfTI border is
//! the only place where Gantry speaks RAS). The header is handled here and not by a library because its fields
//! come from outside (nothing is allocated by a declared size) and because what is written must depend on the
//! volume alone: no clock, no machine.

// Matrices are read by row and column.
#![allow(clippy::needless_range_loop)]

mod affine;
mod header;
mod read;
mod write;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use thiserror::Error;

use crate::bytes::gzip::{GzipError, Unpacker, is_gzip};
use crate::measure::grid::{Grid, GridError, Labels};
use crate::model::words::io_error;

pub use crate::label::Rounded;
use read::{decode, read_up_to};
pub use write::{Image, Slicing, Values};

/// Bytes of a NIfTI-1 header.
const HEADER: usize = 348;
/// Where the voxels begin in a file that we write: header and an empty extension list.
const VOXELS_AT: usize = 352;
/// Voxel data larger than this is refused before any of it is read.
const MAX_BYTES: u64 = 16 << 30;

/// How far from a whole number a label may be.
const NEARLY_WHOLE: f64 = 1e-3;
/// Labels that were saved as scaled integers come back so far from whole numbers; nobody need hear of it.
const ROUNDED_IN_SILENCE: f64 = 1e-4;

/// Why a NIfTI file could not be read or written. Holds no path: the caller knows the file.
#[derive(Debug, Error)]
pub enum NiftiError {
    /// Reading or writing failed.
    #[error("{}", io_error(.0))]
    Io(io::Error),
    /// The compressed data are damaged or cut.
    #[error(transparent)]
    Gzip(GzipError),
    /// Neither byte order gives a NIfTI header.
    #[error("not a NIfTI file")]
    NotNifti,
    /// What came before NIfTI.
    #[error("an Analyze 7.5 header, which does not say where the voxels lie; convert to .nii")]
    Analyze,
    /// Header and voxels in two files.
    #[error("header and voxels in two files (.hdr/.img) are not read; convert to .nii")]
    Pair,
    /// A field of the header contradicts itself or is beyond what is read.
    #[error("bad NIfTI header: {0}")]
    Header(&'static str),
    /// A datatype that is not read.
    #[error("NIfTI datatype {0} is not supported")]
    Datatype(i16),
    /// Fewer voxels than declared.
    #[error("truncated: {found} of {declared} bytes of voxels")]
    Truncated {
        /// Bytes that the header promises.
        declared: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A volume that cannot be a labelmap.
    #[error("not a labelmap: {0}")]
    NotLabels(&'static str),
    /// A grid that cannot be measured on.
    #[error(transparent)]
    Grid(#[from] GridError),
}

impl From<io::Error> for NiftiError {
    fn from(error: io::Error) -> Self {
        GzipError::in_error(&error).map_or(Self::Io(error), Self::Gzip)
    }
}

/// Voxel values by stored type, first axis fastest.
#[derive(Debug, Clone, PartialEq)]
pub enum Voxels {
    /// 8 bits, unsigned.
    U8(Vec<u8>),
    /// 8 bits, signed.
    I8(Vec<i8>),
    /// 16 bits, unsigned.
    U16(Vec<u16>),
    /// 16 bits, signed.
    I16(Vec<i16>),
    /// 32 bits, unsigned.
    U32(Vec<u32>),
    /// 32 bits, signed.
    I32(Vec<i32>),
    /// 64 bits, unsigned.
    U64(Vec<u64>),
    /// 64 bits, signed.
    I64(Vec<i64>),
    /// IEEE single.
    F32(Vec<f32>),
    /// IEEE double.
    F64(Vec<f64>),
    /// Red, green, blue, 8 bits each.
    Rgb(Vec<[u8; 3]>),
}

/// Runs one expression for whichever vector a [`Voxels`] holds.
macro_rules! each {
    ($voxels:expr, $v:ident => $body:expr, $rgb:ident => $colour:expr) => {
        match $voxels {
            Voxels::U8($v) => $body,
            Voxels::I8($v) => $body,
            Voxels::U16($v) => $body,
            Voxels::I16($v) => $body,
            Voxels::U32($v) => $body,
            Voxels::I32($v) => $body,
            Voxels::U64($v) => $body,
            Voxels::I64($v) => $body,
            Voxels::F32($v) => $body,
            Voxels::F64($v) => $body,
            Voxels::Rgb($rgb) => $colour,
        }
    };
}

impl Voxels {
    /// How many voxels there are.
    pub fn len(&self) -> usize {
        each!(self, v => v.len(), v => v.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A volume, or a series of volumes over time, with its place in the patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Nifti {
    /// Voxels along (i, j, k) and volumes.
    pub shape: [usize; 4],
    /// Millimetres between voxels along (i, j, k).
    pub spacing_mm: [f64; 3],
    /// Seconds between volumes; 0 where unknown.
    pub step_s: f64,
    /// (i, j, k, 1) to millimetres RAS+.
    pub affine: [[f64; 4]; 4],
    /// Real value = stored value × slope + intercept.
    pub slope: f64,
    /// See [`Nifti::slope`].
    pub intercept: f64,
    /// The stored values.
    pub voxels: Voxels,
    /// What contradicts itself in the header that was read, in words.
    pub warnings: Vec<String>,
}

impl Nifti {
    /// A volume of these voxels; spacing is the length of the affine's columns, slope 1, intercept 0.
    ///
    /// # Errors
    /// When the number of voxels is not the shape's, an axis does not fit NIfTI-1 (1 to 32767), or the affine is
    /// singular or not finite.
    pub fn new(shape: [usize; 4], affine: [[f64; 4]; 4], voxels: Voxels) -> Result<Self, NiftiError> {
        let Image { spacing_mm, .. } = Image::new(shape, affine, (&voxels).into())?;
        Ok(Self {
            shape,
            spacing_mm,
            step_s: 0.0,
            affine,
            slope: 1.0,
            intercept: 0.0,
            voxels,
            warnings: Vec::new(),
        })
    }

    /// Reads a file, gzipped or not (told by its first bytes, never by its name).
    ///
    /// # Errors
    /// [`NiftiError`]; a declared size never decides an allocation, and a compressed file is verified to its end.
    pub fn read(path: &Path) -> Result<Self, NiftiError> {
        Self::read_from(File::open(path)?)
    }

    /// Reads from a stream; see [`Nifti::read`].
    ///
    /// # Errors
    /// As [`Nifti::read`].
    pub fn read_from(source: impl Read) -> Result<Self, NiftiError> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let mut magic = [0_u8; 2];
        let got = read_up_to(&mut source, &mut magic)?;
        let whole = io::Cursor::new(magic[..got].to_vec()).chain(source);
        if is_gzip(&magic) {
            decode(Unpacker::new(BufReader::with_capacity(1 << 16, whole)))
        } else {
            decode(whole)
        }
    }

    /// Writes a file; see [`Image::write`].
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), NiftiError> {
        self.image().write(path, Slicing::default())
    }

    /// Writes the uncompressed file.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), NiftiError> {
        self.image().write_to(out, Slicing::default())
    }

    fn image(&self) -> Image<'_> {
        Image {
            shape: self.shape,
            spacing_mm: self.spacing_mm,
            step_s: self.step_s,
            affine: self.affine,
            slope: self.slope,
            intercept: self.intercept,
            voxels: (&self.voxels).into(),
        }
    }

    /// The real value of every voxel (slope and intercept applied); colour as luminance is not offered.
    ///
    /// # Errors
    /// For colour.
    pub fn values(&self) -> Result<Vec<f64>, NiftiError> {
        #[allow(clippy::unnecessary_cast)]
        let stored: Vec<f64> = each!(&self.voxels, v => v.iter().map(|&x| x as f64).collect(),
            _v => return Err(NiftiError::Header("colour has no scalar values")));
        if self.slope == 1.0 && self.intercept == 0.0 {
            return Ok(stored);
        }
        Ok(stored.into_iter().map(|x| x * self.slope + self.intercept).collect())
    }

    /// The volume as a labelmap: one volume, whole numbers from 0 to 2³²−1, in the smallest type that holds them. Values
    /// within a thousandth of a whole number are rounded, as scaled integers ask for.
    ///
    /// # Errors
    /// [`NiftiError::NotLabels`] for time series, colour, fractions and negative numbers.
    pub fn into_labels(self) -> Result<LabelVolume, NiftiError> {
        if self.shape[3] != 1 {
            return Err(NiftiError::NotLabels("more than one volume"));
        }
        let [nx, ny, nz, _] = self.shape;
        let grid = Grid::new([nx, ny, nz], self.spacing_mm)?.with_affine(self.affine);
        let warnings = self.warnings.clone();
        let exact = |labels| Ok(LabelVolume { grid: grid.clone(), labels, rounded: None, warnings });
        if self.slope == 1.0 && self.intercept == 0.0 {
            match self.voxels {
                Voxels::U8(v) => return exact(Labels::U8(v)),
                Voxels::U16(v) => return exact(Labels::U16(v)),
                Voxels::U32(v) => return exact(Labels::U32(v)),
                _ => {}
            }
        }
        let mut values = self.values().map_err(|_| NiftiError::NotLabels("colour"))?;
        let mut rounded = Rounded::default();
        let mut top = 0.0_f64;
        for v in &mut values {
            top = top.max(round_label(&mut rounded, v)?);
        }
        let labels = if top <= 255.0 {
            Labels::U8(values.into_iter().map(|v| v as u8).collect())
        } else if top <= 65535.0 {
            Labels::U16(values.into_iter().map(|v| v as u16).collect())
        } else {
            Labels::U32(values.into_iter().map(|v| v as u32).collect())
        };
        let mut warnings = self.warnings;
        let rounded = Some(rounded).filter(|r| r.voxels > 0);
        warnings.extend(
            rounded
                .filter(|r| r.by > ROUNDED_IN_SILENCE)
                .map(|r| format!("{} voxels were rounded to whole numbers, by up to {:.5}", r.voxels, r.by)),
        );
        Ok(LabelVolume { grid, labels, rounded, warnings })
    }
}

/// A volume as a labelmap.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelVolume {
    /// Where the voxels lie.
    pub grid: Grid,
    /// One label a voxel.
    pub labels: Labels,
    /// What had to be rounded, if anything.
    pub rounded: Option<Rounded>,
    /// What is odd about the file, in words.
    pub warnings: Vec<String>,
}

/// Makes a value the whole number that it is near to, and gives that.
fn round_label(rounded: &mut Rounded, value: &mut f64) -> Result<f64, NiftiError> {
    let whole = value.round();
    let by = (*value - whole).abs();
    // What is not finite is near to nothing.
    if by.is_nan() || by > NEARLY_WHOLE {
        return Err(NiftiError::NotLabels("a value that is no whole number"));
    }
    if whole < 0.0 {
        return Err(NiftiError::NotLabels("a negative value"));
    }
    if whole > f64::from(u32::MAX) {
        return Err(NiftiError::NotLabels("a whole number beyond 32 bits"));
    }
    rounded.voxels += u64::from(by > 0.0);
    rounded.by = rounded.by.max(by);
    *value = whole;
    Ok(whole)
}
