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
    /// Standard deviation of the noise (Immerkær 1996), where the frame is large enough and of one sample a pixel.
    pub noise: Option<f64>,
    /// Steepness of edges: the 99th percentile of the gradient over the standard deviation.
    pub sharpness: Option<f64>,
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
        Self { min, max, mean, sd, share_at_max: at_max / count, digest, noise: None, sharpness: None }
    }

    /// From the rows of an image of one sample a pixel.
    pub fn of_image<T: Copy + Into<f64>>(samples: &[T], columns: usize) -> Self {
        let mut stats = Self::of(samples.iter().map(|&v| v.into()));
        let rows = samples.len() / columns.max(1);
        if rows < SMALLEST || columns < SMALLEST || stats.sd <= 0.0 {
            return stats;
        }
        // Every so many rows, so that a large frame costs no more than a small one.
        let every = (rows * columns / SAMPLED).max(1);
        let row = |r: usize| &samples[r * columns..(r + 1) * columns];
        let (mut sum, mut n) = (0.0, 0u64);
        let mut gradients = Vec::with_capacity(rows * columns / every);
        for r in (1..rows - 1).step_by(every) {
            let (above, here, below) = (row(r - 1).windows(3), row(r).windows(3), row(r + 1).windows(3));
            for ((above, here), below) in above.zip(here).zip(below) {
                let [a, b, c] = [above[0].into(), above[1].into(), above[2].into()];
                let [d, e, f] = [here[0].into(), here[1].into(), here[2].into()];
                let [g, h, i]: [f64; 3] = [below[0].into(), below[1].into(), below[2].into()];
                sum += (a + c + g + i - 2.0 * (b + h + d + f) + 4.0 * e).abs();
                let (dx, dy): (f64, f64) = (f - d, h - b);
                // Squared: their order is the same, and one root is enough.
                gradients.push((dx * dx + dy * dy) as f32);
            }
            n += (columns - 2) as u64;
        }
        stats.noise = Some((std::f64::consts::FRAC_PI_2).sqrt() / 6.0 * sum / n as f64);
        let top = gradients.len() * 99 / 100;
        let (_, steep, _) = gradients.select_nth_unstable_by(top, f32::total_cmp);
        stats.sharpness = Some(0.5 * f64::from(*steep).sqrt() / stats.sd);
        stats
    }
}

/// Rows and columns of the smallest image whose noise and edges say something.
const SMALLEST: usize = 16;
/// Pixels of a frame that noise and edges are measured on, about.
const SAMPLED: usize = 1 << 16;

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
            Ok(frame) => {
                let columns = (frame.samples_per_pixel == 1).then_some(frame.columns as usize);
                found.frames.push(of_samples(&frame.samples, columns.unwrap_or(0)));
            }
            Err(error) => {
                found.error = Some(error.to_string());
                break;
            }
        }
    }
    Some(found)
}

fn of_samples(samples: &Samples, columns: usize) -> FrameStats {
    match samples {
        Samples::U8(v) => FrameStats::of_image(v, columns),
        Samples::I8(v) => FrameStats::of_image(v, columns),
        Samples::U16(v) => FrameStats::of_image(v, columns),
        Samples::I16(v) => FrameStats::of_image(v, columns),
        Samples::U32(v) => FrameStats::of_image(v, columns),
        Samples::I32(v) => FrameStats::of_image(v, columns),
        Samples::F32(v) => FrameStats::of_image(v, columns),
        Samples::F64(v) => FrameStats::of_image(v, columns),
    }
}
