//! The writing side: a header of 348 bytes and the voxels, little-endian.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::affine::{Quaternion, check_affine, column_length};
use super::{HEADER, NiftiError, VOXELS_AT, Voxels};
use crate::model::pixels::{Samples, little_endian};

/// Voxel values that are written, first axis fastest.
#[derive(Debug, Clone, Copy)]
pub enum Values<'v> {
    /// 8 bits, unsigned.
    U8(&'v [u8]),
    /// 8 bits, signed.
    I8(&'v [i8]),
    /// 16 bits, unsigned.
    U16(&'v [u16]),
    /// 16 bits, signed.
    I16(&'v [i16]),
    /// 32 bits, unsigned.
    U32(&'v [u32]),
    /// 32 bits, signed.
    I32(&'v [i32]),
    /// 64 bits, unsigned.
    U64(&'v [u64]),
    /// 64 bits, signed.
    I64(&'v [i64]),
    /// IEEE single.
    F32(&'v [f32]),
    /// IEEE double.
    F64(&'v [f64]),
    /// Red, green, blue, 8 bits each.
    Rgb(&'v [[u8; 3]]),
}

impl<'v> From<&'v Voxels> for Values<'v> {
    fn from(voxels: &'v Voxels) -> Self {
        match voxels {
            Voxels::U8(v) => Self::U8(v),
            Voxels::I8(v) => Self::I8(v),
            Voxels::U16(v) => Self::U16(v),
            Voxels::I16(v) => Self::I16(v),
            Voxels::U32(v) => Self::U32(v),
            Voxels::I32(v) => Self::I32(v),
            Voxels::U64(v) => Self::U64(v),
            Voxels::I64(v) => Self::I64(v),
            Voxels::F32(v) => Self::F32(v),
            Voxels::F64(v) => Self::F64(v),
            Voxels::Rgb(v) => Self::Rgb(v),
        }
    }
}

impl<'v> From<&'v Samples> for Values<'v> {
    fn from(samples: &'v Samples) -> Self {
        match samples {
            Samples::U8(v) => Self::U8(v),
            Samples::I8(v) => Self::I8(v),
            Samples::U16(v) => Self::U16(v),
            Samples::I16(v) => Self::I16(v),
            Samples::U32(v) => Self::U32(v),
            Samples::I32(v) => Self::I32(v),
            Samples::F32(v) => Self::F32(v),
            Samples::F64(v) => Self::F64(v),
        }
    }
}

impl<'v> Values<'v> {
    fn bytes(self) -> Cow<'v, [u8]> {
        match self {
            Self::U8(v) => v.into(),
            Self::I8(v) => little_endian(v),
            Self::U16(v) => little_endian(v),
            Self::I16(v) => little_endian(v),
            Self::U32(v) => little_endian(v),
            Self::I32(v) => little_endian(v),
            Self::U64(v) => little_endian(v),
            Self::I64(v) => little_endian(v),
            Self::F32(v) => little_endian(v),
            Self::F64(v) => little_endian(v),
            Self::Rgb(v) => v.as_flattened().into(),
        }
    }

    fn len(self) -> usize {
        let (_, bits) = self.datatype();
        self.bytes().len() * 8 / bits as usize
    }

    /// NIfTI datatype code and bits per voxel.
    fn datatype(self) -> (i16, i16) {
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
}

/// What is written: a [`super::Nifti`] whose voxels lie elsewhere.
#[derive(Debug, Clone)]
pub struct Image<'v> {
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
    /// See [`Image::slope`].
    pub intercept: f64,
    /// The stored values.
    pub voxels: Values<'v>,
}

/// What is known of the axes of an image and of the order of its slices (`nifti1.h`, dim_info and slice_code).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slicing {
    /// The axis of frequency encoding, from 1; 0 where it is not known.
    pub frequency: u8,
    /// The axis of phase encoding.
    pub phase: u8,
    /// The axis of slices.
    pub slice: u8,
    /// In which order slices were acquired; 0 where it is not known.
    pub slice_code: u8,
    /// How many slices there are.
    pub slices: u32,
}

impl<'v> Image<'v> {
    /// An image of these voxels; spacing is the length of the affine's columns, slope 1, intercept 0.
    ///
    /// # Errors
    /// When the number of voxels is not the shape's, an axis does not fit NIfTI-1 (1 to 32767), or the affine is
    /// singular or not finite.
    pub fn new(shape: [usize; 4], affine: [[f64; 4]; 4], voxels: Values<'v>) -> Result<Self, NiftiError> {
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

    /// Writes a file whose bytes depend on the image alone; gzipped where the name ends in `.gz`. Written beside its place
    /// and renamed, so that nothing half-written is seen.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path, slicing: Slicing) -> Result<(), NiftiError> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let part = path.with_file_name(name);
        let written = self.write_part(path, &part, slicing).and_then(|()| Ok(fs::rename(&part, path)?));
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written
    }

    fn write_part(&self, path: &Path, part: &Path, slicing: Slicing) -> Result<(), NiftiError> {
        let mut file = BufWriter::with_capacity(1 << 16, File::create(part)?);
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz")) {
            let mut gz =
                GzBuilder::new().mtime(0).operating_system(255).write(&mut file, Compression::new(6));
            self.write_to(&mut gz, slicing)?;
            gz.finish()?;
        } else {
            self.write_to(&mut file, slicing)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(())
    }

    /// Writes the uncompressed file.
    ///
    /// # Errors
    /// When the sink refuses.
    pub fn write_to(&self, out: &mut impl Write, slicing: Slicing) -> Result<(), NiftiError> {
        out.write_all(&self.header(slicing))?;
        out.write_all(&[0; VOXELS_AT - HEADER])?;
        Ok(out.write_all(&self.voxels.bytes())?)
    }

    /// The 348 bytes of the header, little-endian.
    fn header(&self, slicing: Slicing) -> [u8; HEADER] {
        let mut h = [0; HEADER];
        put(&mut h, 0, &348_i32.to_le_bytes());
        h[38] = b'r';
        let dims = if self.shape[3] > 1 { 4_i16 } else { 3 };
        h[39] = slicing.frequency & 3 | (slicing.phase & 3) << 2 | (slicing.slice & 3) << 4;
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
        let colour = matches!(self.voxels, Values::Rgb(_));
        put_f32(&mut h, 112, if colour { 0.0 } else { self.slope });
        put_f32(&mut h, 116, if colour { 0.0 } else { self.intercept });
        if slicing.slice_code > 0 && slicing.slices <= 32767 {
            put(&mut h, 120, &(slicing.slices.saturating_sub(1) as i16).to_le_bytes());
            h[122] = slicing.slice_code;
        }
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
