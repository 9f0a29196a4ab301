//! The header of a NIfTI-1 (348 bytes) or NIfTI-2 (540 bytes) file, in either byte order: `nifti1.h`, `nifti2.h`.

use std::io::Read;

use super::affine::{check_affine, column_length};
use super::{HEADER, NiftiError, read_up_to};

/// Bytes of a NIfTI-2 header.
const HEADER_2: usize = 540;
/// Share of the smallest spacing by which voxel centres of the sform and the qform may lie apart.
const SAME_PLACE: f64 = 0.01;
/// Share by which a spacing of `pixdim` and one of the affine may differ.
const SAME_SPACING: f64 = 1e-3;

type Affine = [[f64; 4]; 4];

/// What is used of a header.
pub(super) struct Header {
    pub big: bool,
    pub shape: [usize; 4],
    pub datatype: i16,
    /// Bytes between the header and the voxels.
    pub gap: u64,
    pub slope: f64,
    pub intercept: f64,
    pub affine: Affine,
    pub spacing_mm: [f64; 3],
    pub step_s: f64,
    /// What contradicts itself in it.
    pub warnings: Vec<String>,
}

/// Fields of a header in whichever version and byte order it has.
struct Fields {
    bytes: Vec<u8>,
    big: bool,
    second: bool,
}

impl Fields {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes[at..at + N]);
        if self.big {
            bytes.reverse();
        }
        bytes
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.array(at))
    }

    /// A number that is an `i16` in version 1 and an `i64` in version 2.
    fn count(&self, at: [usize; 2]) -> i64 {
        if self.second { i64::from_le_bytes(self.array(at[1])) } else { self.i16(at[0]).into() }
    }

    /// A number that is an `i16` in version 1 and an `i32` in version 2.
    fn code(&self, at: [usize; 2]) -> i32 {
        if self.second { i32::from_le_bytes(self.array(at[1])) } else { self.i16(at[0]).into() }
    }

    /// The decimal number that the writer meant: 0.7 as single precision is read as 0.7, not 0.699999988.
    fn decimal(&self, at: [usize; 2]) -> f64 {
        if self.second {
            return f64::from_le_bytes(self.array(at[1]));
        }
        let v = f32::from_le_bytes(self.array(at[0]));
        format!("{v:e}").parse().unwrap_or(f64::from(v))
    }

    /// A number as it is stored.
    fn float(&self, at: [usize; 2]) -> f64 {
        if self.second {
            f64::from_le_bytes(self.array(at[1]))
        } else {
            f32::from_le_bytes(self.array(at[0])).into()
        }
    }

    fn pixdim(&self, axis: usize) -> f64 {
        self.decimal([76 + 4 * axis, 104 + 8 * axis])
    }

    /// The code of the units of space and time.
    fn units(&self) -> i32 {
        if self.second { i32::from_le_bytes(self.array(500)) } else { self.bytes[123].into() }
    }

    fn mm(&self) -> f64 {
        match self.units() & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }

    fn seconds(&self) -> f64 {
        match self.units() & 0x38 {
            16 => 1e-3,
            24 => 1e-6,
            _ => 1.0,
        }
    }
}

impl Header {
    /// Reads a header from the beginning of a file.
    pub fn read(source: &mut impl Read) -> Result<Self, NiftiError> {
        let fields = fields(source)?;
        let shape = shape_of(&fields)?;
        let mut warnings = Vec::new();
        let affine = affine_of(&fields, shape, &mut warnings)?;
        let spacing_mm = spacing_of(&fields, &affine, &mut warnings);
        let (slope, intercept) = scaling_of(&fields);
        let step_s = fields.pixdim(4);
        Ok(Self {
            big: fields.big,
            shape,
            datatype: fields.i16(if fields.second { 12 } else { 70 }),
            gap: voxels_at(&fields)? - fields.bytes.len() as u64,
            slope,
            intercept,
            affine,
            spacing_mm,
            step_s: if step_s.is_finite() && step_s >= 0.0 { step_s * fields.seconds() } else { 0.0 },
            warnings,
        })
    }
}

