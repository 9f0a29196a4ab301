//! Which items are unlike the rest.

use super::agreement::bootstrap::SplitMix;
use super::linear;
use super::stats::{mean, median, quantile_sorted, sorted};

/// Median absolute deviations to standard deviations of a normal distribution: 1 / Φ⁻¹(3/4).
const MAD_TO_SD: f64 = 1.482_602_218_505_602;
/// Mean absolute deviations to standard deviations: √(π/2).
const MEAN_AD_TO_SD: f64 = 1.253_314_137_315_500_3;

/// (x − median) / (1.4826 MAD) of each value (Iglewicz and Hoaglin 1993). Where the MAD is 0 the mean absolute deviation
/// takes its place, with its own constant; `None` where that is 0 too.
pub fn robust_z(values: &[f64]) -> Option<Vec<f64>> {
    let centre = median(values);
    let off: Vec<f64> = values.iter().map(|v| (v - centre).abs()).collect();
    let mad = median(&off) * MAD_TO_SD;
    let scale = if mad > 0.0 { mad } else { mean(&off) * MEAN_AD_TO_SD };
    (scale > 0.0).then(|| values.iter().map(|v| (v - centre) / scale).collect())
}

/// Tukey's fences: 1.5 interquartile ranges beyond the quartiles (type 7).
pub fn tukey_fences(values: &[f64]) -> [f64; 2] {
    let ordered = sorted(values);
    let (q1, q3) = (quantile_sorted(&ordered, 0.25), quantile_sorted(&ordered, 0.75));
    [q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)]
}

/// Squared Mahalanobis distances of rows, and how far the covariance was shrunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Mahalanobis {
    /// Of each row.
    pub squared: Vec<f64>,
    /// Share of the scaled identity in the covariance; 0 for the empirical one.
    pub shrinkage: f64,
}

/// Distances by the covariance over n, as it is or shrunk after Ledoit and Wolf 2004 (J Multivar Anal 88:365). `None`
/// where it is singular.
pub fn mahalanobis(rows: &[Vec<f64>], shrink: bool) -> Option<Mahalanobis> {
    let (n, p) = (rows.len(), rows.first()?.len());
    let centre: Vec<f64> = (0..p).map(|k| rows.iter().map(|r| r[k]).sum::<f64>() / n as f64).collect();
    let centred: Vec<Vec<f64>> =
        rows.iter().map(|r| r.iter().zip(&centre).map(|(v, c)| v - c).collect()).collect();
    let mut covariance = vec![0.0; p * p];
    for row in &centred {
        for i in 0..p {
            for j in 0..p {
                covariance[i * p + j] += row[i] * row[j] / n as f64;
            }
        }
    }
    let shrinkage = if shrink { ledoit_wolf(&centred, &covariance, p) } else { 0.0 };
    let mean_variance = (0..p).map(|k| covariance[k * p + k]).sum::<f64>() / p as f64;
    for (at, v) in covariance.iter_mut().enumerate() {
        *v *= 1.0 - shrinkage;
        if at / p == at % p {
            *v += shrinkage * mean_variance;
        }
    }
    let inverse = linear::inverse(&covariance, p)?;
    let squared = centred
        .iter()
        .map(|r| (0..p).map(|i| r[i] * (0..p).map(|j| inverse[i * p + j] * r[j]).sum::<f64>()).sum())
        .collect();
    Some(Mahalanobis { squared, shrinkage })
}

fn ledoit_wolf(centred: &[Vec<f64>], covariance: &[f64], p: usize) -> f64 {
    let n = centred.len() as f64;
    let mu = (0..p).map(|k| covariance[k * p + k]).sum::<f64>() / p as f64;
    let square: f64 = covariance.iter().map(|v| v * v).sum();
    let delta = (square - p as f64 * mu * mu) / p as f64;
    let fourth: f64 = centred.iter().map(|r| r.iter().map(|v| v * v).sum::<f64>().powi(2)).sum::<f64>() / n;
    let beta = ((fourth - square) / (n * p as f64)).min(delta);
    if beta <= 0.0 || delta <= 0.0 { 0.0 } else { beta / delta }
}

/// Mean path length of an unsuccessful search among n (Liu, Ting and Zhou 2008), as scikit-learn has it.
pub fn mean_path_length(n: usize) -> f64 {
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + 0.577_215_664_901_532_9) - 2.0 * (n - 1.0) / n
        }
    }
}

enum Tree {
    Leaf(usize),
    Split { feature: usize, at: f64, below: Box<Tree>, above: Box<Tree> },
}

impl Tree {
    fn grow(rows: &[Vec<f64>], members: &mut [usize], depth: usize, random: &mut SplitMix) -> Self {
        let varied: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
            .filter(|&k| members.iter().any(|&m| rows[m][k] != rows[members[0]][k]))
            .collect();
        if depth == 0 || members.len() < 2 || varied.is_empty() {
            return Self::Leaf(members.len());
        }
        let feature = varied[random.below(varied.len())];
        let (low, high) = members
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), &m| (l.min(rows[m][feature]), h.max(rows[m][feature])));
        let at = low + random.unit() * (high - low);
        members.sort_unstable_by_key(|&m| rows[m][feature] > at);
        let cut = members.partition_point(|&m| rows[m][feature] <= at);
        let (left, right) = members.split_at_mut(cut);
        Self::Split {
            feature,
            at,
            below: Box::new(Self::grow(rows, left, depth - 1, random)),
            above: Box::new(Self::grow(rows, right, depth - 1, random)),
        }
    }

    fn path(&self, row: &[f64]) -> f64 {
        match self {
            Self::Leaf(n) => mean_path_length(*n),
            Self::Split { feature, at, below, above } => {
                1.0 + if row[*feature] <= *at { below.path(row) } else { above.path(row) }
            }
        }
    }
}

/// Isolation forest (Liu, Ting and Zhou 2008): scores from 0 to 1, higher is stranger; seeded.
pub fn isolation_forest(rows: &[Vec<f64>], trees: usize, subsample: usize, seed: u64) -> Vec<f64> {
    let size = subsample.min(rows.len());
    if size < 2 || trees == 0 {
        return vec![0.5; rows.len()];
    }
    let depth = (size as f64).log2().ceil() as usize;
    let mut paths = vec![0.0; rows.len()];
    for tree in 0..trees {
        let mut random = SplitMix::new(seed, tree as u64);
        let mut members: Vec<usize> = (0..rows.len()).collect();
        for k in 0..size {
            let other = k + random.below(rows.len() - k);
            members.swap(k, other);
        }
        let tree = Tree::grow(rows, &mut members[..size], depth, &mut random);
        for (path, row) in paths.iter_mut().zip(rows) {
            *path += tree.path(row) / trees as f64;
        }
    }
    let usual = mean_path_length(size);
    paths.into_iter().map(|path: f64| 2.0_f64.powf(-path / usual)).collect()
}
