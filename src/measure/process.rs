//! How work flows: yields, cycle times with unfinished work, backlog and its forecast.

use super::agreement::marginals::ChiSquare;
use super::agreement::proportion::wilson;
use super::estimate::{Estimate, Reason};
use super::special::Z975;
use super::stats::{mean, quantile_sorted, sorted};

/// A rate of `count` among `n` (first-pass accuracy, rejection, rework) with Wilson's interval; undefined for n = 0.
pub fn rate(count: u64, n: u64) -> Estimate {
    Estimate::ratio(count as f64, n as f64, Reason("nothing counted yet"), n as usize)
        .with_ci(wilson(count, n))
}

/// Survival of work: the share not yet finished after a time (Kaplan and Meier 1958).
#[derive(Debug, Clone, PartialEq)]
pub struct KaplanMeier {
    /// Every different time at which something finished or was censored, ascending.
    pub times: Vec<f64>,
    /// Share not finished just after each time.
    pub survival: Vec<f64>,
    /// Log–log interval of each (Kalbfleisch and Prentice 1980); none where the share is 0 or 1.
    pub ci95: Vec<Option<[f64; 2]>>,
    /// Largest time at which something finished.
    last_event: Option<f64>,
}

impl KaplanMeier {
    /// Of durations, each finished or still open (censored at that time).
    pub fn of(durations: &[f64], finished: &[bool]) -> Self {
        let mut order: Vec<usize> = (0..durations.len().min(finished.len())).collect();
        order.sort_by(|&p, &q| durations[p].total_cmp(&durations[q]));
        let mut at_risk = order.len() as f64;
        let (mut share, mut hazard) = (1.0, 0.0);
        let mut km = Self { times: Vec::new(), survival: Vec::new(), ci95: Vec::new(), last_event: None };
        for same in order.chunk_by(|&p, &q| durations[p] == durations[q]) {
            let done = same.iter().filter(|&&i| finished[i]).count() as f64;
            if done > 0.0 {
                share *= 1.0 - done / at_risk;
                hazard += done / (at_risk * (at_risk - done));
                km.last_event = Some(durations[same[0]]);
            }
            km.times.push(durations[same[0]]);
            km.survival.push(share);
            km.ci95.push(log_log(share, hazard));
            at_risk -= same.len() as f64;
        }
        km
    }

    /// Smallest time by which at least a share `q` has finished; none where that was not reached.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let at = self.survival.iter().position(|s| *s <= 1.0 - q + 1e-12)?;
        Some(self.times[at])
    }

    /// Interval of a quantile: where the limits of the survival cross it (Brookmeyer and Crowley 1982).
    pub fn quantile_ci95(&self, q: f64) -> [Option<f64>; 2] {
        let crossing = |side: usize| {
            let low = |at: usize| {
                let share = self.survival[at];
                self.ci95[at].map(|c| c[side]).or((share <= 0.0).then_some(0.0))
            };
            (0..self.times.len())
                .find(|&at| low(at).is_some_and(|v| v <= 1.0 - q + 1e-12))
                .map(|at| self.times[at])
        };
        [crossing(0), crossing(1)]
    }

    /// Mean up to the last finished item (the area under the curve to there) and that time; none without one.
    pub fn restricted_mean(&self) -> Option<(f64, f64)> {
        let limit = self.last_event?;
        let (mut area, mut from, mut share) = (0.0, 0.0, 1.0);
        for (t, s) in self.times.iter().zip(&self.survival).take_while(|(t, _)| **t <= limit) {
            area += share * (t - from);
            (from, share) = (*t, *s);
        }
        Some((area, limit))
    }
}

fn log_log(share: f64, hazard: f64) -> Option<[f64; 2]> {
    if share <= 0.0 || share >= 1.0 {
        return None;
    }
    let half = Z975 * hazard.sqrt() / share.ln();
    // ln S is negative: exp(half) is below 1.
    Some([share.powf((-half).exp()), share.powf(half.exp())])
}

/// Log-rank test (Mantel 1966) of two groups' durations; `None` where nothing compares.
pub fn log_rank(a: (&[f64], &[bool]), b: (&[f64], &[bool])) -> Option<ChiSquare> {
    let rows = |side: (&[f64], &[bool]), group: bool| -> Vec<(f64, bool, bool)> {
        side.0.iter().zip(side.1).map(|(t, e)| (*t, *e, group)).collect()
    };
    let mut all = rows(a, true);
    all.extend(rows(b, false));
    all.sort_by(|p, q| p.0.total_cmp(&q.0));
    let (mut n, mut n_a) = (all.len() as f64, a.0.len() as f64);
    let (mut excess, mut variance) = (0.0, 0.0);
    for same in all.chunk_by(|p, q| p.0 == q.0) {
        let events = same.iter().filter(|r| r.1).count() as f64;
        let own = same.iter().filter(|r| r.1 && r.2).count() as f64;
        excess += own - events * n_a / n;
        if n > 1.0 {
            variance += events * n_a / n * (1.0 - n_a / n) * (n - events) / (n - 1.0);
        }
        n -= same.len() as f64;
        n_a -= same.iter().filter(|r| r.2).count() as f64;
    }
    (variance > 0.0).then(|| ChiSquare::new(excess * excess / variance, 1.0))
}

