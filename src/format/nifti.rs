//! NIfTI-1 volumes in one file (`.nii`, `.nii.gz`): read whole, written with the same bytes every time.
//!
//! Source: Cox et al., *A (sort of) new image data format standard: NIfTI-1*, and the comments of `nifti1.h`.
//! Voxels are stored first axis fastest. The affine takes (i, j, k, 1) to millimetres, RAS+ (the NIfTI border is
//! the only place where Gantry speaks RAS). The header is handled here and not by a library because its fields
//! come from outside (nothing is allocated by a declared size) and because what is written must depend on the
//! volume alone: no clock, no machine.

// Matrices are read by row and column.
#![allow(clippy::needless_range_loop)]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use thiserror::Error;

use crate::measure::grid::{Grid, GridError, Labels};

/// Bytes of a NIfTI-1 header.
const HEADER: usize = 348;
/// Where the voxels begin in a file that we write: header and an empty extension list.
const VOXELS_AT: usize = 352;
/// Voxel data larger than this is refused before any of it is read.
const MAX_BYTES: u64 = 16 << 30;
/// Relative distance from a right angle beyond which a quaternion cannot hold the affine.
const SHEAR: f64 = 1e-5;

/// Why a NIfTI file could not be read or written. Holds no path: the caller knows the file.
#[derive(Debug, Error)]
pub enum NiftiError {
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Neither byte order gives a NIfTI-1 header.
    #[error("not a NIfTI-1 file")]
    NotNifti,
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