/// The bytes of a header whose size and magic are those of NIfTI.
fn fields(source: &mut impl Read) -> Result<Fields, NiftiError> {
    let mut bytes = vec![0; HEADER];
    let got = read_up_to(source, &mut bytes)?;
    let size = |b: &[u8]| i32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    let (length, big) = match size(&bytes) {
        348 | 540 => (size(&bytes), false),
        v if matches!(v.swap_bytes(), 348 | 540) => (v.swap_bytes(), true),
        _ => return Err(NiftiError::NotNifti),
    };
    let second = length == 540;
    // The preamble of a DICOM file may begin with anything.
    if got > 132 && &bytes[128..132] == b"DICM" {
        return Err(NiftiError::NotNifti);
    }
    if got < HEADER {
        return Err(NiftiError::Header("the file ends within its header"));
    }
    if second {
        bytes.resize(HEADER_2, 0);
        if read_up_to(source, &mut bytes[HEADER..])? < HEADER_2 - HEADER {
            return Err(NiftiError::Header("the file ends within its header"));
        }
    }
    let magic = if second { &bytes[4..8] } else { &bytes[344..348] };
    match magic {
        b"n+1\0" | b"n+2\0" => Ok(Fields { bytes, big, second }),
        b"ni1\0" | b"ni2\0" => Err(NiftiError::Pair),
        [0, 0, 0, 0] if !second => Err(NiftiError::Analyze),
        _ => Err(NiftiError::Header("its magic is neither n+1 nor n+2")),
    }
}

fn shape_of(fields: &Fields) -> Result<[usize; 4], NiftiError> {
    let dim = |axis: usize| fields.count([40 + 2 * axis, 16 + 8 * axis]);
    let dims = dim(0);
    if !(1..=7).contains(&dims) {
        return Err(NiftiError::Header("dim[0] is not 1 to 7"));
    }
    let mut shape = [1_usize; 4];
    for axis in 0..dims as usize {
        let n = dim(axis + 1);
        if n < 1 {
            return Err(NiftiError::Header("an axis without voxels"));
        }
        if axis < 4 {
            // What is larger is refused by its number of voxels.
            shape[axis] =
                u32::try_from(n).map_err(|_| NiftiError::Header("more voxels than are read"))? as usize;
        } else if n > 1 {
            return Err(NiftiError::Header("more than four dimensions"));
        }
    }
    Ok(shape)
}

fn voxels_at(fields: &Fields) -> Result<u64, NiftiError> {
    let at = if fields.second {
        i64::from_le_bytes(fields.array(168)) as f64
    } else {
        f64::from(f32::from_le_bytes(fields.array(108)))
    };
    if !(fields.bytes.len() as f64..=1e9).contains(&at) {
        return Err(NiftiError::Header("vox_offset is out of range"));
    }
    Ok(at as u64)
}

fn scaling_of(fields: &Fields) -> (f64, f64) {
    let (slope, intercept) = (fields.float([112, 176]), fields.float([116, 184]));
    if slope == 0.0 || !slope.is_finite() {
        return (1.0, 0.0);
    }
    (slope, if intercept.is_finite() { intercept } else { 0.0 })
}

/// sform where its code is above 0, else qform, else the spacing alone (`nifti1.h`, methods 3, 2, 1).
fn affine_of(fields: &Fields, shape: [usize; 4], warnings: &mut Vec<String>) -> Result<Affine, NiftiError> {
    let sform = (fields.code([254, 348]) > 0).then(|| sform(fields));
    let qform = (fields.code([252, 344]) > 0).then(|| qform(fields)).flatten();
    match (sform, qform) {
        (Some(sform), qform) if check_affine(&sform).is_ok() => {
            if qform.is_some_and(|qform| !same_place(&sform, &qform, shape)) {
                warnings.push("sform and qform put the voxels at different places; the sform is used".into());
            }
            Ok(sform)
        }
        (Some(_), Some(qform)) => {
            warnings.push("the sform does not span a space; the qform is used".into());
            Ok(qform)
        }
        (Some(_), None) => Err(NiftiError::Header("the affine is singular or not finite")),
        (None, Some(qform)) => Ok(qform),
        (None, None) => {
            if fields.code([252, 344]) > 0 {
                return Err(NiftiError::Header("the qform is singular or not finite"));
            }
            spacing_alone(fields)
        }
    }
}

