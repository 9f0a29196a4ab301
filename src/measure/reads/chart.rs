//! One control chart of reads.

use crate::measure::drift::alarm::{Change, dated_p, watch_from};
use crate::measure::drift::charts::{Baseline, Cusum, Ewma, Signal};
use crate::measure::drift::shift::fisher_exact;
use crate::measure::drift::stream::{Direction, PageHinkley};

/// The latest points that a chart has.
pub const MOST_POINTS: usize = 4_096;
/// Points of the reference: the first quarter, but no fewer and no more than these.
const REFERENCE: (usize, usize) = (20, 50);
/// Points after the reference from which on a chart says anything.
const LEAST_AFTER: usize = 10;
/// A move that matters is at least so many standard deviations of the reference.
const LEAST_EFFECT_SD: f64 = 0.5;
/// Chance of any false alarm over all charts together.
const LEVEL: f64 = 0.01;

/// How the values that a chart computes with are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayScale {
    /// As they are.
    Plain,
    /// Flags, 0 or 1: as they are.
    Flag,
    /// Logarithms of a ratio: as a relative difference in percent.
    Percent,
    /// Logarithms: as what they are the logarithm of.
    Exponent,
}

impl DisplayScale {
    /// What stands on the chart for `x`.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Plain | Self::Flag => x,
            Self::Percent => 100.0 * x.exp_m1(),
            Self::Exponent => x.exp(),
        }
    }

    /// A change of the mean for people: in percent where logarithms are charted.
    pub fn change(self, before: f64, after: f64) -> f64 {
        match self {
            Self::Plain | Self::Flag => after - before,
            Self::Percent | Self::Exponent => 100.0 * (after - before).exp_m1(),
        }
    }
}

/// One point: a read, or the readers' median of an item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The value that is computed with.
    pub x: f64,
    /// The item's number on the board.
    pub item: u32,
    /// The reader's number; of an item's median the last reader's.
    pub reader: u32,
    /// The site's number.
    pub site: u32,
    /// The scanner's number.
    pub scanner: u32,
    /// The guideline's number.
    pub guideline: u32,
}

/// A detector crossed its limit: the first point of each run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// `cusum`, `ewma` or `page_hinkley`.
    pub detector: &'static str,
    /// Which point, its statistic and the limit, in standard deviations of the reference.
    pub signal: Signal,
}

/// How a chart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChartState {
    /// It moved, and chance over all charts together is no explanation.
    Alarm,
    /// It moved together with the other readers.
    Shared,
    /// A limit was crossed, and chance may explain it.
    Watch,
    /// Nothing moved.
    Stable,
    /// Too few points, or a reference that does not vary.
    Short,
}

/// A control chart: points in the order of time, a reference at their beginning, and what moved since.
///
/// A CUSUM (k 0.5, h 5) after the reference has to signal for anything to have moved; since when is the likeliest single
/// change of the mean; how sure is Mann–Whitney's p of before against after (of flags Fisher's exact one), corrected for the
/// choice of the date.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The points.
    pub points: Vec<Point>,
    /// How they are shown.
    pub shown: DisplayScale,
    /// How many of the first are the reference.
    pub reference: usize,
    /// Mean and standard deviation of the reference; none where it is too short or does not vary.
    pub baseline: Option<Baseline>,
    /// What moved.
    pub change: Option<Change>,
    /// P of the move, corrected for the choice of the date; 1 where nothing did.
    pub p: f64,
}

impl Chart {
    /// A chart of the latest of these points, which are in the order of time.
    pub fn new(mut points: Vec<Point>, shown: DisplayScale) -> Self {
        let off = points.len().saturating_sub(MOST_POINTS);
        points.drain(..off);
        let reference = (points.len() / 4).clamp(REFERENCE.0, REFERENCE.1).min(points.len());
        let mut chart = Self { points, shown, reference, baseline: None, change: None, p: 1.0 };
        let x = chart.values();
        if x.len() < REFERENCE.0 + LEAST_AFTER {
            return chart;
        }
        let first = &x[..reference];
        chart.baseline =
            if shown == DisplayScale::Flag { Some(Baseline::of_flags(first)) } else { Baseline::of(first) };
        chart.change = chart.baseline.and_then(|baseline| watch_from(&x, reference, baseline));
        if let (DisplayScale::Flag, Some(change)) = (shown, &mut chart.change) {
            // Ranks of rare flags are far from normal: they are counted.
            let counts = |flags: &[f64]| {
                let set = flags.iter().filter(|x| **x > 0.0).count() as u64;
                [set, flags.len() as u64 - set]
            };
            change.p = fisher_exact([counts(&x[..change.since]), counts(&x[change.since..])]);
        }
        chart.p = chart.change.as_ref().map_or(1.0, |c| dated_p(c, x.len()));
        chart
    }