    /// NIfTI datatype code and bits per voxel.
    fn datatype(&self) -> (i16, i16) {
        match self {
            Self::U8(_) => (2, 8),
            Self::I16(_) => (4, 16),
            Self::I32(_) => (8, 32),
            Self::F32(_) => (16, 32),
            Self::F64(_) => (64, 64),
            Self::Rgb(_) => (128, 24),
            Self::I8(_) => (256, 8),
            Self::U16(_) => (512, 16),
            Self::U32(_) => (768, 32),
            Self::I64(_) => (1024, 64),
            Self::U64(_) => (1280, 64),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        each!(self,
            v => v.chunks(1 << 14).try_for_each(|chunk| {
                let bytes: Vec<u8> = chunk.iter().flat_map(|x| x.to_le_bytes()).collect();
                out.write_all(&bytes)
            }),
            v => out.write_all(v.as_flattened()))
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
}

impl Nifti {
    /// A volume of these voxels; spacing is the length of the affine's columns, slope 1, intercept 0.
    ///
    /// # Errors
    /// When the number of voxels is not the shape's, an axis does not fit NIfTI-1 (1 to 32767), or the affine is
    /// singular or not finite.
    pub fn new(shape: [usize; 4], affine: [[f64; 4]; 4], voxels: Voxels) -> Result<Self, NiftiError> {
        if shape.iter().any(|&n| n == 0 || n > 32767) {
            return Err(NiftiError::Header("an axis must have 1 to 32767 voxels"));
        }
        if shape.iter().product::<usize>() != voxels.len() {
            return Err(NiftiError::Header("the number of voxels is not the shape's"));
        }
        check_affine(&affine)?;
        let spacing_mm = std::array::from_fn(|c| column_length(&affine, c));
        Ok(Self { shape, spacing_mm, step_s: 0.0, affine, slope: 1.0, intercept: 0.0, voxels })
    }

    /// Reads a file, gzipped or not (told by its first bytes, never by its name).
    ///
    /// # Errors
    /// [`NiftiError`]; a declared size never decides an allocation.
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
        if magic == [0x1f, 0x8b] {
            decode(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, whole)))
        } else {
            decode(whole)
        }
    }

    /// Writes a file whose bytes depend on the volume alone; gzipped where the name ends in `.gz`. Written beside
    /// its place and renamed, so that nothing half-written is seen.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), NiftiError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let part = path.with_file_name(name);
        let written = self.write_part(path, &part).and_then(|()| Ok(fs::rename(&part, path)?));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn write_part(&self, path: &Path, part: &Path) -> Result<(), NiftiError> {
        let mut file = BufWriter::with_capacity(1 << 16, File::create(part)?);
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            let mut gz =
                GzBuilder::new().mtime(0).operating_system(255).write(&mut file, Compression::new(6));
            self.write_to(&mut gz)?;
            gz.finish()?;
        } else {
            self.write_to(&mut file)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(())
    }

    /// Writes the uncompressed file.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn write_to(&self, out: &mut impl Write) -> Result<(), NiftiError> {
        out.write_all(&self.header())?;
        out.write_all(&[0; VOXELS_AT - HEADER])?;
        Ok(self.voxels.write(out)?)
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

    /// The volume as a labelmap: one volume, whole numbers from 0 to 2³²−1, in the smallest type that holds them.
    ///
    /// # Errors
    /// [`NiftiError::NotLabels`] for time series, colour, fractions and negative numbers.
    pub fn into_labels(self) -> Result<(Grid, Labels), NiftiError> {
        if self.shape[3] != 1 {
            return Err(NiftiError::NotLabels("more than one volume"));
        }
        let [nx, ny, nz, _] = self.shape;
        let grid = Grid::new([nx, ny, nz], self.spacing_mm)?.with_affine(self.affine);
        if self.slope == 1.0 && self.intercept == 0.0 {
            match self.voxels {
                Voxels::U8(v) => return Ok((grid, Labels::U8(v))),
                Voxels::U16(v) => return Ok((grid, Labels::U16(v))),
                Voxels::U32(v) => return Ok((grid, Labels::U32(v))),
                _ => {}
            }
        }
        let values = self.values().map_err(|_| NiftiError::NotLabels("colour"))?;
        let mut top = 0.0_f64;
        for &v in &values {
            if v < 0.0 {
                return Err(NiftiError::NotLabels("a negative value"));
            }
            if v.fract() != 0.0 || v > f64::from(u32::MAX) {
                return Err(NiftiError::NotLabels("a value that is no whole number"));
            }
            top = top.max(v);
        }
        let labels = if top <= 255.0 {
            Labels::U8(values.into_iter().map(|v| v as u8).collect())
        } else if top <= 65535.0 {
            Labels::U16(values.into_iter().map(|v| v as u16).collect())
        } else {
            Labels::U32(values.into_iter().map(|v| v as u32).collect())
        };
        Ok((grid, labels))
    }

    /// The 348 bytes of the header, little-endian.
    fn header(&self) -> [u8; HEADER] {
        let mut h = [0; HEADER];
        put(&mut h, 0, &348_i32.to_le_bytes());
        h[38] = b'r';
        let dims = if self.shape[3] > 1 { 4_i16 } else { 3 };
        put(&mut h, 40, &dims.to_le_bytes());
        for axis in 0..7 {
            let n = self.shape.get(axis).map_or(1, |&n| n as i16);
            put(&mut h, 42 + 2 * axis, &n.to_le_bytes());
        }
        let (datatype, bits) = self.voxels.datatype();
        put(&mut h, 70, &datatype.to_le_bytes());
        put(&mut h, 72, &bits.to_le_bytes());
        let q = Quaternion::of(&self.affine);
        put_f32(&mut h, 76, q.as_ref().map_or(1.0, |q| q.qfac));
        for axis in 0..3 {
            put_f32(&mut h, 80 + 4 * axis, self.spacing_mm[axis]);
        }
        put_f32(&mut h, 92, self.step_s);
        put_f32(&mut h, 108, VOXELS_AT as f64);
        let colour = matches!(self.voxels, Voxels::Rgb(_));
        put_f32(&mut h, 112, if colour { 0.0 } else { self.slope });
        put_f32(&mut h, 116, if colour { 0.0 } else { self.intercept });
        h[123] = 2 | 8; // millimetres, seconds
        if let Some(q) = q {
            put(&mut h, 252, &1_i16.to_le_bytes());
            for (k, v) in [q.b, q.c, q.d].into_iter().enumerate() {
                put_f32(&mut h, 256 + 4 * k, v);
            }
            for row in 0..3 {
                put_f32(&mut h, 268 + 4 * row, self.affine[row][3]);
            }
        }
        put(&mut h, 254, &1_i16.to_le_bytes());
        for row in 0..3 {
            for column in 0..4 {
                put_f32(&mut h, 280 + 16 * row + 4 * column, self.affine[row][column]);
            }
        }
        put(&mut h, 344, b"n+1\0");
        h
    }
}

