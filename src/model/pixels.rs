//! How an image's samples are laid out, and the samples themselves once decoded.

use std::borrow::Cow;
use std::ops::Range;

use bytemuck::NoUninit;

/// Photometric Interpretation (0028,0004), PS3.3 C.7.6.3.1.2.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Photometric {
    /// Grey, the smallest value white.
    Monochrome1,
    /// Grey, the smallest value black.
    Monochrome2,
    /// Indices into the palette colour look-up tables.
    Palette,
    /// Red, green, blue.
    Rgb,
    /// Luminance and two chroma planes, full range.
    YbrFull,
    /// As `YbrFull`, chroma sampled at every other column.
    YbrFull422,
    /// Luminance in 16 … 235, chroma at every other column (retired).
    YbrPartial422,
    /// As `YbrPartial422`, chroma at every other row too.
    YbrPartial420,
    /// Irreversible colour transform of JPEG 2000.
    YbrIct,
    /// Reversible colour transform of JPEG 2000.
    YbrRct,
    /// Any other term (HSV, ARGB, CMYK, XYB, absent …).
    Other,
}

impl Photometric {
    /// The term as it stands in a file; spaces and NULs around it do not count.
    pub fn from_term(term: &str) -> Self {
        match term.trim_matches(|c: char| c == ' ' || c == '\0') {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::Palette,
            "RGB" => Self::Rgb,
            "YBR_FULL" => Self::YbrFull,
            "YBR_FULL_422" => Self::YbrFull422,
            "YBR_PARTIAL_422" => Self::YbrPartial422,
            "YBR_PARTIAL_420" => Self::YbrPartial420,
            "YBR_ICT" => Self::YbrIct,
            "YBR_RCT" => Self::YbrRct,
            _ => Self::Other,
        }
    }

    /// Luminance and chroma of any kind, to be turned into RGB.
    pub fn is_ybr(&self) -> bool {
        matches!(
            self,
            Self::YbrFull
                | Self::YbrFull422
                | Self::YbrPartial422
                | Self::YbrPartial420
                | Self::YbrIct
                | Self::YbrRct
        )
    }
}

/// What a sample is: Pixel Data, Float Pixel Data or Double Float Pixel Data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SampleKind {
    /// Integers of Bits Allocated, of which Bits Stored count.
    #[default]
    Integer,
    /// IEEE 754 single precision.
    Float32,
    /// IEEE 754 double precision.
    Float64,
}

/// How an instance's pixel data is laid out (PS3.3 C.7.6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelLayout {
    /// Rows (0028,0010).
    pub rows: u32,
    /// Columns (0028,0011).
    pub columns: u32,
    /// Samples per Pixel (0028,0002).
    pub samples_per_pixel: u16,
    /// Bits Allocated (0028,0100).
    pub bits_allocated: u16,
    /// Bits Stored (0028,0101).
    pub bits_stored: u16,
    /// High Bit (0028,0102).
    pub high_bit: u16,
    /// Pixel Representation (0028,0103) is 1: two's complement.
    pub signed: bool,
    /// Planar Configuration (0028,0006) is 1: all of one colour, then the next.
    pub planar: bool,
    /// Photometric Interpretation (0028,0004).
    pub photometric: Photometric,
    /// Number of Frames (0028,0008), 1 where absent.
    pub frames: u32,
    /// Which of the three pixel data elements there is.
    pub kind: SampleKind,
}

impl PixelLayout {
    /// Samples of one frame (rows × columns × samples per pixel).
    pub fn samples_per_frame(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns) * u64::from(self.samples_per_pixel)
    }

    /// Bytes of one sample once decoded: 1-bit data takes a byte.
    pub fn bytes_per_sample(&self) -> u64 {
        match self.kind {
            SampleKind::Integer => u64::from(self.bits_allocated).div_ceil(8),
            SampleKind::Float32 => 4,
            SampleKind::Float64 => 8,
        }
    }

    /// Bytes of one decoded frame.
    pub fn bytes_per_frame(&self) -> u64 {
        self.samples_per_frame().saturating_mul(self.bytes_per_sample())
    }

    /// Bits that count in an integer sample: Bits Stored, or Bits Allocated where that makes no sense.
    pub fn significant_bits(&self) -> u32 {
        let (stored, allocated) = (u32::from(self.bits_stored), u32::from(self.bits_allocated));
        if stored == 0 || stored > allocated { allocated } else { stored }
    }
}

