//! 95 % intervals of proportions and of their differences.

use crate::measure::special::{Z975, beta_quantile};

/// Wilson's score interval (Wilson 1927, JASA 22:209); stays within 0 and 1. `None` for n = 0 or count > n.
pub fn wilson(count: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 || count > n {
        return None;
    }
    let (p, n_) = (count as f64 / n as f64, n as f64);
    let z2 = Z975 * Z975;
    let centre = (p + z2 / (2.0 * n_)) / (1.0 + z2 / n_);
    let half = Z975 * (p * (1.0 - p) / n_ + z2 / (4.0 * n_ * n_)).sqrt() / (1.0 + z2 / n_);
    let low = if count == 0 { 0.0 } else { centre - half };
    let high = if count == n { 1.0 } else { centre + half };
    Some([low, high])
}

/// Exact interval (Clopper and Pearson 1934).
pub fn clopper_pearson(count: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 || count > n {
        return None;
    }
    let (x, rest) = (count as f64, (n - count) as f64);
    let low = if count == 0 { 0.0 } else { beta_quantile(x, rest + 1.0, 0.025) };
    let high = if count == n { 1.0 } else { beta_quantile(x + 1.0, rest, 0.975) };
    Some([low, high])
}

/// Equal-tailed interval of Jeffreys' prior (Brown, Cai and DasGupta 2001), without special ends.
pub fn jeffreys(count: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 || count > n {
        return None;
    }
    let (a, b) = (count as f64 + 0.5, (n - count) as f64 + 0.5);
    Some([beta_quantile(a, b, 0.025), beta_quantile(a, b, 0.975)])
}

/// Agresti and Coull 1998, clipped to [0, 1].
pub fn agresti_coull(count: u64, n: u64) -> Option<[f64; 2]> {
    if n == 0 || count > n {
        return None;
    }
    let z2 = Z975 * Z975;
    let total = n as f64 + z2;
    let p = (count as f64 + z2 / 2.0) / total;
    let half = Z975 * (p * (1.0 - p) / total).sqrt();
    Some([(p - half).max(0.0), (p + half).min(1.0)])
}

/// Newcombe's interval of p1 − p2 from two Wilson intervals (Newcombe 1998, Stat Med 17:873, method 10).
pub fn newcombe(count1: u64, n1: u64, count2: u64, n2: u64) -> Option<[f64; 2]> {
    let ([l1, u1], [l2, u2]) = (wilson(count1, n1)?, wilson(count2, n2)?);
    let (p1, p2) = (count1 as f64 / n1 as f64, count2 as f64 / n2 as f64);
    let d = p1 - p2;
    Some([d - (p1 - l1).hypot(u2 - p2), d + (u1 - p1).hypot(p2 - l2)])
}
