//! Shewhart charts: limits at three standard deviations, and rules for runs.
//!
//! Sources: Montgomery 2013; Laney 2002, Qual Eng 14:531 (p′); Nelson 1984, J Qual Technol 16:237 (rules); Benneyan
//! 2001 (g). The centre comes from the baseline points alone; a point on a limit is in control.

use crate::measure::stats::mean;

/// Mean of the range of two normal values, in standard deviations (d₂ for n = 2).
const D2: f64 = 1.128;
/// Upper limit of the moving range, in mean moving ranges (D₄ for n = 2).
const D4: f64 = 3.267;

/// A chart of proportions with its own limits for every point.
#[derive(Debug, Clone, PartialEq)]
pub struct PChart {
    /// Proportion of the baseline.
    pub centre: f64,
    /// Lower limits, not below 0.
    pub lower: Vec<f64>,
    /// Upper limits, not above 1.
    pub upper: Vec<f64>,
    /// Points in standard deviations from the centre.
    pub z: Vec<f64>,
    /// Points beyond a limit.
    pub signals: Vec<usize>,
    /// Laney's σz: how much more the baseline varies than binomially; `None` with fewer than two baseline points.
    pub sigma_z: Option<f64>,
    /// Laney's lower limits.
    pub laney_lower: Vec<f64>,
    /// Laney's upper limits.
    pub laney_upper: Vec<f64>,
}

/// p- and Laney p′-chart of `bad` among `inspected` per point; `None` where the baseline inspected nothing.
pub fn p_chart(bad: &[u64], inspected: &[u64], baseline: usize) -> Option<PChart> {
    let sum = |v: &[u64]| v.iter().take(baseline).sum::<u64>() as f64;
    let all = sum(inspected);
    if all == 0.0 {
        return None;
    }
    let centre = sum(bad) / all;
    let share: Vec<f64> = bad.iter().zip(inspected).map(|(b, n)| *b as f64 / *n as f64).collect();
    let sigma: Vec<f64> = inspected.iter().map(|n| (centre * (1.0 - centre) / *n as f64).sqrt()).collect();
    let z: Vec<f64> = share.iter().zip(&sigma).map(|(p, s)| (p - centre) / s).collect();
    let lower = |factor: f64| sigma.iter().map(|s| (centre - 3.0 * s * factor).max(0.0)).collect::<Vec<_>>();
    let upper = |factor: f64| sigma.iter().map(|s| (centre + 3.0 * s * factor).min(1.0)).collect::<Vec<_>>();
    let sigma_z = (baseline >= 2).then(|| moving_range(&z[..baseline.min(z.len())]) / D2);
    let (low, high) = (lower(1.0), upper(1.0));
    let signals = (0..share.len()).filter(|&i| share[i] < low[i] || share[i] > high[i]).collect();
    let factor = sigma_z.unwrap_or(1.0);
    Some(PChart {
        centre,
        lower: low,
        upper: high,
        z,
        signals,
        sigma_z,
        laney_lower: lower(factor),
        laney_upper: upper(factor),
    })
}

/// Mean absolute difference of neighbours.
fn moving_range(values: &[f64]) -> f64 {
    mean(&values.windows(2).map(|w| (w[1] - w[0]).abs()).collect::<Vec<_>>())
}

/// Chart of individual values with limits from the moving range.
#[derive(Debug, Clone, PartialEq)]
pub struct Individuals {
    /// Mean of the baseline.
    pub centre: f64,
    /// Mean moving range of the baseline.
    pub moving_range: f64,
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
    /// Upper limit of the moving range.
    pub range_upper: f64,
    /// Points in estimated standard deviations from the centre.
    pub z: Vec<f64>,
    /// Points beyond a limit.
    pub signals: Vec<usize>,
}

/// x-chart (individuals) with a baseline of the first points; `None` with fewer than two or without variation.
pub fn individuals(values: &[f64], baseline: usize) -> Option<Individuals> {
    let base = values.get(..baseline.min(values.len())).filter(|b| b.len() >= 2)?;
    let (centre, moving) = (mean(base), moving_range(base));
    let sigma = moving / D2;
    if sigma == 0.0 {
        return None;
    }
    let z: Vec<f64> = values.iter().map(|v| (v - centre) / sigma).collect();
    let signals = (0..z.len()).filter(|&i| z[i].abs() > 3.0).collect();
    Some(Individuals {
        centre,
        moving_range: moving,
        lower: centre - 3.0 * sigma,
        upper: centre + 3.0 * sigma,
        range_upper: D4 * moving,
        z,
        signals,
    })
}

/// Centre and limits of items between rare events (g-chart, three standard deviations of the geometric distribution;
/// the lower one not below 0).
pub fn g_chart(items_between: &[f64]) -> (f64, f64, f64) {
    let centre = mean(items_between);
    let sigma = (centre * (centre + 1.0)).sqrt();
    (centre, (centre - 3.0 * sigma).max(0.0), centre + 3.0 * sigma)
}

/// Points that complete a run of `length` on one side of the centre (Nelson's rule 2 for nine); once per run, a point
/// on the centre breaks it.
pub fn nelson_run(z: &[f64], length: usize) -> Vec<usize> {
    let (mut found, mut side, mut run) = (Vec::new(), 0.0, 0);
    for (i, v) in z.iter().enumerate() {
        let s = if *v == 0.0 { 0.0 } else { v.signum() };
        run = if s == 0.0 {
            0
        } else if s == side {
            run + 1
        } else {
            1
        };
        side = s;
        if run == length {
            found.push(i);
        }
    }
    found
}

/// Points beyond `zone` standard deviations that are the k-th of the last m on that side (rules 5 and 6: 2 of 3
/// beyond 2, 4 of 5 beyond 1).
pub fn nelson_zone(z: &[f64], k: usize, m: usize, zone: f64) -> Vec<usize> {
    (0..z.len())
        .filter(|&i| {
            let window = &z[(i + 1).saturating_sub(m)..=i];
            [1.0, -1.0]
                .iter()
                .any(|s| s * z[i] > zone && window.iter().filter(|v| *s * **v > zone).count() >= k)
        })
        .collect()
}
