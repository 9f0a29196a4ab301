//! What identifies an instance's pixels, in whatever encoding: a hash and the extremes and sum of its samples.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::pixels::Samples;

use super::{FrameReader, PixelError};

/// Hash and figures over the canonical samples of all declared frames.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fingerprint {
    /// Frames hashed: as many as declared.
    pub frames: u32,
    /// SHA-256 of the samples as little-endian bytes, in lower-case hex.
    pub pixels_sha256: String,
    /// The smallest sample (NaN if any sample is).
    pub min: f64,
    /// The largest sample (NaN if any sample is).
    pub max: f64,
    /// The sum of all samples: exact for integers, rounded once at the end.
    pub sum: f64,
}

/// Decodes the frames one after another; holds one at a time.
pub fn fingerprint(reader: &FrameReader<'_>) -> Result<Fingerprint, PixelError> {
    reader.check_total()?;
    let mut hash = Sha256::new();
    let mut figures = Figures::default();
    for index in 0..reader.declared() {
        let frame = reader.decode_frame(index)?;
        hash.update(&*frame.samples.little_endian());
        figures.add(&frame.samples);
    }
    Ok(Fingerprint {
        frames: reader.declared(),
        pixels_sha256: hex::encode(hash.finalize()),
        min: figures.min.unwrap_or(f64::NAN),
        max: figures.max.unwrap_or(f64::NAN),
        sum: figures.integers as f64 + figures.floats,
    })
}

#[derive(Default)]
struct Figures {
    min: Option<f64>,
    max: Option<f64>,
    integers: i128,
    floats: f64,
}

macro_rules! integers {
    ($self:ident, $v:ident) => {{
        let (mut min, mut max, mut sum) = ($v.first().copied(), $v.first().copied(), 0_i64);
        // 2^16 samples of 32 bits stay well inside an i64.
        for block in $v.chunks(1 << 16) {
            let low = block.iter().copied().min();
            let high = block.iter().copied().max();
            min = min.min(low).or(low);
            max = max.max(high);
            sum += block.iter().map(|&x| i64::from(x)).sum::<i64>();
        }
        $self.integers += i128::from(sum);
        $self.extremes(min.map(f64::from), max.map(f64::from));
    }};
}

impl Figures {
    fn add(&mut self, samples: &Samples) {
        match samples {
            Samples::U8(v) => integers!(self, v),
            Samples::I8(v) => integers!(self, v),
            Samples::U16(v) => integers!(self, v),
            Samples::I16(v) => integers!(self, v),
            Samples::U32(v) => integers!(self, v),
            Samples::I32(v) => integers!(self, v),
            Samples::F32(v) => self.add_floats(v.iter().map(|&x| f64::from(x))),
            Samples::F64(v) => self.add_floats(v.iter().copied()),
        }
    }

    fn add_floats(&mut self, values: impl Iterator<Item = f64>) {
        for x in values {
            self.floats += x;
            self.extremes(Some(x), Some(x));
        }
    }

    fn extremes(&mut self, low: Option<f64>, high: Option<f64>) {
        let pick = |old: Option<f64>, new: Option<f64>, better: fn(f64, f64) -> bool| match (old, new) {
            (Some(a), Some(b)) if a.is_nan() || better(a, b) => Some(a),
            (old, None) => old,
            (_, new) => new,
        };
        self.min = pick(self.min, low, |a, b| a <= b);
        self.max = pick(self.max, high, |a, b| a >= b);
    }
}
