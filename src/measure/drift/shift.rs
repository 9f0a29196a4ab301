//! How far the distribution of current values has moved from that of a reference window.

use crate::measure::agreement::marginals::ChiSquare;
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::special::{chi2_sf, kolmogorov_sf, ln_gamma};
use crate::measure::stats::{quantile_sorted, sorted};

/// What an empty share counts as in the population stability index.
const EMPTY_SHARE: f64 = 1e-4;
/// Up to this many values a side Kolmogorov–Smirnov is exact.
const EXACT_UP_TO: usize = 10_000;

/// Bins of the reference's deciles.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// Upper edges of all bins but the last, ascending.
    pub inner_edges: Vec<f64>,
}

impl Bins {
    /// Type-7 quantiles at 0, 0.1 … 1 of the reference, duplicates removed, the first and last opened to infinity.
    /// `None` where fewer than two different edges remain.
    pub fn of(reference: &[f64]) -> Option<Self> {
        let ordered = sorted(reference);
        let mut edges: Vec<f64> = (0..=10)
            .map(|k| quantile_sorted(&ordered, f64::from(k) / 10.0))
            .filter(|e| !e.is_nan())
            .collect();
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        (edges.len() >= 2).then(|| Self { inner_edges: edges[1..edges.len() - 1].to_vec() })
    }

    /// How many values fall in each bin: the first whose upper edge is ≥ the value.
    pub fn counts(&self, values: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; self.inner_edges.len() + 1];
        for v in values {
            counts[self.inner_edges.partition_point(|e| e < v)] += 1.0;
        }
        counts
    }
}

fn shares(counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    counts.iter().map(|c| c / total).collect()
}

/// Population stability index Σ (q−p) ln(q/p) of two lists of counts (Siddiqi 2006; a symmetrised Kullback–Leibler
/// divergence): natural logarithm, an empty share counts as 1e-4 and is not renormalised.
pub fn psi(reference: &[f64], current: &[f64]) -> f64 {
    let floor = |s: f64| if s == 0.0 { EMPTY_SHARE } else { s };
    shares(reference)
        .into_iter()
        .zip(shares(current))
        .map(|(p, q)| (floor(p), floor(q)))
        .map(|(p, q)| (q - p) * (q / p).ln())
        .sum()
}

/// Jensen–Shannon divergence (Lin 1991) of two lists of counts, in nats, without a floor; at most ln 2.
pub fn jensen_shannon(reference: &[f64], current: &[f64]) -> f64 {
    let part = |p: f64, m: f64| if p > 0.0 { p * (p / m).ln() } else { 0.0 };
    let sum: f64 = shares(reference)
        .into_iter()
        .zip(shares(current))
        .map(|(p, q)| {
            let m = f64::midpoint(p, q);
            part(p, m) + part(q, m)
        })
        .sum();
    (sum / 2.0).max(0.0)
}

/// Total variation distance of two lists of counts.
pub fn total_variation(reference: &[f64], current: &[f64]) -> f64 {
    shares(reference).iter().zip(shares(current)).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0
}

/// Hellinger distance of two lists of counts.
pub fn hellinger(reference: &[f64], current: &[f64]) -> f64 {
    let sum: f64 =
        shares(reference).iter().zip(shares(current)).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum();
    (sum / 2.0).sqrt()
}

/// Pearson's χ² of homogeneity without continuity correction, G (likelihood ratio) and Cramér's V of two lists of
/// counts; categories that are empty in both are dropped. `None` with fewer than two categories or an empty side.
pub fn chi_square(reference: &[f64], current: &[f64]) -> Option<(ChiSquare, ChiSquare, f64)> {
    let used: Vec<(f64, f64)> =
        reference.iter().copied().zip(current.iter().copied()).filter(|(p, q)| p + q > 0.0).collect();
    let (n, m) = used.iter().fold((0.0, 0.0), |(n, m), (p, q)| (n + p, m + q));
    if used.len() < 2 || n == 0.0 || m == 0.0 {
        return None;
    }
    let (mut x2, mut g) = (0.0, 0.0);
    for (p, q) in &used {
        for (seen, side) in [(p, n), (q, m)] {
            let expected = (p + q) * side / (n + m);
            x2 += (seen - expected).powi(2) / expected;
            if *seen > 0.0 {
                g += 2.0 * seen * (seen / expected).ln();
            }
        }
    }
    let df = (used.len() - 1) as f64;
    let g = ChiSquare { statistic: g, df, p: chi2_sf(g.max(0.0), df) };
    Some((ChiSquare::new(x2, df), g, (x2 / (n + m)).sqrt()))
}

