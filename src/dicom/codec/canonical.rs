//! From what a decoder gives to the samples that a header promises.

use crate::model::pixels::{PixelLayout, Samples};

use super::{Note, PixelError};

/// What a code stream holds, samples of a pixel together.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) components: u32,
    /// Bits of a sample.
    pub(super) precision: u8,
    /// Samples are signed in the code stream's own view.
    pub(super) signed: bool,
    pub(super) data: Data,
    pub(super) notes: Vec<Note>,
}

/// Samples of a code stream.
#[derive(Debug)]
pub(super) enum Data {
    U8(Vec<u8>),
    U16(Vec<u16>),
    I32(Vec<i32>),
}

/// Whether a code stream's precision, where smaller than Bits Stored, has the sign bit at its top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignBit {
    /// JPEG: signs stand where Bits Stored says.
    Stored,
    /// JPEG-LS and JPEG 2000: signs stand at the precision.
    Precision,
}

impl Decoded {
    /// The samples in the width and signedness of `layout`, bits above Bits Stored ignored.
    pub(super) fn into_samples(
        self,
        layout: &PixelLayout,
        sign: SignBit,
        notes: &mut Vec<Note>,
    ) -> Result<Samples, PixelError> {
        if (self.columns, self.rows, self.components)
            != (layout.columns, layout.rows, u32::from(layout.samples_per_pixel))
        {
            return Err(PixelError::Mismatch {
                found_columns: self.columns,
                found_rows: self.rows,
                found_samples: self.components,
                columns: layout.columns,
                rows: layout.rows,
                samples: u32::from(layout.samples_per_pixel),
            });
        }
        notes.extend(self.notes);
        let stored = layout.significant_bits();
        if u32::from(self.precision) != stored {
            notes.push(Note::Precision { stream: u16::from(self.precision), stored: stored as u16 });
        }
        if self.signed != layout.signed && sign == SignBit::Precision && self.signed {
            notes.push(Note::Signedness);
        }
        let narrow = stored.min(u32::from(self.precision));
        let bits = if sign == SignBit::Precision { narrow } else { stored };
        if u32::from(self.precision) > u32::from(layout.bits_allocated).max(8) && narrow > 16 {
            return Err(PixelError::Layout("code stream is deeper than Bits Allocated"));
        }
        match self.data {
            Data::U8(v) => fit(v, layout, bits),
            Data::U16(v) => fit(v, layout, bits),
            Data::I32(v) => fit(v, layout, bits),
        }
    }
}

/// A sample as the 32 bits it stands for.
pub(super) trait Pattern: Copy {
    fn pattern(self) -> u32;
}

impl Pattern for u8 {
    #[inline]
    fn pattern(self) -> u32 {
        u32::from(self)
    }
}

impl Pattern for u16 {
    #[inline]
    fn pattern(self) -> u32 {
        u32::from(self)
    }
}

impl Pattern for u32 {
    #[inline]
    fn pattern(self) -> u32 {
        self
    }
}

impl Pattern for i32 {
    #[inline]
    fn pattern(self) -> u32 {
        self as u32
    }
}

/// The lowest `bits` of each sample, sign-extended or zero-extended to Bits Allocated.
pub(super) fn fit<T: Pattern>(v: Vec<T>, layout: &PixelLayout, bits: u32) -> Result<Samples, PixelError>
where
    Samples: FromVec<T>,
{
    let allocated = u32::from(layout.bits_allocated);
    let bits = bits.clamp(1, 32);
    let full = bits >= allocated && allocated as usize == size_of::<T>() * 8;
    if full && !layout.signed && allocated > 1 && <Samples as FromVec<T>>::UNSIGNED {
        return Ok(Samples::from_vec(v));
    }
    let shift = 32 - bits;
    let signed = |x: T| ((x.pattern() << shift) as i32) >> shift;
    let mask = u32::MAX >> shift;
    let unsigned = |x: T| x.pattern() & mask;
    Ok(match (allocated, layout.signed) {
        (1 | 8, false) | (1, true) => Samples::U8(v.into_iter().map(|x| unsigned(x) as u8).collect()),
        (8, true) => Samples::I8(v.into_iter().map(|x| signed(x) as i8).collect()),
        (16, false) => Samples::U16(v.into_iter().map(|x| unsigned(x) as u16).collect()),
        (16, true) => Samples::I16(v.into_iter().map(|x| signed(x) as i16).collect()),
        (32, false) => Samples::U32(v.into_iter().map(unsigned).collect()),
        (32, true) => Samples::I32(v.into_iter().map(signed).collect()),
        _ => return Err(PixelError::Layout("Bits Allocated is none of 1, 8, 16, 32")),
    })
}

/// Samples made of a vector without touching it.
pub(super) trait FromVec<T> {
    /// Whether `T` is unsigned and the vector can become samples as it is.
    const UNSIGNED: bool;
    fn from_vec(v: Vec<T>) -> Self;
}

impl FromVec<u8> for Samples {
    const UNSIGNED: bool = true;
    fn from_vec(v: Vec<u8>) -> Self {
        Self::U8(v)
    }
}

impl FromVec<u16> for Samples {
    const UNSIGNED: bool = true;
    fn from_vec(v: Vec<u16>) -> Self {
        Self::U16(v)
    }
}

impl FromVec<u32> for Samples {
    const UNSIGNED: bool = true;
    fn from_vec(v: Vec<u32>) -> Self {
        Self::U32(v)
    }
}

impl FromVec<i32> for Samples {
    const UNSIGNED: bool = false;
    fn from_vec(v: Vec<i32>) -> Self {
        Self::I32(v)
    }
}
