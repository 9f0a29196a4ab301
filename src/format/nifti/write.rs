//! The writing side: a header of 348 bytes, little-endian.

use super::affine::Quaternion;
use super::{HEADER, Nifti, VOXELS_AT, Voxels};

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

impl Nifti {
    /// The 348 bytes of the header, little-endian.
    pub(super) fn header(&self, slicing: Slicing) -> [u8; HEADER] {
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
        let colour = matches!(self.voxels, Voxels::Rgb(_));
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
