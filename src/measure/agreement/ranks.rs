//! Agreement of rankings.

use super::marginals::ChiSquare;
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::stats::ranks;

/// Kendall's W (Kendall and Babington Smith 1939) of m complete rankings of n items, corrected for ties, and
/// Friedman's χ² = m(n−1)W. `readers[r][i]` is reader r's value for item i.
///
/// Undefined for fewer than two readers or items, or where every reader ties everything.
pub fn kendall_w(readers: &[Vec<f64>]) -> (Estimate, Option<ChiSquare>) {
    let m = readers.len() as f64;
    let n = readers.first().map_or(0, Vec::len);
    if readers.len() < 2 || n < 2 || readers.iter().any(|r| r.len() != n) {
        return (Estimate::undefined(Reason::TOO_FEW, n), None);
    }
    let items = n as f64;
    let mut sums = vec![0.0; n];
    let mut ties = 0.0;
    for reader in readers {
        let ranked = ranks(reader);
        for (sum, rank) in sums.iter_mut().zip(&ranked) {
            *sum += rank;
        }
        let mut ordered = ranked;
        ordered.sort_unstable_by(f64::total_cmp);
        ties +=
            ordered.chunk_by(|a, b| a == b).map(|t| (t.len() as f64).powi(3) - t.len() as f64).sum::<f64>();
    }
    let mean = m * (items + 1.0) / 2.0;
    let spread: f64 = sums.iter().map(|s| (s - mean).powi(2)).sum();
    let most = m * m * (items.powi(3) - items) - m * ties;
    if most <= 0.0 {
        return (Estimate::undefined(Reason::NO_VARIATION, n), None);
    }
    let w = 12.0 * spread / most;
    (Estimate::new(w, n), Some(ChiSquare::new(m * (items - 1.0) * w, items - 1.0)))
}