fn put(header: &mut [u8; HEADER], at: usize, bytes: &[u8]) {
    header[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_f32(header: &mut [u8; HEADER], at: usize, value: f64) {
    put(header, at, &(value as f32).to_le_bytes());
}

fn column_length(affine: &[[f64; 4]; 4], column: usize) -> f64 {
    (0..3).map(|row| affine[row][column] * affine[row][column]).sum::<f64>().sqrt()
}

fn determinant(m: &[[f64; 4]; 4]) -> f64 {
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
}

fn check_affine(affine: &[[f64; 4]; 4]) -> Result<(), NiftiError> {
    let finite = affine.iter().flatten().all(|v| v.is_finite());
    if !finite || determinant(affine).abs() < 1e-18 {
        return Err(NiftiError::Header("the affine is singular or not finite"));
    }
    Ok(())
}

/// The quaternion form of an affine without shear (`nifti1.h`, method 2).
struct Quaternion {
    b: f64,
    c: f64,
    d: f64,
    qfac: f64,
}

impl Quaternion {
    /// `None` where the axes are not at right angles: a quaternion cannot hold shear, and a wrong qform is worse
    /// than none.
    fn of(affine: &[[f64; 4]; 4]) -> Option<Self> {
        let mut r = [[0.0; 3]; 3];
        for column in 0..3 {
            let length = column_length(affine, column);
            for row in 0..3 {
                r[row][column] = affine[row][column] / length;
            }
        }
        let dot = |p: usize, q: usize| (0..3).map(|row| r[row][p] * r[row][q]).sum::<f64>().abs();
        if dot(0, 1).max(dot(0, 2)).max(dot(1, 2)) > SHEAR {
            return None;
        }
        let qfac = if determinant(affine) < 0.0 { -1.0 } else { 1.0 };
        for row in &mut r {
            row[2] *= qfac;
        }
        let (b, c, d) = rotation_to_quaternion(&r);
        Some(Self { b, c, d, qfac })
    }
}

/// Components (b, c, d) of the unit quaternion of a proper rotation, with a ≥ 0.
fn rotation_to_quaternion(r: &[[f64; 3]; 3]) -> (f64, f64, f64) {
    let trace = r[0][0] + r[1][1] + r[2][2] + 1.0;
    if trace > 0.5 {
        let a = 0.5 * trace.sqrt();
        let f = 0.25 / a;
        return (f * (r[2][1] - r[1][2]), f * (r[0][2] - r[2][0]), f * (r[1][0] - r[0][1]));
    }
    let x = 1.0 + r[0][0] - (r[1][1] + r[2][2]);
    let y = 1.0 + r[1][1] - (r[0][0] + r[2][2]);
    let z = 1.0 + r[2][2] - (r[0][0] + r[1][1]);
    let (a, b, c, d) = if x > 1.0 {
        let b = 0.5 * x.sqrt();
        let f = 0.25 / b;
        (f * (r[2][1] - r[1][2]), b, f * (r[0][1] + r[1][0]), f * (r[0][2] + r[2][0]))
    } else if y > 1.0 {
        let c = 0.5 * y.sqrt();
        let f = 0.25 / c;
        (f * (r[0][2] - r[2][0]), f * (r[0][1] + r[1][0]), c, f * (r[1][2] + r[2][1]))
    } else {
        let d = 0.5 * z.max(0.0).sqrt();
        let f = if d > 0.0 { 0.25 / d } else { 0.0 };
        (f * (r[1][0] - r[0][1]), f * (r[0][2] + r[2][0]), f * (r[1][2] + r[2][1]), d)
    };
    if a < 0.0 { (-b, -c, -d) } else { (b, c, d) }
}

/// Fields of a header in whichever byte order it has.
struct Fields<'a> {
    bytes: &'a [u8],
    big: bool,
}

impl Fields<'_> {
    fn i16(&self, at: usize) -> i16 {
        let b = [self.bytes[at], self.bytes[at + 1]];
        if self.big { i16::from_be_bytes(b) } else { i16::from_le_bytes(b) }
    }

    fn f32(&self, at: usize) -> f32 {
        let b = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
        if self.big { f32::from_be_bytes(b) } else { f32::from_le_bytes(b) }
    }

    /// The decimal number that the writer meant: 0.7 as single precision is read as 0.7, not 0.699999988.
    fn decimal(&self, at: usize) -> f64 {
        let v = self.f32(at);
        format!("{v:e}").parse().unwrap_or(f64::from(v))
    }
}

fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match source.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

fn decode(mut source: impl Read) -> Result<Nifti, NiftiError> {
    let mut header = [0; HEADER];
    if read_up_to(&mut source, &mut header)? < HEADER {
        return Err(NiftiError::NotNifti);
    }
    let big = match i32::from_le_bytes([header[0], header[1], header[2], header[3]]) {
        348 => false,
        v if v.swap_bytes() == 348 => true,
        _ => return Err(NiftiError::NotNifti),
    };
    match &header[344..348] {
        b"n+1\0" => {}
        b"ni1\0" => return Err(NiftiError::Pair),
        _ => return Err(NiftiError::NotNifti),
    }
    let fields = Fields { bytes: &header, big };
    let shape = shape_of(&fields)?;
    let affine = affine_of(&fields)?;
    let spacing_mm = std::array::from_fn(|axis| {
        let declared = fields.decimal(80 + 4 * axis).abs();
        if declared > 0.0 && declared.is_finite() {
            declared * unit_mm(header[123])
        } else {
            column_length(&affine, axis)
        }
    });
    let (slope, intercept) = scaling_of(&fields);
    let skip = voxels_at(&fields)? - HEADER as u64;
    let skipped = io::copy(&mut source.by_ref().take(skip), &mut io::sink())?;
    if skipped < skip {
        return Err(NiftiError::Header("vox_offset lies beyond the end"));
    }
    let voxels = read_voxels(source, fields.i16(70), shape.iter().product(), big)?;
    let step_s = fields.decimal(92);
    let step_s = if step_s.is_finite() && step_s >= 0.0 { step_s * unit_s(header[123]) } else { 0.0 };
    Ok(Nifti { shape, spacing_mm, step_s, affine, slope, intercept, voxels })
}

fn unit_mm(xyzt: u8) -> f64 {
    match xyzt & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    }
}

fn unit_s(xyzt: u8) -> f64 {
    match xyzt & 0x38 {
        16 => 1e-3,
        24 => 1e-6,
        _ => 1.0,
    }
}

fn shape_of(fields: &Fields) -> Result<[usize; 4], NiftiError> {
    let dims = fields.i16(40);
    if !(1..=7).contains(&dims) {
        return Err(NiftiError::Header("dim[0] is not 1 to 7"));
    }
    let mut shape = [1_usize; 4];
    for axis in 0..dims as usize {
        let n = fields.i16(42 + 2 * axis);
        if n < 1 {
            return Err(NiftiError::Header("an axis without voxels"));
        }
        if axis < 4 {
            shape[axis] = n as usize;
        } else if n > 1 {
            return Err(NiftiError::Header("more than four dimensions"));
        }
    }
    Ok(shape)
}

fn voxels_at(fields: &Fields) -> Result<u64, NiftiError> {
    let at = f64::from(fields.f32(108));
    if !(HEADER as f64..=1e9).contains(&at) {
        return Err(NiftiError::Header("vox_offset is out of range"));
    }
    Ok(at as u64)
}

