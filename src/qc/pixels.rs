//! Statistics of decoded pixels, which the checks judge.

use std::collections::BTreeMap;

use crate::dicom::codec::{self, PixelError};
use crate::dicom::{Contents, ReadOptions};
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

/// Independent sums that a processor adds side by side.
const LANES: usize = 8;

/// Sums of samples, lane by lane.
struct Sums {
    sum: [f64; LANES],
    squares: [f64; LANES],
    min: [f64; LANES],
    max: [f64; LANES],
    digest: [u64; LANES],
}

impl Sums {
    const EMPTY: Self = Self {
        sum: [0.0; LANES],
        squares: [0.0; LANES],
        min: [f64::INFINITY; LANES],
        max: [f64::NEG_INFINITY; LANES],
        digest: [0xCBF2_9CE4_8422_2325; LANES],
    };

    fn add(&mut self, block: &[f64; LANES]) {
        for (lane, v) in block.iter().enumerate() {
            self.sum[lane] += v;
            self.squares[lane] += v * v;
            // Not `f64::min`: a comparison leaves out what is not a number as well, and sooner.
            self.min[lane] = if *v < self.min[lane] { *v } else { self.min[lane] };
            self.max[lane] = if *v > self.max[lane] { *v } else { self.max[lane] };
        }
        for (digest, v) in self.digest.iter_mut().zip(block) {
            *digest = mixed(*digest, v.to_bits());
        }
    }
}

/// A step of the digest: FNV-1a's over words, turned so that high bits come to count.
fn mixed(digest: u64, word: u64) -> u64 {
    (digest ^ word).wrapping_mul(0x0100_0000_01B3).rotate_left(29)
}

impl FrameStats {
    /// Of samples in order.
    pub fn of<T: Copy + Into<f64>>(samples: &[T]) -> Self {
        if samples.is_empty() {
            return Self::default();
        }
        let mut sums = Sums::EMPTY;
        let (blocks, rest) = samples.as_chunks::<LANES>();
        blocks.iter().for_each(|block| sums.add(&block.map(Into::into)));
        let mut all = Self {
            min: sums.min.into_iter().fold(f64::INFINITY, f64::min),
            max: sums.max.into_iter().fold(f64::NEG_INFINITY, f64::max),
            digest: sums.digest.into_iter().fold(0, mixed),
            ..Self::default()
        };
        let (mut sum, mut squares) = (sums.sum.iter().sum::<f64>(), sums.squares.iter().sum::<f64>());
        for v in rest.iter().map(|&v| v.into()) {
            sum += v;
            squares += v * v;
            (all.min, all.max) = (all.min.min(v), all.max.max(v));
            all.digest = mixed(all.digest, v.to_bits());
        }
        let count = samples.len() as f64;
        all.mean = sum / count;
        all.sd = (squares / count - all.mean * all.mean).max(0.0).sqrt();
        all.share_at_max =
            samples.iter().map(|&v| u32::from(v.into() == all.max)).sum::<u32>() as f64 / count;
        all
    }

    /// Of the rows of an image of one sample a pixel.
    pub fn of_image<T: Copy + Into<f64>>(samples: &[T], columns: usize) -> Self {
        let mut stats = Self::of(samples);
        let rows = samples.len() / columns.max(1);
        if rows < SMALLEST || columns < SMALLEST || stats.sd <= 0.0 {
            return stats;
        }
        // Every so many rows, so that a large frame costs no more than a small one.
        let every = (rows * columns / SAMPLED).max(1);
        let mut texture = Texture::default();
        let mut three = [const { Vec::new() }; 3];
        for r in (1..rows - 1).step_by(every) {
            for (row, values) in three.iter_mut().zip(samples[(r - 1) * columns..].chunks_exact(columns)) {
                row.clear();
                // Around the mean, so that single precision holds what large offsets would hide.
                row.extend(values.iter().map(|&v| (v.into() - stats.mean) as f32));
            }
            texture.add(&three);
        }
        let (noise, steep) = texture.measure();
        stats.noise = Some(noise);
        stats.sharpness = Some(0.5 * steep / stats.sd);
        stats
    }
}

/// What neighbouring pixels differ by.
#[derive(Default)]
struct Texture {
    /// Sum of the absolute responses to Immerkær's mask, which no edge answers to.
    laplacian: f64,
    /// Those of a row.
    responses: Vec<f32>,
    /// Squares of the central differences' length: their order is the same, and one root is enough.
    gradients: Vec<f32>,
}

impl Texture {
    /// The inner pixels of a row between the rows above and below.
    fn add(&mut self, [above, here, below]: &[Vec<f32>; 3]) {
        let inner = here.len() - 2;
        let [left, middle, right] = [0, 1, 2].map(|x| x..x + inner);
        let (a, b, c) = (&above[left.clone()], &above[middle.clone()], &above[right.clone()]);
        let (d, e, f) = (&here[left.clone()], &here[middle.clone()], &here[right.clone()]);
        let (g, h, i) = (&below[left], &below[middle], &below[right]);
        let from = self.gradients.len();
        self.responses.clear();
        self.responses.extend(
            (0..inner)
                .map(|x| (a[x] + c[x] + g[x] + i[x] - 2.0 * (b[x] + h[x] + d[x] + f[x]) + 4.0 * e[x]).abs()),
        );
        self.gradients.resize(from + inner, 0.0);
        for (x, gradient) in self.gradients[from..].iter_mut().enumerate() {
            let (dx, dy) = (f[x] - d[x], h[x] - b[x]);
            *gradient = dx * dx + dy * dy;
        }
        let (blocks, rest) = self.responses.as_chunks::<LANES>();
        let mut lanes = [0.0f32; LANES];
        for block in blocks {
            lanes.iter_mut().zip(block).for_each(|(lane, v)| *lane += v);
        }
        self.laplacian += f64::from(lanes.iter().chain(rest).sum::<f32>());
    }

    /// Standard deviation of the noise, and twice the 99th percentile of the gradient.
    fn measure(mut self) -> (f64, f64) {
        let n = self.gradients.len() as f64;
        let noise = std::f64::consts::FRAC_PI_2.sqrt() / 6.0 * self.laplacian / n;
        let top = self.gradients.len() * 99 / 100;
        let (_, steep, _) = self.gradients.select_nth_unstable_by(top, f32::total_cmp);
        (noise, f64::from(*steep).sqrt())
    }
}

/// Rows and columns of the smallest image whose noise and edges say something.
const SMALLEST: usize = 16;
/// Pixels of a frame that noise and edges are measured on, about.
const SAMPLED: usize = 1 << 16;

/// Statistics of every frame of a file, one after the other; `None` where it has no pixel data. What cannot be read or
/// decoded is told in [`InstancePixels::error`].
pub fn statistics(contents: &Contents<'_>) -> Option<InstancePixels> {
    let failed = |why: String| Some(InstancePixels { error: Some(why), ..InstancePixels::default() });
    let file = match contents.read(ReadOptions::default()) {
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
