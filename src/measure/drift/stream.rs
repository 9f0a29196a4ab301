//! Detectors that find a change in a stream without a reference window.

use super::charts::Signal;

/// Which way a change is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A rise.
    Up,
    /// A fall.
    Down,
    /// Either.
    Both,
}

/// Page–Hinkley test (Page 1954, Hinkley 1971) with forgetting, as river 0.26 has it: running mean, a reset at the row
/// after a signal. Its maximum for falls starts at −1, so that a signal downwards needs a little more at the start.
#[derive(Debug, Clone)]
pub struct PageHinkley {
    delta: f64,
    threshold: f64,
    alpha: f64,
    least_rows: usize,
    direction: Direction,
    rows: usize,
    since: Since,
    signals: Vec<Signal>,
}

#[derive(Debug, Clone, Copy)]
struct Since {
    n: usize,
    mean: f64,
    rise: f64,
    fall: f64,
    lowest: f64,
    highest: f64,
    signalled: bool,
}

impl Since {
    const START: Self = Self {
        n: 0,
        mean: 0.0,
        rise: 0.0,
        fall: 0.0,
        lowest: f64::INFINITY,
        highest: -1.0,
        signalled: false,
    };
}

impl PageHinkley {
    /// Tolerated change `delta`, limit `threshold`, forgetting `alpha` (1: none), rows before the first signal.
    pub fn new(delta: f64, threshold: f64, alpha: f64, least_rows: usize, direction: Direction) -> Self {
        let signals = Vec::new();
        Self { delta, threshold, alpha, least_rows, direction, rows: 0, since: Since::START, signals }
    }

    /// Takes the next value.
    pub fn push(&mut self, x: f64) {
        if self.since.signalled {
            self.since = Since::START;
        }
        let s = &mut self.since;
        s.n += 1;
        s.mean += (x - s.mean) / s.n as f64;
        let deviation = x - s.mean;
        s.rise = self.alpha * s.rise + deviation - self.delta;
        s.fall = self.alpha * s.fall + deviation + self.delta;
        s.lowest = s.lowest.min(s.rise);
        s.highest = s.highest.max(s.fall);
        let value = match self.direction {
            Direction::Up => s.rise - s.lowest,
            Direction::Down => s.highest - s.fall,
            Direction::Both => (s.rise - s.lowest).max(s.highest - s.fall),
        };
        if s.n >= self.least_rows && value > self.threshold {
            s.signalled = true;
            self.signals.push(Signal { index: self.rows, value, limit: self.threshold });
        }
        self.rows += 1;
    }

    /// All signals so far.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}
