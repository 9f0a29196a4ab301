//! Stacks with their pixels: slices decoded, put in order, rescaled. What `convert`, export, review and the checks of
//! pixels share.

mod load;
mod lut;
mod sidecar;
mod standard;
mod unify;
mod write;

use std::io;

use rayon::prelude::*;

use crate::model::geometry::Grid;
use crate::model::pixels::Samples;
use crate::series::Instance;

pub use load::{MAX_BYTES, load, load_scaled, picture};
pub use sidecar::{Gradients, Sidecar, beside, sidecar};
pub use standard::{Axes, Spacing, Standard, Transform};
pub use write::{Format, forbidden, write, write_sliced};

/// A volume, or several on one grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// Where the voxels are, LPS.
    pub grid: Grid,
    /// How many volumes follow one another.
    pub volumes: u32,
    /// Seconds from one volume to the next, where they follow one another in time.
    pub step_s: Option<f64>,
    /// Stored values: column fastest, then row, slice, volume.
    pub voxels: Voxels,
    /// Real value = stored value × slope + intercept.
    pub slope: f64,
    /// See [`Volume::slope`].
    pub intercept: f64,
    /// Which of the two scales of Philips the values are in.
    pub philips: PhilipsScale,
}

/// Philips gives two scales: that of the screen, which may differ from series to series, and that of what was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PhilipsScale {
    /// Rescale Slope and Intercept.
    #[default]
    Display,
    /// With the private Scale Slope taken out, where the header has it: stored value / Scale Slope + Rescale
    /// Intercept / (Rescale Slope × Scale Slope).
    Precise,
}

/// One slice for display.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Stored values, rows from the top.
    pub voxels: Voxels,
    /// Real value = stored value × slope + intercept.
    pub slope: f64,
    /// See [`Picture::slope`].
    pub intercept: f64,
}

/// Values of voxels.
#[derive(Debug, Clone, PartialEq)]
pub enum Voxels {
    /// One number each.
    Grey(Samples),
    /// Red, green, blue.
    Rgb(Vec<[u8; 3]>),
}

/// Where the bytes of instances come from.
pub trait Source: Sync {
    /// The whole file.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, instance: &Instance) -> io::Result<Vec<u8>>;
}

impl<F: Fn(&Instance) -> io::Result<Vec<u8>> + Sync> Source for F {
    fn read(&self, instance: &Instance) -> io::Result<Vec<u8>> {
        self(instance)
    }
}

/// Why a stack has no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// Positions, orientation or spacing are not known.
    #[error("not_a_volume: no position, orientation or spacing in the patient")]
    NoGrid,
    /// Some volumes lack slices, or have some twice.
    #[error("incomplete_volumes: {found} slices do not fill {volumes} volumes of {depth}")]
    Incomplete {
        /// Slices found.
        found: usize,
        /// Volumes.
        volumes: u32,
        /// Slices of a whole volume.
        depth: usize,
    },
    /// More than [`MAX_BYTES`].
    #[error("too_large: {bytes} bytes of voxels")]
    TooLarge {
        /// What it would take.
        bytes: u64,
    },
    /// A file cannot be read.
    #[error("unreadable: {0}")]
    Read(String),
    /// A frame cannot be decoded.
    #[error("undecodable_pixels: {0}")]
    Pixels(String),
    /// Slices of different size or kind.
    #[error("mixed_matrix: slices of different size or number of samples")]
    Mixed,
}

/// Smallest, largest and mean value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
}

impl Volume {
    /// The real values as single precision; `None` where the stored values are the real ones, or colours.
    pub fn real_values(&self) -> Option<Samples> {
        let Voxels::Grey(samples) = &self.voxels else { return None };
        if self.slope == 1.0 && self.intercept == 0.0 {
            return None;
        }
        let mut values = Vec::with_capacity(samples.len());
        samples.each(|v| values.push((v * self.slope + self.intercept) as f32));
        Some(Samples::F32(values))
    }

    /// Figures of the real values; of all channels for colour. `None` where there is no finite value. The same however
    /// many threads there are.
    pub fn figures(&self) -> Option<Figures> {
        let colours;
        let samples = match &self.voxels {
            Voxels::Grey(samples) => samples,
            Voxels::Rgb(pixels) => {
                colours = Samples::U8(pixels.as_flattened().to_vec());
                &colours
            }
        };
        let parts: Vec<Sums> = (0..samples.len().div_ceil(SUMMED_TOGETHER))
            .into_par_iter()
            .map(|part| self.sums(samples, part * SUMMED_TOGETHER))
            .collect();
        let all = parts.into_iter().fold(Sums::default(), Sums::with);
        (all.count > 0).then(|| Figures { min: all.min, max: all.max, mean: all.sum / all.count as f64 })
    }

    /// Of the samples from `first` on that are summed together.
    fn sums(&self, samples: &Samples, first: usize) -> Sums {
        let range = first..samples.len().min(first + SUMMED_TOGETHER);
        let real = |stored: f64| stored * self.slope + self.intercept;
        if self.slope.is_finite()
            && self.intercept.is_finite()
            && let Some([min, max, sum]) = samples.whole_figures(range.clone())
        {
            let (a, b) = (real(min as f64), real(max as f64));
            let count = range.len() as u64;
            let sum = sum as f64 * self.slope + self.intercept * count as f64;
            return Sums { count, sum, min: a.min(b), max: a.max(b) };
        }
        let mut sums = Sums::default();
        samples.each_in(range, |stored| {
            let v = real(stored);
            if v.is_finite() {
                sums.count += 1;
                sums.sum += v;
                (sums.min, sums.max) = (sums.min.min(v), sums.max.max(v));
            }
        });
        sums
    }
}

/// Samples whose sum is made by one thread.
const SUMMED_TOGETHER: usize = 1 << 18;

/// Sums over some of the values.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Sums {
    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}
