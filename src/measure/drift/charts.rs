//! Control charts over a stream that is standardised by a reference window.
//!
//! Sources: Page 1954 (CUSUM), Roberts 1959 (EWMA), Montgomery 2013, *Introduction to Statistical Quality Control*.
//! Row numbers count from 0; a signal lies strictly beyond its limit.

use crate::measure::stats::{deviation, mean};

/// A point beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// Row number from 0.
    pub index: usize,
    /// The chart's statistic there.
    pub value: f64,
    /// The limit that it lies beyond.
    pub limit: f64,
}

/// Keeps the first signal of each run: consecutive rows beyond a limit are one alarm.
#[derive(Debug, Clone, Default, PartialEq)]
struct Runs {
    first: Vec<Signal>,
    last: Option<usize>,
}

impl Runs {
    fn note(&mut self, signal: Signal) {
        if self.last.is_none_or(|last| last + 1 != signal.index) {
            self.first.push(signal);
        }
        self.last = Some(signal.index);
    }
}

/// Mean and standard deviation (n − 1) of the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Baseline {
    /// Of a reference; `None` where it does not vary or has fewer than two values.
    pub fn of(reference: &[f64]) -> Option<Self> {
        let sd = deviation(reference);
        (sd > 0.0 && sd.is_finite()).then(|| Self { mean: mean(reference), sd })
    }

    /// Of flags (0 or 1): Laplace's estimate of their share (one more of each), so that a share of none still varies.
    pub fn of_flags(reference: &[f64]) -> Self {
        let share = (reference.iter().sum::<f64>() + 1.0) / (reference.len() as f64 + 2.0);
        Self { mean: share, sd: (share * (1.0 - share)).sqrt() }
    }

    /// `value` in standard deviations from the mean.
    pub fn standardise(&self, value: f64) -> f64 {
        (value - self.mean) / self.sd
    }
}

/// Tabular two-sided CUSUM without reset.
#[derive(Debug, Clone, PartialEq)]
pub struct Cusum {
    k: f64,
    h: f64,
    upper: f64,
    lower: f64,
    rows: usize,
    runs: Runs,
}

impl Cusum {
    /// Allowance `k` and decision limit `h`, in standard deviations.
    pub fn new(k: f64, h: f64) -> Self {
        Self { k, h, upper: 0.0, lower: 0.0, rows: 0, runs: Runs::default() }
    }

    /// Takes the next standardised value.
    pub fn push(&mut self, z: f64) {
        self.upper = (self.upper + z - self.k).max(0.0);
        self.lower = (self.lower - z - self.k).max(0.0);
        let value = self.upper.max(self.lower);
        if value > self.h {
            self.runs.note(Signal { index: self.rows, value, limit: self.h });
        }
        self.rows += 1;
    }

    /// The upper and the lower sum now.
    pub fn last(&self) -> (f64, f64) {
        (self.upper, self.lower)
    }

    /// The first signal of each run.
    pub fn signals(&self) -> &[Signal] {
        &self.runs.first
    }
}

/// Exponentially weighted moving average, starting at 0, with limits that widen to their asymptote.
#[derive(Debug, Clone, PartialEq)]
pub struct Ewma {
    lambda: f64,
    width: f64,
    value: f64,
    rows: usize,
    runs: Runs,
}

impl Ewma {
    /// Weight of the newest value and half width of the limits in standard deviations of the average.
    pub fn new(lambda: f64, width: f64) -> Self {
        Self { lambda, width, value: 0.0, rows: 0, runs: Runs::default() }
    }

    /// The limit at row `row` (from 0): L √(λ/(2−λ) (1 − (1−λ)^(2(row+1)))).
    pub fn limit(&self, row: usize) -> f64 {
        let decay = (1.0 - self.lambda).powi(2 * (row.min(1 << 20) as i32 + 1));
        self.width * (self.lambda / (2.0 - self.lambda) * (1.0 - decay)).sqrt()
    }

    /// Takes the next standardised value.
    pub fn push(&mut self, z: f64) {
        self.value = self.lambda * z + (1.0 - self.lambda) * self.value;
        let limit = self.limit(self.rows);
        if self.value.abs() > limit {
            self.runs.note(Signal { index: self.rows, value: self.value, limit: limit.copysign(self.value) });
        }
        self.rows += 1;
    }

    /// The average now.
    pub fn last(&self) -> f64 {
        self.value
    }

    /// The first signal of each run.
    pub fn signals(&self) -> &[Signal] {
        &self.runs.first
    }
}
