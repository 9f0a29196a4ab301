//! The reading side: header and voxels, in either byte order.

use std::io::{self, Read};

use super::affine::{check_affine, column_length};
use super::{HEADER, MAX_BYTES, Nifti, NiftiError, Voxels};

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

/// Fills as much of the buffer as there is; how much.
pub(super) fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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

pub(super) fn decode(mut source: impl Read) -> Result<Nifti, NiftiError> {
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

fn read_voxels(mut source: impl Read, datatype: i16, count: usize, big: bool) -> Result<Voxels, NiftiError> {
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
    // Grows with what is there, not with what is declared, and in few steps: while it grows it stands twice.
    let mut bytes = Vec::new();
    for upto in [declared / 64, declared / 8, declared] {
        let more = upto - bytes.len() as u64;
        bytes.reserve_exact(more as usize);
        if source.by_ref().take(more).read_to_end(&mut bytes)? < more as usize {
            break;
        }
    }
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
