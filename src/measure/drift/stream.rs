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

/// Drift detection method for error flags (Gama et al. 2004), with river's defaults: 30 rows to warm up, warning at 2
/// and drift at 3 standard deviations above the best; a reset at the row after a signal.
#[derive(Debug, Clone)]
pub struct Ddm {
    n: f64,
    errors: f64,
    lowest: f64,
    best: (f64, f64),
    signalled: bool,
    rows: usize,
    signals: Vec<Signal>,
}

impl Default for Ddm {
    fn default() -> Self {
        let best = (f64::INFINITY, f64::INFINITY);
        Self {
            n: 0.0,
            errors: 0.0,
            lowest: f64::INFINITY,
            best,
            signalled: false,
            rows: 0,
            signals: Vec::new(),
        }
    }
}

impl Ddm {
    /// Takes the next flag: was it an error?
    pub fn push(&mut self, error: bool) {
        if self.signalled {
            let (rows, signals) = (self.rows, std::mem::take(&mut self.signals));
            *self = Self { rows, signals, ..Self::default() };
        }
        self.n += 1.0;
        self.errors += f64::from(u8::from(error));
        let p = self.errors / self.n;
        let s = (p * (1.0 - p) / self.n).sqrt();
        if self.n > 30.0 {
            if p + s <= self.lowest {
                self.lowest = p + s;
                self.best = (p, s);
            }
            let limit = self.best.0 + 3.0 * self.best.1;
            if p + s > limit {
                self.signalled = true;
                self.signals.push(Signal { index: self.rows, value: p + s, limit });
            }
        }
        self.rows += 1;
    }

    /// All signals so far.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }
}

/// Buckets of one size before two are merged.
const BUCKETS: usize = 5;
/// Rows between two looks.
const CLOCK: usize = 32;
/// Rows that either part of the window must have.
const LEAST_PART: f64 = 5.0;
/// Rows before the first look.
const GRACE: f64 = 10.0;

/// Rows merged into one: how many, their sum, and their sum of squared deviations.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bucket {
    n: f64,
    sum: f64,
    spread: f64,
}

impl Bucket {
    fn mean(&self) -> f64 {
        self.sum / self.n
    }

    fn between(&self, other: &Self) -> f64 {
        self.n * other.n * (self.mean() - other.mean()).powi(2) / (self.n + other.n)
    }

    fn with(&self, other: &Self) -> Self {
        let between = if self.n > 0.0 && other.n > 0.0 { self.between(other) } else { 0.0 };
        Self { n: self.n + other.n, sum: self.sum + other.sum, spread: self.spread + other.spread + between }
    }
}

/// ADWIN (Bifet and Gavaldà 2007): a window that is cut where its two parts differ by more than chance allows. As
/// river 0.26 has it: at most five buckets of each size, a look every 32 rows, parts of at least five, and a new
/// window at the row after a signal.
#[derive(Debug, Clone)]
pub struct Adwin {
    delta: f64,
    /// By size 2^row, each row from old to new.
    rows: Vec<Vec<Bucket>>,
    window: Bucket,
    /// Rows since the window began, and in all.
    since: usize,
    seen: usize,
    signals: Vec<usize>,
}

impl Adwin {
    /// Confidence `delta` of a false alarm at a look.
    pub fn new(delta: f64) -> Self {
        Self {
            delta,
            rows: vec![Vec::new()],
            window: Bucket::default(),
            since: 0,
            seen: 0,
            signals: Vec::new(),
        }
    }

    /// Rows in the window now.
    pub fn width(&self) -> usize {
        self.window.n as usize
    }

    /// Rows (from 0) at which a change was found.
    pub fn signals(&self) -> &[usize] {
        &self.signals
    }

    /// Takes the next value.
    pub fn push(&mut self, value: f64) {
        if self.seen > 0 && self.signals.last() == Some(&(self.seen - 1)) {
            (self.rows, self.window, self.since) = (vec![Vec::new()], Bucket::default(), 0);
        }
        let bucket = Bucket { n: 1.0, sum: value, spread: 0.0 };
        self.rows[0].push(bucket);
        self.window = if self.window.n > 0.0 { self.window.with(&bucket) } else { bucket };
        self.merge();
        self.seen += 1;
        self.since += 1;
        if self.since.is_multiple_of(CLOCK) && self.window.n > GRACE {
            let mut changed = false;
            while self.differs() {
                changed = true;
                self.drop_oldest();
            }
            if changed {
                self.signals.push(self.seen - 1);
            }
        }
    }

    fn merge(&mut self) {
        let mut row = 0;
        while self.rows[row].len() > BUCKETS {
            let merged = self.rows[row][0].with(&self.rows[row][1]);
            self.rows[row].drain(..2);
            if row + 1 == self.rows.len() {
                self.rows.push(Vec::new());
            }
            self.rows[row + 1].push(merged);
            row += 1;
        }
    }

    fn drop_oldest(&mut self) {
        let Some(last) = self.rows.iter().rposition(|r| !r.is_empty()) else { return };
        let old = self.rows[last].remove(0);
        let rest = Bucket { n: self.window.n - old.n, sum: self.window.sum - old.sum, spread: 0.0 };
        let spread = self.window.spread - old.spread - if rest.n > 0.0 { old.between(&rest) } else { 0.0 };
        self.window = Bucket { spread, ..rest };
        while self.rows.len() > 1 && self.rows.last().is_some_and(Vec::is_empty) {
            self.rows.pop();
        }
    }

    /// Whether some cut of the window has parts that differ.
    fn differs(&self) -> bool {
        let (mut n, mut sum) = (0.0, 0.0);
        for row in self.rows.iter().rev() {
            for bucket in row {
                n += bucket.n;
                sum += bucket.sum;
                let rest = self.window.n - n;
                if n < LEAST_PART || rest < LEAST_PART {
                    continue;
                }
                let gap = (sum / n - (self.window.sum - sum) / rest).abs();
                if gap > self.allowed(n, rest) {
                    return true;
                }
            }
        }
        false
    }

    fn allowed(&self, n: f64, rest: f64) -> f64 {
        let confidence = (2.0 * self.window.n.ln() / self.delta).ln();
        let inverse = 1.0 / (n - LEAST_PART + 1.0) + 1.0 / (rest - LEAST_PART + 1.0);
        let variance = self.window.spread / self.window.n;
        (2.0 * inverse * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * inverse
    }
}
