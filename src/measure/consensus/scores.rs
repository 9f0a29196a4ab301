//! Readers ranked by their scores against gold or consensus, with how sure the ranks are.

use crate::measure::agreement::bootstrap::{self, SplitMix};
use crate::measure::stats::{quantile_sorted, sorted};

/// A reader's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Which reader.
    pub reader: usize,
    /// Cases with a score.
    pub cases: usize,
    /// Mean score.
    pub mean: f64,
    /// 95 % interval of the mean, BCa over cases.
    pub mean_ci95: Option<[f64; 2]>,
    /// Ranks (1 is best) between which the reader lies in 95 % of resamples of cases.
    pub rank_ci95: [f64; 2],
}

/// Ranks readers by mean score (larger is better); `scores[case][reader]`, `None` where the reader did not read the
/// case. Cases are resampled together for all readers, so that a hard case is hard for all. Readers without a score are
/// left out.
pub fn rank(scores: &[Vec<Option<f64>>], samples: usize, seed: u64) -> Vec<Ranked> {
    let readers = scores.iter().map(Vec::len).max().unwrap_or(0);
    let mean_of = |reader: usize, cases: &mut dyn Iterator<Item = usize>| {
        let (sum, n) = cases
            .filter_map(|c| scores[c].get(reader).copied().flatten())
            .fold((0.0, 0), |(s, n), v| (s + v, n + 1));
        (n > 0).then(|| sum / f64::from(n))
    };
    let mut ranks: Vec<Vec<f64>> = vec![Vec::new(); readers];
    for sample in 0..samples {
        let mut random = SplitMix::new(seed, sample as u64);
        let drawn: Vec<usize> = (0..scores.len()).map(|_| random.below(scores.len())).collect();
        let means: Vec<Option<f64>> = (0..readers).map(|r| mean_of(r, &mut drawn.iter().copied())).collect();
        for r in 0..readers {
            if let Some(own) = means[r] {
                let better = means.iter().flatten().filter(|m| **m > own).count();
                ranks[r].push(better as f64 + 1.0);
            }
        }
    }
    let mut all: Vec<Ranked> = (0..readers)
        .filter_map(|reader| {
            let own: Vec<f64> = scores.iter().filter_map(|c| c.get(reader).copied().flatten()).collect();
            let mean = mean_of(reader, &mut (0..scores.len()))?;
            let group: Vec<u32> = (0..own.len() as u32).collect();
            let [ci] = bootstrap::intervals(&group, own.len(), samples, seed, |w| {
                let total: f64 = w.iter().sum();
                [(total > 0.0).then(|| own.iter().zip(w).map(|(v, w)| v * w).sum::<f64>() / total)]
            });
            let ordered = sorted(&ranks[reader]);
            let rank_ci95 = [quantile_sorted(&ordered, 0.025), quantile_sorted(&ordered, 0.975)];
            Some(Ranked { reader, cases: own.len(), mean, mean_ci95: ci, rank_ci95 })
        })
        .collect();
    all.sort_by(|p, q| q.mean.total_cmp(&p.mean).then(p.reader.cmp(&q.reader)));
    all
}