    fn values(&self) -> Vec<f64> {
        self.points.iter().map(|p| p.x).collect()
    }

    /// How it stands, by its p corrected for all charts.
    pub fn state(&self, corrected_p: f64) -> ChartState {
        match &self.change {
            _ if self.baseline.is_none() => ChartState::Short,
            Some(c) if corrected_p < LEVEL && c.effect_sd.abs() >= LEAST_EFFECT_SD => ChartState::Alarm,
            Some(_) => ChartState::Watch,
            None => ChartState::Stable,
        }
    }

    /// Whether it would be an alarm if it were the only chart.
    pub(super) fn suspicious(&self) -> bool {
        self.state(self.p) == ChartState::Alarm
    }

    /// When the change began.
    pub fn since_ms(&self) -> Option<i64> {
        self.change.as_ref().and_then(|c| self.points.get(c.since)).map(|p| p.at_ms)
    }

    /// The moving average (EWMA, λ 0.2) at each point, in what is shown.
    pub fn average(&self) -> Vec<f64> {
        let Some(baseline) = self.baseline else { return Vec::new() };
        let mut ewma = Ewma::new(0.2, 3.0);
        let at = |p: &Point| {
            ewma.push(baseline.standardise(p.x));
            self.shown.value(baseline.mean + baseline.sd * ewma.last())
        };
        self.points.iter().map(at).collect()
    }

    /// Centre and limits for single points, in what is shown; flags have no limits.
    pub fn limits(&self) -> Option<(f64, Option<[f64; 2]>)> {
        let b = self.baseline?;
        let at = |sd: f64| self.shown.value(b.mean + sd * b.sd);
        Some((at(0.0), (self.shown != DisplayScale::Flag).then(|| [at(-3.0), at(3.0)])))
    }

    /// Where the detectors crossed their limits after the reference, in the order of points.
    pub fn crossings(&self) -> Vec<Crossing> {
        let Some(baseline) = self.baseline else { return Vec::new() };
        let (mut cusum, mut ewma) = (Cusum::new(0.5, 5.0), Ewma::new(0.2, 3.0));
        let mut hinkley = PageHinkley::new(0.005, 50.0, 1.0 - 1e-4, 30, Direction::Both);
        for point in &self.points[self.reference..] {
            let z = baseline.standardise(point.x);
            cusum.push(z);
            ewma.push(z);
            hinkley.push(z);
        }
        let of = |detector, signals: &[Signal]| -> Vec<Crossing> {
            let placed =
                |s: &Signal| Crossing { detector, signal: Signal { index: s.index + self.reference, ..*s } };
            signals.iter().map(placed).collect()
        };
        let mut all = of("cusum", cusum.signals());
        all.extend(of("ewma", ewma.signals()));
        all.extend(of("page_hinkley", hinkley.signals()));
        all.sort_by_key(|c| c.signal.index);
        all
    }

    /// The point from the change on that lies furthest out in its direction; without a change, the furthest out of all.
    pub fn worst(&self) -> Option<usize> {
        let centre = self.baseline.map_or(0.0, |b| b.mean);
        let (from, up) = self.change.as_ref().map_or((0, None), |c| (c.since, Some(c.after > c.before)));
        let out = |x: f64| match up {
            Some(true) => x - centre,
            Some(false) => centre - x,
            None => (x - centre).abs(),
        };
        (from..self.points.len()).max_by(|a, b| out(self.points[*a].x).total_cmp(&out(self.points[*b].x)))
    }
}
