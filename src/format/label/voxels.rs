//! Volumes of numbers as structures, one for each number.

use std::collections::BTreeMap;

use super::LabelError;
use crate::label::mask::{MOST_COLUMNS, runs_by_value};
use crate::label::{Mask, Run, Shape, Structure};
use crate::measure::grid::Labels;
use crate::model::geometry::Grid;

/// Different numbers that a labelmap has at most; more are an image.
const MOST_STRUCTURES: usize = 65_535;

/// Masks by number. 0 is background.
pub(super) fn masks(labels: &Labels, shape: [u32; 3]) -> Result<BTreeMap<u32, Mask>, LabelError> {
    if shape[0] > MOST_COLUMNS {
        return Err(LabelError::malformed("more than 65535 voxels in a row"));
    }
    match labels {
        Labels::U8(v) => by_number(v, shape),
        Labels::U16(v) => by_number(v, shape),
        Labels::U32(v) => by_number(v, shape),
    }
}

fn by_number<T: Copy + PartialEq + Default + Into<u32>>(
    values: &[T],
    shape: [u32; 3],
) -> Result<BTreeMap<u32, Mask>, LabelError> {
    let mut found: BTreeMap<u32, Vec<Run>> = BTreeMap::new();
    let mut too_many = false;
    runs_by_value(values, T::default(), shape[0], |value, run| {
        too_many |= found.len() > MOST_STRUCTURES;
        if !too_many {
            found.entry(value.into()).or_default().push(run);
        }
    });
    if too_many {
        return Err(LabelError::malformed("not a labelmap: more than 65535 different values"));
    }
    Ok(found.into_iter().map(|(number, runs)| (number, Mask::of_runs(shape, runs))).collect())
}

/// Structures without names, one for each number of a labelmap.
pub(super) fn structures(labels: &Labels, grid: Grid) -> Result<Vec<Structure>, LabelError> {
    let structure = |(number, mask)| Structure {
        number: Some(number),
        shape: Shape::Voxels(grid, mask),
        ..Structure::default()
    };
    Ok(masks(labels, grid.shape)?.into_iter().map(structure).collect())
}

/// Numbers as the file stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Stored {
    /// Bytes of a number.
    pub fn bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The numbers as labels.
    ///
    /// # Errors
    /// Some are negative, fractions, or too large.
    pub fn labels(self, bytes: Vec<u8>, big: bool) -> Result<Labels, LabelError> {
        if self == Self::U8 {
            return Ok(Labels::U8(bytes));
        }
        if self == Self::U16 {
            let words = bytes.as_chunks::<2>().0.iter();
            let number = |b: &[u8; 2]| if big { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) };
            return Ok(Labels::U16(words.map(number).collect()));
        }
        let size = self.bytes() as usize;
        let mut labels = Vec::with_capacity(bytes.len() / size);
        for chunk in bytes.chunks_exact(size) {
            let mut word = [0_u8; 8];
            word[..size].copy_from_slice(chunk);
            if big {
                word[..size].reverse();
            }
            labels.push(self.number(word).ok_or_else(|| {
                LabelError::malformed(
                    "not a labelmap: a value that is negative, no whole number, or beyond 32 bits",
                )
            })?);
        }
        Ok(Labels::U32(labels))
    }

    fn number(self, w: [u8; 8]) -> Option<u32> {
        let four = [w[0], w[1], w[2], w[3]];
        let whole = |v: f64| {
            let near = v.round();
            ((v - near).abs() <= 1e-3 && near >= 0.0 && near <= f64::from(u32::MAX)).then_some(near as u32)
        };
        match self {
            Self::U8 => Some(w[0].into()),
            Self::I8 => u32::try_from(w[0] as i8).ok(),
            Self::U16 => Some(u16::from_le_bytes([w[0], w[1]]).into()),
            Self::I16 => u32::try_from(i16::from_le_bytes([w[0], w[1]])).ok(),
            Self::U32 => Some(u32::from_le_bytes(four)),
            Self::I32 => u32::try_from(i32::from_le_bytes(four)).ok(),
            Self::U64 => u32::try_from(u64::from_le_bytes(w)).ok(),
            Self::I64 => u32::try_from(i64::from_le_bytes(w)).ok(),
            Self::F32 => whole(f32::from_le_bytes(four).into()),
            Self::F64 => whole(f64::from_le_bytes(w)),
        }
    }
}

/// A labelmap as bytes: one for a voxel where every number fits, else two, little-endian.
pub(super) fn packed(labelmap: &[u16]) -> (bool, Vec<u8>) {
    if labelmap.iter().all(|v| *v <= 255) {
        (false, labelmap.iter().map(|v| *v as u8).collect())
    } else {
        (true, labelmap.iter().flat_map(|v| v.to_le_bytes()).collect())
    }
}
