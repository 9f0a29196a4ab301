//! Is there a slope?

use crate::measure::special::{erfc, normal_cdf};
use crate::measure::stats::median;

/// Mann–Kendall test (Mann 1945, Kendall 1975) and Sen's slope (Sen 1968).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Rising minus falling pairs.
    pub s: f64,
    /// Normal score with continuity correction and the variance corrected for ties.
    pub z: f64,
    /// Two-sided p.
    pub p: f64,
    /// Median of the slopes of all pairs, per step.
    pub slope: f64,
}

/// Trend of values in order; `None` for fewer than three or where all are alike. O(n²).
pub fn mann_kendall(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < 3 {
        return None;
    }
    let mut s = 0.0;
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for i in 0..n {
        for j in 0..i {
            let d = values[i] - values[j];
            s += if d > 0.0 {
                1.0
            } else if d < 0.0 {
                -1.0
            } else {
                0.0
            };
            slopes.push(d / (i - j) as f64);
        }
    }
    let count = n as f64;
    let mut ordered = values.to_vec();
    ordered.sort_unstable_by(f64::total_cmp);
    let ties: f64 = ordered
        .chunk_by(|a, b| a == b)
        .map(|t| t.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    let variance = (count * (count - 1.0) * (2.0 * count + 5.0) - ties) / 18.0;
    if variance <= 0.0 {
        return None;
    }
    let corrected = if s > 0.0 {
        s - 1.0
    } else if s < 0.0 {
        s + 1.0
    } else {
        0.0
    };
    let z = corrected / variance.sqrt();
    Some(Trend { s, z, p: erfc(z.abs() / std::f64::consts::SQRT_2), slope: median(&slopes) })
}

/// Mann–Whitney U of the first sample, its two-sided p (normal, corrected for ties and continuity) and Cliff's δ of the
/// second against the first; `None` where either is empty or all values are alike.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<(f64, f64, f64)> {
    let (n, m) = (first.len() as f64, second.len() as f64);
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let (one, other) = (ordered(first), ordered(second));
    let (mut a, mut b, mut ranks, mut ties) = (0, 0, 0.0, 0.0);
    while let Some(&next) = one.get(a).into_iter().chain(other.get(b)).min() {
        let alike = |sorted: &[u64], from: usize| sorted[from..].iter().take_while(|k| **k == next).count();
        let (p, q) = (alike(&one, a), alike(&other, b));
        let tie = (p + q) as f64;
        // Ties share the mean of their ranks, which count from 1.
        ranks += p as f64 * ((a + b) as f64 + f64::midpoint(tie, 1.0));
        ties += tie.powi(3) - tie;
        (a, b) = (a + p, b + q);
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let all = n + m;
    let variance = n * m / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        return None;
    }
    let larger = u.max(n * m - u);
    let z = (larger - n * m / 2.0 - 0.5) / variance.sqrt();
    Some((u, (2.0 * normal_cdf(-z)).min(1.0), 1.0 - 2.0 * u / (n * m)))
}

/// Numbers as whole numbers in the same order, sorted; −0 is 0.
fn ordered(values: &[f64]) -> Vec<u64> {
    let key = |v: &f64| {
        let bits = (v + 0.0).to_bits();
        if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits }
    };
    let mut keys: Vec<u64> = values.iter().map(key).collect();
    keys.sort_unstable();
    keys
}
