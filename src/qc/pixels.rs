//! Statistics of decoded pixels, which the checks judge.

use std::collections::BTreeMap;

use crate::dicom::codec::{self, PixelError};
use crate::dicom::{self, ReadOptions};
use crate::model::pixels::Samples;

/// Pixels of a series: for each instance that was decoded, by its index in the series.
pub type SeriesPixels = BTreeMap<u32, InstancePixels>;

/// Pixels of one instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InstancePixels {
    /// Each frame.
    pub frames: Vec<FrameStats>,
    /// Why it could not be decoded, or not all of it.
    pub error: Option<String>,
}

/// Stored values of one frame, before any rescale.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FrameStats {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Share of samples that equal the largest.
    pub share_at_max: f64,
    /// Digest of the samples.
    pub digest: u64,
}

impl FrameStats {
    /// From samples in order.
    pub fn of(samples: impl Iterator<Item = f64> + Clone) -> Self {
        let (mut n, mut sum, mut squares) = (0u64, 0.0, 0.0);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut digest = 0xCBF2_9CE4_8422_2325_u64;
        for v in samples.clone() {
            n += 1;
            sum += v;
            squares += v * v;
            (min, max) = (min.min(v), max.max(v));
            digest = (digest ^ v.to_bits()).wrapping_mul(0x0100_0000_01B3).rotate_left(29);
        }
        if n == 0 {
            return Self::default();
        }
        let count = n as f64;
        let mean = sum / count;
        let at_max = samples.filter(|v| *v == max).count() as f64;
        let sd = (squares / count - mean * mean).max(0.0).sqrt();
        Self { min, max, mean, sd, share_at_max: at_max / count, digest }
    }
}

/// Statistics of every frame of a file, given its bytes; `None` where it has no pixel data. What cannot be read or
/// decoded is told in [`InstancePixels::error`].
pub fn statistics(bytes: &[u8]) -> Option<InstancePixels> {
    let failed = |why: String| Some(InstancePixels { error: Some(why), ..InstancePixels::default() });
    let file = match dicom::read(bytes, ReadOptions::default()) {
        Ok(file) => file,
        Err(error) => return failed(error.to_string()),
    };
    let reader = match codec::open(&file) {
        Ok(reader) => reader,
        Err(PixelError::NoPixels) => return None,
        Err(error) => return failed(error.to_string()),
    };
    let mut found = InstancePixels::default();
    for index in 0..reader.declared() {
        match reader.decode_frame(index) {
            Ok(frame) => found.frames.push(of_samples(&frame.samples)),
            Err(error) => {
                found.error = Some(error.to_string());
                break;
            }
        }
    }
    Some(found)
}

fn of_samples(samples: &Samples) -> FrameStats {
    match samples {
        Samples::U8(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::I8(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::U16(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::I16(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::U32(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::I32(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::F32(v) => FrameStats::of(v.iter().map(|&x| x.into())),
        Samples::F64(v) => FrameStats::of(v.iter().copied()),
    }
}
