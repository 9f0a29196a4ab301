//! Bootstrap intervals by item: seeded, parallel, the same on every machine.

use rayon::prelude::*;

use crate::measure::special::{normal_cdf, normal_quantile};
use crate::measure::stats::{mean, quantile_sorted, sorted};

/// Share of resamples that must have a value for an interval to be given.
const LEAST_DEFINED: f64 = 0.5;

/// SplitMix64 (Steele, Lea and Flood 2014): a small generator whose every seed gives an independent stream.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Stream number `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self(seed ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93));
        start.0 = start.next_u64();
        start
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to before `n` (bias below n/2⁶⁴).
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let u = 1.0 - self.unit();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Bias-corrected and accelerated interval (Efron 1987, JASA 82:171) with what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Bca {
    /// The 95 % interval.
    pub interval: [f64; 2],
    /// Bias correction; replicates equal to the estimate count half.
    pub z0: f64,
    /// Acceleration by the jackknife.
    pub acceleration: f64,
}

/// BCa interval from an estimate, its bootstrap replicates and its jackknife values, the latter with how many items
/// share each; percentiles by linear interpolation (type 7).
///
/// `None` where there are no replicates, all lie on one side of the estimate, or the jackknife does not vary
/// although the replicates do. If nothing varies at all, the interval is the estimate.
pub fn bca(estimate: f64, replicates: &[f64], jackknife: &[(f64, f64)]) -> Option<Bca> {
    let ordered = sorted(replicates);
    let (first, last) = (*ordered.first()?, *ordered.last()?);
    if first == last && first == estimate {
        return Some(Bca { interval: [estimate; 2], z0: 0.0, acceleration: 0.0 });
    }
    let below = ordered.partition_point(|&v| v < estimate);
    let not_above = ordered.partition_point(|&v| v <= estimate);
    let z0 = normal_quantile((below + not_above) as f64 / (2.0 * ordered.len() as f64));
    let n: f64 = jackknife.iter().map(|j| j.1).sum();
    let centre = jackknife.iter().map(|j| j.0 * j.1).sum::<f64>() / n;
    let (squares, cubes) = jackknife.iter().fold((0.0, 0.0), |(s, c), (v, w)| {
        let u = centre - v;
        (s + w * u * u, c + w * u * u * u)
    });
    let acceleration = if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { f64::NAN };
    if !z0.is_finite() || !acceleration.is_finite() {
        return None;
    }
    let level = |p: f64| {
        let z = z0 + normal_quantile(p);
        normal_cdf(z0 + z / (1.0 - acceleration * z))
    };
    let interval = [0.025, 0.975].map(|p| quantile_sorted(&ordered, level(p)));
    Some(Bca { interval, z0, acceleration })
}

/// Percentile and basic (reflected) intervals (Davison and Hinkley 1997).
pub fn percentile_and_basic(estimate: f64, replicates: &[f64]) -> ([f64; 2], [f64; 2]) {
    let ordered = sorted(replicates);
    let p = [0.025, 0.975].map(|q| quantile_sorted(&ordered, q));
    (p, [2.0 * estimate - p[1], 2.0 * estimate - p[0]])
}

/// Standard error: the standard deviation of the replicates.
pub fn standard_error(replicates: &[f64]) -> f64 {
    let m = mean(replicates);
    let squares: f64 = replicates.iter().map(|v| (v - m).powi(2)).sum();
    (squares / (replicates.len() as f64 - 1.0)).sqrt()
}

/// BCa intervals of several statistics of the same items at once.
///
/// `group[i]` is the group of item i (items that any statistic sees alike share one), `groups` their number; `statistic` gets how often
/// each group was drawn and answers `N` values, `None` where undefined. Resamples (or items left out) without a value
/// are left out; with fewer than half left there is no interval. Sample b of `seed` is the same whatever the number of
/// threads.
pub fn intervals<const N: usize>(
    group: &[u32],
    groups: usize,
    samples: usize,
    seed: u64,
    statistic: impl Fn(&[f64]) -> [Option<f64>; N] + Sync,
) -> [Option<[f64; 2]>; N] {
    // One item alone is drawn again and again: that says nothing of others.
    if group.len() < 2 || samples == 0 {
        return [None; N];
    }
    let mut full = vec![0.0; groups];
    for &g in group {
        full[g as usize] += 1.0;
    }
    let estimates = statistic(&full);
    let replicates: Vec<[Option<f64>; N]> = (0..samples)
        .into_par_iter()
        .map_init(
            || vec![0.0; groups],
            |drawn, b| {
                drawn.fill(0.0);
                let mut random = SplitMix::new(seed, b as u64);
                for _ in 0..group.len() {
                    drawn[group[random.below(group.len())] as usize] += 1.0;
                }
                statistic(drawn)
            },
        )
        .collect();
    let jackknife: Vec<([Option<f64>; N], f64)> = (0..groups)
        .into_par_iter()
        .filter(|&g| full[g] > 0.0)
        .map_init(
            || full.clone(),
            |left, g| {
                left[g] -= 1.0;
                let values = statistic(left);
                left[g] += 1.0;
                (values, full[g])
            },
        )
        .collect();
    std::array::from_fn(|k| {
        let estimate = estimates[k]?;
        let defined: Vec<f64> = replicates.iter().filter_map(|r| r[k]).collect();
        if (defined.len() as f64) < LEAST_DEFINED * samples as f64 {
            return None;
        }
        let jackknife: Vec<(f64, f64)> = jackknife.iter().filter_map(|(v, w)| Some((v[k]?, *w))).collect();
        bca(estimate, &defined, &jackknife).map(|b| b.interval)
    })
}