/// Little's law over [0, horizon]: mean work in progress = arrival rate × mean cycle time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Time average of items in progress.
    pub mean_in_progress: f64,
    /// Arrivals per unit of time.
    pub arrival_rate: f64,
    /// Mean time in progress of finished items.
    pub mean_cycle_time: f64,
    /// Most items in progress at once.
    pub most_in_progress: usize,
}

/// Flow of items that arrived and left (`None`: still there) within [0, horizon] (Little 1961). An item that left before
/// it arrived tells that a clock was set back: it is left out.
pub fn flow(arrivals: &[f64], departures: &[Option<f64>], horizon: f64) -> Flow {
    let pairs = arrivals.iter().copied().zip(departures.iter().copied());
    let (arrivals, departures): (Vec<f64>, Vec<Option<f64>>) =
        pairs.filter(|(arrived, left)| left.is_none_or(|left| left >= *arrived)).unzip();
    let mut steps: Vec<(f64, i64)> = arrivals.iter().map(|t| (*t, 1)).collect();
    steps.extend(departures.iter().flatten().map(|t| (*t, -1)));
    // At one moment arrivals and departures happen together.
    steps.sort_by(|p, q| p.0.total_cmp(&q.0));
    let (mut level, mut most, mut area, mut from) = (0_i64, 0, 0.0, 0.0);
    for moment in steps.chunk_by(|p, q| p.0 == q.0) {
        area += level as f64 * (moment[0].0 - from);
        from = moment[0].0;
        level += moment.iter().map(|s| s.1).sum::<i64>();
        most = most.max(level);
    }
    area += level as f64 * (horizon - from);
    let cycle: Vec<f64> = arrivals.iter().zip(&departures).filter_map(|(a, d)| d.map(|d| d - a)).collect();
    Flow {
        mean_in_progress: area / horizon,
        arrival_rate: arrivals.len() as f64 / horizon,
        mean_cycle_time: mean(&cycle),
        most_in_progress: most as usize,
    }
}

/// Smallest value with at least a share `q` at or below it (inverse of the distribution function).
pub fn percentile_inverted(values: &[f64], q: f64) -> Option<f64> {
    let ordered = sorted(values);
    let at = (q * ordered.len() as f64 - 1e-9).ceil().max(1.0) as usize - 1;
    ordered.get(at).copied()
}

/// Mean without the lowest and highest share `cut` of the values (rounded down to whole values).
pub fn trimmed_mean(values: &[f64], cut: f64) -> Option<f64> {
    let ordered = sorted(values);
    let off = (cut * ordered.len() as f64) as usize;
    let kept = ordered.get(off..ordered.len() - off).filter(|k| !k.is_empty())?;
    Some(mean(kept))
}

/// Interquartile range, type-7 quantiles.
pub fn interquartile_range(values: &[f64]) -> f64 {
    let ordered = sorted(values);
    quantile_sorted(&ordered, 0.75) - quantile_sorted(&ordered, 0.25)
}

/// When a backlog will be worked off.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Expected items open after each of the coming periods.
    pub expected: Vec<f64>,
    /// 90 % band of the same, by resampling past periods.
    pub band90: Vec<[f64; 2]>,
    /// Median number of periods until it is empty; none where fewer than half of the futures get there.
    pub empty_after: Option<f64>,
}

/// Resamples whole past periods (arrivals and completions together) `samples` times, seeded, to forecast the backlog over
/// `periods`. `None` without a past.
pub fn forecast(
    open: u64,
    past: &[(u64, u64)],
    periods: usize,
    samples: usize,
    seed: u64,
) -> Option<Forecast> {
    if past.is_empty() || samples == 0 {
        return None;
    }
    let mut futures: Vec<Vec<f64>> = vec![Vec::with_capacity(samples); periods];
    let mut emptied: Vec<f64> = Vec::new();
    for sample in 0..samples {
        let mut random = super::agreement::bootstrap::SplitMix::new(seed, sample as u64);
        let mut level = open as f64;
        let mut done = f64::INFINITY;
        for (period, future) in futures.iter_mut().enumerate() {
            let (arrived, finished) = past[random.below(past.len())];
            level = (level + arrived as f64 - finished as f64).max(0.0);
            if level == 0.0 && done.is_infinite() {
                done = (period + 1) as f64;
            }
            future.push(level);
        }
        emptied.push(done);
    }
    let band = |future: &Vec<f64>| {
        let ordered = sorted(future);
        [quantile_sorted(&ordered, 0.05), quantile_sorted(&ordered, 0.95)]
    };
    let emptied = sorted(&emptied);
    let median = emptied[(emptied.len() - 1) / 2];
    Some(Forecast {
        expected: futures.iter().map(|f| mean(f)).collect(),
        band90: futures.iter().map(band).collect(),
        empty_after: median.is_finite().then_some(median),
    })
}