/// Decoded samples, row by row from the top, the samples of a pixel together.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Samples {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs `$body` with `$v` bound to the vector of whichever kind `$samples` has.
macro_rules! each_kind {
    ($samples:expr, $v:ident => $body:expr) => {
        match $samples {
            Samples::U8($v) => $body,
            Samples::I8($v) => $body,
            Samples::U16($v) => $body,
            Samples::I16($v) => $body,
            Samples::U32($v) => $body,
            Samples::I32($v) => $body,
            Samples::F32($v) => $body,
            Samples::F64($v) => $body,
        }
    };
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        each_kind!(self, v => v.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sample `index` as a double (exact for every kind), if there is one.
    pub fn get(&self, index: usize) -> Option<f64> {
        match self {
            Self::F64(v) => v.get(index).copied(),
            Self::U8(v) => v.get(index).map(|&x| f64::from(x)),
            Self::I8(v) => v.get(index).map(|&x| f64::from(x)),
            Self::U16(v) => v.get(index).map(|&x| f64::from(x)),
            Self::I16(v) => v.get(index).map(|&x| f64::from(x)),
            Self::U32(v) => v.get(index).map(|&x| f64::from(x)),
            Self::I32(v) => v.get(index).map(|&x| f64::from(x)),
            Self::F32(v) => v.get(index).map(|&x| f64::from(x)),
        }
    }

    /// Puts a value in place of sample `index`, if there is one: the nearest that its kind holds towards zero.
    pub fn set(&mut self, index: usize, value: f64) {
        each_kind!(self, v => if let Some(sample) = v.get_mut(index) {
            *sample = value as _;
        });
    }

    /// Calls `sink` with every sample as a double (exact for every kind), from first to last.
    pub fn each(&self, sink: impl FnMut(f64)) {
        self.each_in(0..self.len(), sink);
    }

    /// The same with the samples of a range; what lies beyond the end is none.
    pub fn each_in(&self, range: Range<usize>, mut sink: impl FnMut(f64)) {
        #[allow(clippy::unnecessary_cast)]
        let () = each_kind!(self, v => v.get(range).unwrap_or_default().iter().for_each(|&x| sink(x as f64)));
    }

    /// Smallest, largest and sum of the whole numbers of a range, exact; `None` where the samples are fractions, or there is
    /// none.
    pub fn whole_figures(&self, range: Range<usize>) -> Option<[i64; 3]> {
        macro_rules! figures {
            ($v:expr) => {{
                let values = $v.get(range).filter(|v| !v.is_empty())?;
                let (min, max) =
                    values.iter().fold((values[0], values[0]), |(a, b), &x| (a.min(x), b.max(x)));
                let sum = values.iter().map(|&x| i64::from(x)).sum();
                Some([i64::from(min), i64::from(max), sum])
            }};
        }
        match self {
            Self::U8(v) => figures!(v),
            Self::I8(v) => figures!(v),
            Self::U16(v) => figures!(v),
            Self::I16(v) => figures!(v),
            Self::U32(v) => figures!(v),
            Self::I32(v) => figures!(v),
            Self::F32(_) | Self::F64(_) => None,
        }
    }

    /// The samples as little-endian bytes: their own memory where the machine is so.
    pub fn little_endian(&self) -> Cow<'_, [u8]> {
        each_kind!(self, v => little_endian(v))
    }
}

/// Numbers as little-endian bytes: their own memory where the machine is so.
pub fn little_endian<T: NoUninit>(values: &[T]) -> Cow<'_, [u8]> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    if cfg!(target_endian = "little") {
        return bytes.into();
    }
    let mut turned = bytes.to_vec();
    turned.chunks_exact_mut(size_of::<T>().max(1)).for_each(<[u8]>::reverse);
    turned.into()
}
