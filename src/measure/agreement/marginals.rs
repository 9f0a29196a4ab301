//! Do two (or more) readers use the scale alike? Tests on square tables.

use super::cohen::Table;
use crate::measure::linear;
use crate::measure::special::{binomial_cdf, chi2_sf};

/// A χ² test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// P of a larger one.
    pub p: f64,
}

impl ChiSquare {
    /// The test of this statistic.
    pub fn new(statistic: f64, df: f64) -> Self {
        Self { statistic, df, p: chi2_sf(statistic, df) }
    }
}

/// Bowker's test of symmetry (Bowker 1948); k(k−1)/2 degrees of freedom, empty pairs count nothing.
pub fn bowker(table: &Table) -> ChiSquare {
    let k = table.categories();
    let mut statistic = 0.0;
    for i in 0..k {
        for j in 0..i {
            let (a, b) = (table.at(i, j), table.at(j, i));
            if a + b > 0.0 {
                statistic += (a - b).powi(2) / (a + b);
            }
        }
    }
    ChiSquare::new(statistic, (k * (k - 1) / 2) as f64)
}

/// Stuart–Maxwell test of marginal homogeneity (Stuart 1955, Maxwell 1970) on the categories that either reader used.
/// Undefined with fewer than two of them or a singular covariance.
pub fn stuart_maxwell(table: &Table) -> Option<ChiSquare> {
    let (row, column) = table.margins();
    let used: Vec<usize> = (0..table.categories()).filter(|&i| row[i] + column[i] > 0.0).collect();
    let m = used.len().checked_sub(1).filter(|&m| m > 0)?;
    let d: Vec<f64> = used[..m].iter().map(|&i| row[i] - column[i]).collect();
    let mut covariance = vec![0.0; m * m];
    for (p, &i) in used[..m].iter().enumerate() {
        for (q, &j) in used[..m].iter().enumerate() {
            covariance[p * m + q] = if p == q {
                row[i] + column[i] - 2.0 * table.at(i, i)
            } else {
                -(table.at(i, j) + table.at(j, i))
            };
        }
    }
    let x = linear::solve(covariance, &d)?;
    Some(ChiSquare::new(d.iter().zip(&x).map(|(a, b)| a * b).sum(), m as f64))
}

/// Exact two-sided McNemar test (McNemar 1947) of `b` against `c` discordant pairs; undefined without any.
pub fn mcnemar_exact(b: u64, c: u64) -> Option<f64> {
    (b + c > 0).then(|| (2.0 * binomial_cdf(b.min(c), b + c, 0.5)).min(1.0))
}

/// McNemar's χ² with Edwards' continuity correction; undefined without discordant pairs.
pub fn mcnemar_corrected(b: u64, c: u64) -> Option<ChiSquare> {
    let statistic = (b.abs_diff(c) as f64 - 1.0).powi(2) / (b + c) as f64;
    (b + c > 0).then(|| ChiSquare::new(statistic, 1.0))
}

/// Cochran's Q (Cochran 1950) of complete yes/no ratings, `rows` one item after another with `k` readers.
/// Undefined for one reader or where every item is unanimous.
pub fn cochran_q(rows: &[bool], k: usize) -> Option<ChiSquare> {
    if k < 2 {
        return None;
    }
    let mut column = vec![0.0; k];
    let (mut total, mut squares) = (0.0, 0.0);
    for row in rows.chunks(k) {
        let yes = row.iter().filter(|v| **v).count() as f64;
        total += yes;
        squares += yes * yes;
        for (c, v) in column.iter_mut().zip(row) {
            *c += f64::from(u8::from(*v));
        }
    }
    let k_ = k as f64;
    let below = k_ * total - squares;
    let above = (k_ - 1.0) * (k_ * column.iter().map(|c| c * c).sum::<f64>() - total * total);
    (below > 0.0).then(|| ChiSquare::new(above / below, k_ - 1.0))
}
