//! Two measurements of the same things: Bland–Altman limits, and correlation coefficients.

use crate::measure::special::{Z975, t_quantile, t_two_sided};
use crate::measure::stats::{deviation, mean, ranks};

/// Agreement of two methods (Bland and Altman 1999, Stat Methods Med Res 8:135). Differences are second − first.
#[derive(Debug, Clone, PartialEq)]
pub struct BlandAltman {
    /// Pairs used.
    pub n: usize,
    /// Mean difference.
    pub bias: f64,
    /// Standard deviation of the differences (n − 1).
    pub sd: f64,
    /// 95 % interval of the bias, t(n−1).
    pub bias_ci95: [f64; 2],
    /// Limits of agreement, bias ± 1.96 sd.
    pub limits: [f64; 2],
    /// 95 % interval of the lower limit (the approximation of 1999, t(n−1)).
    pub lower_ci95: [f64; 2],
    /// 95 % interval of the upper limit.
    pub upper_ci95: [f64; 2],
    /// Slope of the difference on the mean: above zero where it grows with size.
    pub proportional_slope: Option<f64>,
    /// P of that slope being zero.
    pub proportional_p: Option<f64>,
    /// 1.96 √2 times the within-subject standard deviation (sd/√2).
    pub repeatability: f64,
}

/// Bland–Altman analysis; `None` for fewer than two pairs or slices of different length.
pub fn bland_altman(first: &[f64], second: &[f64]) -> Option<BlandAltman> {
    let n = first.len();
    if n < 2 || second.len() != n {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| b - a).collect();
    let means: Vec<f64> = first.iter().zip(second).map(|(a, b)| f64::midpoint(*a, *b)).collect();
    let (bias, sd) = (mean(&differences), deviation(&differences));
    let count = n as f64;
    let t = t_quantile(0.975, count - 1.0);
    let half_bias = t * sd / count.sqrt();
    let half_limit = t * (1.0 / count + Z975 * Z975 / (2.0 * (count - 1.0))).sqrt() * sd;
    let limits = [bias - Z975 * sd, bias + Z975 * sd];
    let around = |x: f64, half: f64| [x - half, x + half];
    let line = regression(&means, &differences);
    Some(BlandAltman {
        n,
        bias,
        sd,
        bias_ci95: around(bias, half_bias),
        limits,
        lower_ci95: around(limits[0], half_limit),
        upper_ci95: around(limits[1], half_limit),
        proportional_slope: line.map(|l| l.0),
        proportional_p: line.and_then(|l| l.1),
        repeatability: Z975 * sd,
    })
}

/// Slope of y on x and its two-sided p; `None` where x does not vary.
fn regression(x: &[f64], y: &[f64]) -> Option<(f64, Option<f64>)> {
    let (sxx, syy, sxy) = moments(x, y);
    if sxx == 0.0 {
        return None;
    }
    let df = x.len() as f64 - 2.0;
    let slope = sxy / sxx;
    let r = sxy / (sxx * syy).sqrt();
    let t = r * (df / ((1.0 - r) * (1.0 + r))).sqrt();
    Some((slope, (df > 0.0 && t.is_finite()).then(|| t_two_sided(t, df))))
}

fn moments(x: &[f64], y: &[f64]) -> (f64, f64, f64) {
    let (mx, my) = (mean(x), mean(y));
    x.iter().zip(y).fold((0.0, 0.0, 0.0), |(xx, yy, xy), (a, b)| {
        let (a, b) = (a - mx, b - my);
        (xx + a * a, yy + b * b, xy + a * b)
    })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Lin's concordance correlation (Lin 1989, Biometrics 45:255) with variances over n.
pub fn concordance(first: &[f64], second: &[f64]) -> Option<f64> {
    let (xx, yy, xy) = moments(first, second);
    let n = first.len() as f64;
    finite(2.0 * xy / (xx + yy + n * (mean(first) - mean(second)).powi(2)))
}

/// Pearson's correlation; undefined where either does not vary.
pub fn pearson(first: &[f64], second: &[f64]) -> Option<f64> {
    let (xx, yy, xy) = moments(first, second);
    finite(xy / (xx * yy).sqrt())
}

/// Spearman's rank correlation, ties sharing their mean rank.
pub fn spearman(first: &[f64], second: &[f64]) -> Option<f64> {
    pearson(&ranks(first), &ranks(second))
}

/// Kendall's τ-b (Kendall 1945), corrected for ties; O(n²).
pub fn kendall_tau_b(first: &[f64], second: &[f64]) -> Option<f64> {
    let (mut score, mut free_x, mut free_y) = (0.0, 0.0, 0.0);
    for i in 0..first.len() {
        for j in 0..i {
            let x = (first[i] - first[j]).partial_cmp(&0.0).map_or(0.0, |o| f64::from(o as i8));
            let y = (second[i] - second[j]).partial_cmp(&0.0).map_or(0.0, |o| f64::from(o as i8));
            score += x * y;
            free_x += x * x;
            free_y += y * y;
        }
    }
    finite(score / f64::sqrt(free_x * free_y))
}