fn scaling_of(fields: &Fields) -> (f64, f64) {
    let (slope, intercept) = (f64::from(fields.f32(112)), f64::from(fields.f32(116)));
    if slope == 0.0 || !slope.is_finite() {
        return (1.0, 0.0);
    }
    (slope, if intercept.is_finite() { intercept } else { 0.0 })
}

/// sform where there is one, else qform, else the spacing alone (`nifti1.h`, methods 3, 2, 1).
fn affine_of(fields: &Fields) -> Result<[[f64; 4]; 4], NiftiError> {
    let mm = unit_mm(fields.bytes[123]);
    let mut affine = [[0.0; 4]; 4];
    affine[3][3] = 1.0;
    if fields.i16(254) > 0 {
        for row in 0..3 {
            for column in 0..4 {
                affine[row][column] = fields.decimal(280 + 16 * row + 4 * column) * mm;
            }
        }
        if check_affine(&affine).is_ok() {
            return Ok(affine);
        }
    }
    let steps: [f64; 3] = std::array::from_fn(|axis| fields.decimal(80 + 4 * axis).abs());
    if steps.iter().any(|&s| s == 0.0 || !s.is_finite()) {
        return Err(NiftiError::Header("no usable spacing"));
    }
    let rotation = if fields.i16(252) > 0 {
        quaternion_to_rotation(fields)
    } else {
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    };
    for row in 0..3 {
        for column in 0..3 {
            affine[row][column] = rotation[row][column] * steps[column] * mm;
        }
        if fields.i16(252) > 0 {
            affine[row][3] = fields.decimal(268 + 4 * row) * mm;
        }
    }
    check_affine(&affine)?;
    Ok(affine)
}

fn quaternion_to_rotation(fields: &Fields) -> [[f64; 3]; 3] {
    let (mut b, mut c, mut d) =
        (f64::from(fields.f32(256)), f64::from(fields.f32(260)), f64::from(fields.f32(264)));
    let rest = 1.0 - (b * b + c * c + d * d);
    let a = if rest < 1e-7 {
        let norm = (b * b + c * c + d * d).sqrt();
        (b, c, d) = (b / norm, c / norm, d / norm);
        0.0
    } else {
        rest.sqrt()
    };
    let qfac = if fields.f32(76) < 0.0 { -1.0 } else { 1.0 };
    [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c) * qfac],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b) * qfac],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), (a * a + d * d - c * c - b * b) * qfac],
    ]
}

fn read_voxels(source: impl Read, datatype: i16, count: usize, big: bool) -> Result<Voxels, NiftiError> {
    let width = match datatype {
        2 | 256 => 1,
        4 | 512 => 2,
        8 | 16 | 768 => 4,
        64 | 1024 | 1280 => 8,
        128 => 3,
        other => return Err(NiftiError::Datatype(other)),
    };
    let declared = (count as u64).checked_mul(width).filter(|&n| n <= MAX_BYTES);
    let declared = declared.ok_or(NiftiError::Header("more voxels than are read"))?;
    // Grows with what is there, not with what is declared.
    let mut bytes = Vec::with_capacity(declared.min(1 << 20) as usize);
    source.take(declared).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < declared {
        return Err(NiftiError::Truncated { declared, found: bytes.len() as u64 });
    }
    macro_rules! numbers {
        ($kind:ident, $t:ty) => {
            Voxels::$kind(
                bytes
                    .as_chunks::<{ size_of::<$t>() }>()
                    .0
                    .iter()
                    .map(|&b| if big { <$t>::from_be_bytes(b) } else { <$t>::from_le_bytes(b) })
                    .collect(),
            )
        };
    }
    Ok(match datatype {
        2 => Voxels::U8(bytes),
        4 => numbers!(I16, i16),
        8 => numbers!(I32, i32),
        16 => numbers!(F32, f32),
        64 => numbers!(F64, f64),
        128 => Voxels::Rgb(bytes.as_chunks::<3>().0.to_vec()),
        256 => numbers!(I8, i8),
        512 => numbers!(U16, u16),
        768 => numbers!(U32, u32),
        1024 => numbers!(I64, i64),
        _ => numbers!(U64, u64),
    })
}
