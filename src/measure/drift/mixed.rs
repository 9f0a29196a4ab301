//! A linear model with one random intercept: how much of a metric is the reader, with scanner and time held.

use crate::measure::linear;

/// Restricted maximum likelihood estimate (Patterson and Thompson 1971; Bates et al. 2015, J Stat Softw 67).
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// Fixed effects, by column of the design.
    pub fixed: Vec<f64>,
    /// Their standard errors.
    pub fixed_se: Vec<f64>,
    /// Variance between groups.
    pub variance_group: f64,
    /// Variance within groups.
    pub variance_residual: f64,
    /// Predicted deviation of each group (best linear unbiased), by group.
    pub group_effects: Vec<f64>,
    /// −2 × restricted log-likelihood.
    pub criterion: f64,
}

impl Mixed {
    /// Share of the variance that lies between groups.
    pub fn group_share(&self) -> f64 {
        self.variance_group / (self.variance_group + self.variance_residual)
    }
}

/// Sums of one group that the likelihood needs.
struct Group {
    n: f64,
    columns: Vec<f64>,
    y: f64,
}

struct Sums {
    p: usize,
    n: f64,
    xx: Vec<f64>,
    xy: Vec<f64>,
    yy: f64,
    groups: Vec<Group>,
}

/// Fit at one ratio of variances.
struct Fit {
    beta: Vec<f64>,
    inverse: Vec<f64>,
    residual: f64,
    criterion: f64,
}

impl Sums {
    /// Generalised least squares with variance ratio `ratio` = between / within.
    fn fit(&self, ratio: f64) -> Option<Fit> {
        let p = self.p;
        let (mut a, mut b, mut c) = (self.xx.clone(), self.xy.clone(), self.yy);
        let mut ln_v = 0.0;
        for g in &self.groups {
            let shrink = ratio / (1.0 + ratio * g.n);
            ln_v += (ratio * g.n).ln_1p();
            for i in 0..p {
                b[i] -= shrink * g.columns[i] * g.y;
                for j in 0..p {
                    a[i * p + j] -= shrink * g.columns[i] * g.columns[j];
                }
            }
            c -= shrink * g.y * g.y;
        }
        let beta = linear::solve(a.clone(), &b)?;
        let rss = c - beta.iter().zip(&b).map(|(x, y)| x * y).sum::<f64>();
        let df = self.n - p as f64;
        let residual = rss / df;
        let ln_a = linear::ln_determinant(&a, p)?;
        let criterion = df * (1.0 + (std::f64::consts::TAU * residual).ln()) + ln_v + ln_a;
        Some(Fit { beta, inverse: linear::inverse(&a, p)?, residual, criterion })
    }
}

/// Fits y on the columns of `design` (with an intercept among them, if wanted) with a random intercept by `group`
/// (numbers from 0). `None` where the design is singular, there are too few rows, or lengths differ.
pub fn fit(y: &[f64], design: &[Vec<f64>], group: &[usize]) -> Option<Mixed> {
    let (n, p) = (y.len(), design.len());
    if p == 0 || n <= p || group.len() != n || design.iter().any(|c| c.len() != n) {
        return None;
    }
    let sums = sums(y, design, group);
    let ratio = minimise(|ln_ratio| sums.fit(ln_ratio.exp()).map_or(f64::INFINITY, |f| f.criterion));
    let (mut ratio, mut best) = (ratio.exp(), sums.fit(ratio.exp())?);
    let none = sums.fit(0.0)?;
    if none.criterion <= best.criterion {
        (ratio, best) = (0.0, none);
    }
    let group_effects = sums
        .groups
        .iter()
        .map(|g| {
            let fitted: f64 = g.columns.iter().zip(&best.beta).map(|(x, b)| x * b).sum();
            ratio / (1.0 + ratio * g.n) * (g.y - fitted)
        })
        .collect();
    Some(Mixed {
        fixed_se: (0..p).map(|k| (best.residual * best.inverse[k * p + k]).sqrt()).collect(),
        variance_group: ratio * best.residual,
        variance_residual: best.residual,
        group_effects,
        criterion: best.criterion,
        fixed: best.beta,
    })
}

fn sums(y: &[f64], design: &[Vec<f64>], group: &[usize]) -> Sums {
    let p = design.len();
    let count = group.iter().max().map_or(0, |g| g + 1);
    let mut groups: Vec<Group> =
        (0..count).map(|_| Group { n: 0.0, columns: vec![0.0; p], y: 0.0 }).collect();
    let (mut xx, mut xy, mut yy) = (vec![0.0; p * p], vec![0.0; p], 0.0);
    for row in 0..y.len() {
        let g = &mut groups[group[row]];
        g.n += 1.0;
        g.y += y[row];
        yy += y[row] * y[row];
        for i in 0..p {
            let x = design[i][row];
            g.columns[i] += x;
            xy[i] += x * y[row];
            for j in 0..p {
                xx[i * p + j] += x * design[j][row];
            }
        }
    }
    Sums { p, n: y.len() as f64, xx, xy, yy, groups }
}

/// Golden-section search for the logarithm of the ratio, from e⁻¹⁶ to e¹², after a coarse scan.
fn minimise(f: impl Fn(f64) -> f64) -> f64 {
    let start = (-32..=24).map(|k| f64::from(k) / 2.0).min_by(|a, b| f(*a).total_cmp(&f(*b))).unwrap_or(0.0);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (start - 0.5, start + 0.5);
    for _ in 0..80 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if f(a) < f(b) { high = b } else { low = a }
    }
    f64::midpoint(low, high)
}