fn sform(fields: &Fields) -> Affine {
    let mm = fields.mm();
    let mut affine = [[0.0; 4]; 4];
    affine[3][3] = 1.0;
    for row in 0..3 {
        for column in 0..4 {
            let at = [280 + 16 * row + 4 * column, 400 + 32 * row + 8 * column];
            affine[row][column] = fields.decimal(at) * mm;
        }
    }
    affine
}

/// The affine of the quaternion; `None` where it is none.
fn qform(fields: &Fields) -> Option<Affine> {
    let mut affine = spacing_alone(fields).ok()?;
    let (steps, rotation) = ([affine[0][0], affine[1][1], affine[2][2]], quaternion_to_rotation(fields));
    for row in 0..3 {
        for column in 0..3 {
            affine[row][column] = rotation[row][column] * steps[column];
        }
        affine[row][3] = fields.decimal([268 + 4 * row, 376 + 8 * row]) * fields.mm();
    }
    check_affine(&affine).ok().map(|()| affine)
}

fn spacing_alone(fields: &Fields) -> Result<Affine, NiftiError> {
    let steps: [f64; 3] = std::array::from_fn(|axis| fields.pixdim(axis + 1).abs() * fields.mm());
    if steps.iter().any(|&s| s == 0.0 || !s.is_finite()) {
        return Err(NiftiError::Header("no usable spacing"));
    }
    let [x, y, z] = steps;
    let affine = [[x, 0.0, 0.0, 0.0], [0.0, y, 0.0, 0.0], [0.0, 0.0, z, 0.0], [0.0, 0.0, 0.0, 1.0]];
    check_affine(&affine)?;
    Ok(affine)
}

fn quaternion_to_rotation(fields: &Fields) -> [[f64; 3]; 3] {
    let part = |k: usize| fields.float([256 + 4 * k, 352 + 8 * k]);
    let (mut b, mut c, mut d) = (part(0), part(1), part(2));
    let rest = 1.0 - (b * b + c * c + d * d);
    let a = if rest < 1e-7 {
        let norm = (b * b + c * c + d * d).sqrt();
        (b, c, d) = (b / norm, c / norm, d / norm);
        0.0
    } else {
        rest.sqrt()
    };
    let qfac = if fields.pixdim(0) < 0.0 { -1.0 } else { 1.0 };
    [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c) * qfac],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b) * qfac],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), (a * a + d * d - c * c - b * b) * qfac],
    ]
}

/// Whether two affines put every voxel at the same place: the corners tell.
fn same_place(a: &Affine, b: &Affine, shape: [usize; 4]) -> bool {
    let least = (0..3).map(|axis| column_length(a, axis)).fold(f64::INFINITY, f64::min);
    (0..8).all(|corner| {
        let at: [f64; 3] =
            std::array::from_fn(|k| if corner >> k & 1 == 1 { shape[k] as f64 - 1.0 } else { 0.0 });
        let apart =
            |row: usize| (0..3).map(|k| (a[row][k] - b[row][k]) * at[k]).sum::<f64>() + a[row][3] - b[row][3];
        (0..3).map(|row| apart(row).powi(2)).sum::<f64>().sqrt() <= SAME_PLACE * least
    })
}

/// The spacing is that of the affine; where `pixdim` agrees it has the decimal number that the writer meant.
fn spacing_of(fields: &Fields, affine: &Affine, warnings: &mut Vec<String>) -> [f64; 3] {
    let mut differs = false;
    let spacing = std::array::from_fn(|axis| {
        let (told, length) = (fields.pixdim(axis + 1).abs() * fields.mm(), column_length(affine, axis));
        if !(told > 0.0 && told.is_finite()) {
            return length;
        }
        if (told - length).abs() <= SAME_SPACING * length {
            return told;
        }
        differs = true;
        length
    });
    if differs {
        warnings.push("pixdim and the affine give different spacings; the affine's are used".into());
    }
    spacing
}