/// Fisher's exact test of a 2 × 2 table of counts, two-sided by adding all tables no likelier than the one seen.
///
/// Every table follows from the likeliest by ratios, so that it costs as much as there are tables.
pub fn fisher_exact(table: [[u64; 2]; 2]) -> f64 {
    let [[a, b], [c, d]] = table;
    let (lot, bad, draws) = (a + b + c + d, a + c, a + b);
    let (low, high) = (draws.saturating_sub(lot - bad), bad.min(draws));
    let likeliest = ((draws + 1) * (bad + 1) / (lot + 2)).clamp(low, high);
    // Chance of k + 1 over chance of k.
    let ratio = |k: u64| {
        (bad - k) as f64 * (draws - k) as f64 / ((k + 1) as f64 * (lot + k + 1 - bad - draws) as f64)
    };
    let peak = crate::measure::special::hypergeometric_pmf(likeliest, lot, bad, draws);
    let mut chances = vec![peak; (high - low + 1) as usize];
    for k in likeliest..high {
        chances[(k + 1 - low) as usize] = chances[(k - low) as usize] * ratio(k);
    }
    for k in (low..likeliest).rev() {
        chances[(k - low) as usize] = chances[(k + 1 - low) as usize] / ratio(k);
    }
    let seen = chances[(a - low) as usize] * (1.0 + 1e-7);
    chances.into_iter().filter(|p| *p <= seen).sum::<f64>().min(1.0)
}

/// Two-sided Kolmogorov–Smirnov statistic of two samples: the largest gap between their distribution functions.
pub fn ks_statistic(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as i128, b.len() as i128);
    ks_steps(a, b) as f64 / (n * m) as f64
}

/// The largest gap in units of 1/(n m), in whole numbers so that ties are exact.
fn ks_steps(a: &[f64], b: &[f64]) -> i128 {
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as i128, b.len() as i128);
    let (mut i, mut j, mut most) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let x = a[i].min(b[j]);
        while i < a.len() && a[i] == x {
            i += 1;
        }
        while j < b.len() && b[j] == x {
            j += 1;
        }
        most = most.max((i as i128 * m - j as i128 * n).abs());
    }
    most
}

/// P of a gap at least as large under the same distribution: exact as if without ties up to 10,000 values a side
/// (Hodges 1958, by counting lattice paths from the outside, so that small values keep their digits), else
/// Kolmogorov's limit.
pub fn ks_p(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len(), b.len());
    let steps = ks_steps(a, b);
    if n.max(m) > EXACT_UP_TO {
        let d = steps as f64 / (n as f64 * m as f64);
        return kolmogorov_sf((n as f64 * m as f64 / (n + m) as f64).sqrt() * d);
    }
    if steps == 0 {
        return 1.0;
    }
    // touched[j]: share of the lattice paths to (i, j) that have been at least `steps` from the diagonal.
    let (n, m, steps) = (n as i64, m as i64, steps as i64);
    let outside = |i: i64, j: i64| (i * m - j * n).abs() >= steps;
    let mut touched = vec![0.0; m as usize + 1];
    for j in 1..=m {
        touched[j as usize] = if outside(0, j) { 1.0 } else { touched[j as usize - 1] };
    }
    for i in 1..=n {
        touched[0] = if outside(i, 0) { 1.0 } else { touched[0] };
        for j in 1..=m {
            let at = j as usize;
            touched[at] = if outside(i, j) {
                1.0
            } else {
                (i as f64 * touched[at] + j as f64 * touched[at - 1]) / (i + j) as f64
            };
        }
    }
    touched[m as usize].min(1.0)
}

/// First Wasserstein distance of two samples: the area between their distribution functions.
pub fn wasserstein(a: &[f64], b: &[f64]) -> f64 {
    between_distributions(a, b, f64::abs)
}

/// Energy distance (Székely and Rizzo 2013): √(2 ∫ (F−G)²).
pub fn energy(a: &[f64], b: &[f64]) -> f64 {
    (2.0 * between_distributions(a, b, |d| d * d)).sqrt()
}

fn between_distributions(a: &[f64], b: &[f64], cost: impl Fn(f64) -> f64) -> f64 {
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    let mut previous: Option<f64> = None;
    while i < a.len() || j < b.len() {
        let x = match (a.get(i), b.get(j)) {
            (Some(p), Some(q)) => p.min(*q),
            (Some(p), None) => *p,
            (None, Some(q)) => *q,
            (None, None) => break,
        };
        if let Some(before) = previous {
            area += cost(i as f64 / n - j as f64 / m) * (x - before);
        }
        while a.get(i) == Some(&x) {
            i += 1;
        }
        while b.get(j) == Some(&x) {
            j += 1;
        }
        previous = Some(x);
    }
    area
}

/// Everything the command line says about a shift, each with its reason where undefined. `n` is the number of
/// current values.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Population stability index.
    pub psi: Estimate,
    /// Kolmogorov–Smirnov statistic.
    pub ks: Estimate,
    /// Its p-value.
    pub ks_p: Estimate,
    /// Jensen–Shannon divergence over the same bins, nats.
    pub js: Estimate,
    /// First Wasserstein distance, in the unit of the values.
    pub wasserstein: Estimate,
}

