//! Is it the reader, the guideline, the scanner mix or the case mix?

use crate::measure::linear;
use crate::measure::special::t_two_sided;

/// Change of a rate split into what the mix of strata and what the strata themselves contribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    /// Rate now minus rate in the reference.
    pub total: f64,
    /// Part due to another mix of strata.
    pub mix: f64,
    /// Part due to other rates within strata.
    pub within: f64,
    /// The mix part by stratum.
    pub mix_by_stratum: Vec<f64>,
    /// The within part by stratum.
    pub within_by_stratum: Vec<f64>,
}

/// (events, items) of a stratum.
pub type Count = (f64, f64);

/// Symmetric two-part decomposition (Kitagawa 1955, JASA 50:1168); the parts sum to the total exactly.
///
/// A stratum without items on one side takes the other side's rate there, so that its change counts as mix. `None` where a side
/// has no items.
pub fn kitagawa(reference: &[Count], current: &[Count]) -> Option<Decomposition> {
    let items = |side: &[Count]| side.iter().map(|c| c.1).sum::<f64>();
    let (n, m) = (items(reference), items(current));
    if n == 0.0 || m == 0.0 || reference.len() != current.len() {
        return None;
    }
    let (mut mix_by_stratum, mut within_by_stratum) = (Vec::new(), Vec::new());
    for (&(e, k), &(f, l)) in reference.iter().zip(current) {
        let (weight_a, weight_b) = (k / n, l / m);
        let (rate_a, rate_b) = match (k > 0.0, l > 0.0) {
            (true, true) => (e / k, f / l),
            (true, false) => (e / k, e / k),
            (false, true) => (f / l, f / l),
            (false, false) => (0.0, 0.0),
        };
        mix_by_stratum.push((weight_b - weight_a) * f64::midpoint(rate_a, rate_b));
        within_by_stratum.push((rate_b - rate_a) * f64::midpoint(weight_a, weight_b));
    }
    let events = |side: &[Count]| side.iter().map(|c| c.0).sum::<f64>();
    Some(Decomposition {
        total: events(current) / m - events(reference) / n,
        mix: mix_by_stratum.iter().sum(),
        within: within_by_stratum.iter().sum(),
        mix_by_stratum,
        within_by_stratum,
    })
}

/// Common odds ratio of an event now against the reference over strata (Mantel and Haenszel 1959). `None` where no
/// stratum compares.
pub fn mantel_haenszel(reference: &[Count], current: &[Count]) -> Option<f64> {
    let (mut up, mut down) = (0.0, 0.0);
    for (&(e, k), &(f, l)) in reference.iter().zip(current) {
        if k + l > 0.0 {
            up += f * (k - e) / (k + l);
            down += e * (l - f) / (k + l);
        }
    }
    (down > 0.0).then(|| up / down)
}

/// Prevalences of a new batch from posteriors calibrated on a reference with other prevalences, by EM (Saerens, Latinne
/// and Decaestecker 2002, Neural Comput 14:21), until no share moves by 1e-12.
pub fn prevalence_em(reference_prior: &[f64], posteriors: &[Vec<f64>]) -> Vec<f64> {
    let mut prior = reference_prior.to_vec();
    for _ in 0..2000 {
        let mut next = vec![0.0; prior.len()];
        for row in posteriors {
            let weighted: Vec<f64> =
                row.iter().zip(&prior).zip(reference_prior).map(|((p, q), r)| p * q / r).collect();
            let sum: f64 = weighted.iter().sum();
            if sum > 0.0 {
                next.iter_mut().zip(&weighted).for_each(|(n, w)| *n += w / sum / posteriors.len() as f64);
            }
        }
        let moved = next.iter().zip(&prior).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
        prior = next;
        if moved < 1e-12 {
            break;
        }
    }
    prior
}

/// One factor's part in a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The factor, by its position in the columns.
    pub factor: usize,
    /// Effect on the metric, all other factors held.
    pub estimate: f64,
    /// Standard error.
    pub se: f64,
    /// Two-sided p from t.
    pub p: f64,
}

/// Least squares of a metric on factors (columns of numbers, 0/1 for "after the guideline changed", "this reader after
/// that day", scanner, …) with an intercept: the effect of each with the others held. `None` where the factors cannot
/// be told apart (a guideline that came on the day the scanner changed) or there are too few rows.
pub fn adjusted_effects(metric: &[f64], factors: &[Vec<f64>]) -> Option<Vec<Effect>> {
    let (n, p) = (metric.len(), factors.len() + 1);
    if n <= p || factors.iter().any(|f| f.len() != n) {
        return None;
    }
    let column = |k: usize, row: usize| if k == 0 { 1.0 } else { factors[k - 1][row] };
    let mut square = vec![0.0; p * p];
    let mut right = vec![0.0; p];
    for (row, y) in metric.iter().enumerate() {
        for a in 0..p {
            right[a] += column(a, row) * y;
            for b in 0..p {
                square[a * p + b] += column(a, row) * column(b, row);
            }
        }
    }
    let inverse = linear::inverse(&square, p)?;
    let beta: Vec<f64> = (0..p).map(|a| (0..p).map(|b| inverse[a * p + b] * right[b]).sum()).collect();
    let residual: f64 = metric
        .iter()
        .enumerate()
        .map(|(row, y)| (y - (0..p).map(|k| beta[k] * column(k, row)).sum::<f64>()).powi(2))
        .sum();
    let df = (n - p) as f64;
    let effects = (1..p).map(|k| {
        let se = (residual / df * inverse[k * p + k]).sqrt();
        Effect { factor: k - 1, estimate: beta[k], se, p: t_two_sided(beta[k] / se, df) }
    });
    Some(effects.collect())
}