/// Compares `current` with `reference`.
pub fn shift(reference: &[f64], current: &[f64]) -> Shift {
    let n = current.len();
    if reference.is_empty() || current.is_empty() {
        let reason = if reference.is_empty() { Reason("no reference rows") } else { Reason::NO_CURRENT };
        let none = Estimate::undefined(reason, n);
        return Shift {
            psi: none.clone(),
            ks: none.clone(),
            ks_p: none.clone(),
            js: none.clone(),
            wasserstein: none,
        };
    }
    let bins = Bins::of(reference).map(|bins| (bins.counts(reference), bins.counts(current)));
    let binned = |measure: fn(&[f64], &[f64]) -> f64| match &bins {
        Some((p, q)) => Estimate::new(measure(p, q), n),
        None => Estimate::undefined(Reason::REFERENCE_CONSTANT, n),
    };
    Shift {
        psi: binned(psi),
        ks: Estimate::new(ks_statistic(reference, current), n),
        ks_p: Estimate::new(ks_p(reference, current), n),
        js: binned(jensen_shannon),
        wasserstein: Estimate::new(wasserstein(reference, current), n),
    }
}

/// Cramér–von Mises statistic of two samples and its limit p-value (Anderson 1962; Csörgő and Faraway 1996 for the
/// limit distribution).
pub fn cramer_von_mises(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (a, b) = (sorted(a), sorted(b));
    let (n, m) = (a.len() as f64, b.len() as f64);
    let pooled: Vec<f64> = a.iter().chain(&b).copied().collect();
    let ranked = crate::measure::stats::ranks(&pooled);
    let part =
        |ranks: &[f64]| -> f64 { ranks.iter().enumerate().map(|(i, r)| (r - (i + 1) as f64).powi(2)).sum() };
    let u = n * part(&ranked[..a.len()]) + m * part(&ranked[a.len()..]);
    let (k, all) = (n * m, n + m);
    let statistic = u / (k * all) - (4.0 * k - 1.0) / (6.0 * all);
    let expected = (1.0 + 1.0 / all) / 6.0;
    let variance =
        (all + 1.0) * (4.0 * k * all - 3.0 * (n * n + m * m) - 2.0 * k) / (45.0 * all * all * 4.0 * k);
    let scaled = 1.0 / 6.0 + (statistic - expected) / (45.0 * variance).sqrt();
    (statistic, cvm_limit_sf(scaled))
}

/// P(W² > x) of the Cramér–von Mises limit distribution, by the series of Anderson and Darling 1952 with K₁⸝₄ by
/// quadrature.
fn cvm_limit_sf(x: f64) -> f64 {
    if x <= 0.003 {
        return 1.0;
    }
    let mut cdf = 0.0;
    for k in 0..20 {
        let k_ = f64::from(k);
        let y = 4.0 * k_ + 1.0;
        let q = y * y / (16.0 * x);
        let ln_term = ln_gamma(k_ + 0.5) - ln_gamma(k_ + 1.0);
        let term =
            ln_term.exp() / (std::f64::consts::PI.powf(1.5) * x.sqrt()) * y.sqrt() * scaled_bessel_k(0.25, q);
        cdf += term * (-2.0 * q).exp();
        if (-2.0 * q).exp() < 1e-18 {
            break;
        }
    }
    (1.0 - cdf).clamp(0.0, 1.0)
}

/// e^z K_ν(z) by the trapezoidal rule on ∫ exp(z − z cosh t) cosh νt dt, which converges geometrically.
fn scaled_bessel_k(nu: f64, z: f64) -> f64 {
    let step = 0.01;
    let at = |t: f64| (-z * (t.cosh() - 1.0)).exp() * (nu * t).cosh();
    let mut sum = 0.5;
    for i in 1..3000 {
        let v = at(f64::from(i) * step);
        sum += v;
        if v < 1e-18 {
            break;
        }
    }
    sum * step
}

/// Maximum mean discrepancy (Gretton et al. 2012) with a Gaussian kernel of the median distance of the pooled
/// sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mmd {
    /// Width of the kernel.
    pub sigma: f64,
    /// Squared discrepancy, biased estimate (never below 0).
    pub biased: f64,
    /// Squared discrepancy, unbiased estimate.
    pub unbiased: f64,
}

/// MMD² of two samples of numbers; `None` where a side has fewer than two or the median distance is 0. O((n+m)²).
pub fn mmd(a: &[f64], b: &[f64]) -> Option<Mmd> {
    let pooled: Vec<f64> = a.iter().chain(b).copied().collect();
    let mut distances = Vec::new();
    for i in 0..pooled.len() {
        distances.extend((0..i).map(|j| (pooled[i] - pooled[j]).abs()));
    }
    let sigma = crate::measure::stats::median(&distances);
    if a.len() < 2 || b.len() < 2 || sigma.is_nan() || sigma <= 0.0 {
        return None;
    }
    let kernel = |x: f64, y: f64| (-(x - y).powi(2) / (2.0 * sigma * sigma)).exp();
    let sum =
        |p: &[f64], q: &[f64]| p.iter().map(|x| q.iter().map(|y| kernel(*x, *y)).sum::<f64>()).sum::<f64>();
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (aa, bb, ab) = (sum(a, a), sum(b, b), sum(a, b));
    let cross = 2.0 * ab / (n * m);
    Some(Mmd {
        sigma,
        biased: aa / (n * n) + bb / (m * m) - cross,
        unbiased: (aa - n) / (n * (n - 1.0)) + (bb - m) / (m * (m - 1.0)) - cross,
    })
}
