//! Votes on masks and labelmaps, voxel by voxel.

use std::collections::HashMap;

use crate::measure::estimate::{Estimate, Reason};

/// The readers' decisions on one structure as patterns: which readers set a voxel, and how many voxels show it.
/// Everything below costs as much as there are different patterns, not as much as there are voxels.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisions {
    readers: usize,
    /// (bit r: reader r set it, voxels), by falling number of voxels.
    patterns: Vec<(u64, f64)>,
    /// Pattern of each voxel, by number.
    index: Vec<u32>,
}

impl Decisions {
    /// Of at most 64 readers' masks of equal length; `None` otherwise.
    pub fn of(masks: &[&[bool]]) -> Option<Self> {
        let voxels = masks.first()?.len();
        if masks.len() > 64 || masks.iter().any(|m| m.len() != voxels) {
            return None;
        }
        let mut number: HashMap<u64, u32> = HashMap::new();
        let mut patterns: Vec<(u64, f64)> = Vec::new();
        let mut index = Vec::with_capacity(voxels);
        for v in 0..voxels {
            let bits = masks.iter().enumerate().fold(0, |bits, (r, m)| bits | u64::from(m[v]) << r);
            let at = *number.entry(bits).or_insert_with(|| {
                patterns.push((bits, 0.0));
                patterns.len() as u32 - 1
            });
            patterns[at as usize].1 += 1.0;
            index.push(at);
        }
        Some(Self { readers: masks.len(), patterns, index })
    }

    /// How many readers decided.
    pub fn readers(&self) -> usize {
        self.readers
    }

    pub(super) fn patterns(&self) -> &[(u64, f64)] {
        &self.patterns
    }

    /// A value of each voxel from a value of each pattern.
    pub fn spread<T: Copy>(&self, of_pattern: &[T]) -> Vec<T> {
        self.index.iter().map(|&at| of_pattern[at as usize]).collect()
    }

    /// Voxels by number of votes, from 0 to all readers.
    pub fn vote_histogram(&self) -> Vec<u64> {
        let mut histogram = vec![0; self.readers + 1];
        for (bits, voxels) in &self.patterns {
            histogram[bits.count_ones() as usize] += *voxels as u64;
        }
        histogram
    }

    /// Voxels that more than half of the readers set; a tie is not a majority (see [`Decisions::ties`]).
    pub fn majority(&self) -> Vec<bool> {
        let winner = |bits: u64| 2 * bits.count_ones() as usize > self.readers;
        self.spread(&self.patterns.iter().map(|p| winner(p.0)).collect::<Vec<_>>())
    }

    /// Voxels that exactly half of the readers set: for adjudication.
    pub fn ties(&self) -> Vec<bool> {
        let tied = |bits: u64| 2 * bits.count_ones() as usize == self.readers;
        self.spread(&self.patterns.iter().map(|p| tied(p.0)).collect::<Vec<_>>())
    }

    /// Share of the readers' weights that set each pattern.
    pub(super) fn weighted_shares(&self, weights: &[f64]) -> Vec<f64> {
        let all: f64 = weights.iter().sum();
        let share = |bits: u64| {
            weights.iter().enumerate().filter(|(r, _)| bits >> r & 1 == 1).map(|w| w.1).sum::<f64>() / all
        };
        self.patterns.iter().map(|p| share(p.0)).collect()
    }

    /// Weighted vote: voxels where the readers who set them hold more than half of all weight.
    pub fn weighted_majority(&self, weights: &[f64]) -> Vec<bool> {
        self.spread(&self.weighted_shares(weights).iter().map(|s| *s > 0.5).collect::<Vec<_>>())
    }

    /// Entropy in bits of the readers' votes at each voxel: 0 where all agree, 1 where half does. The map of where
    /// they disagree.
    pub fn entropy_bits(&self) -> Vec<f32> {
        let entropy = |bits: u64| {
            let p = f64::from(bits.count_ones()) / self.readers as f64;
            let part = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
            (part(p) + part(1.0 - p)) as f32
        };
        self.spread(&self.patterns.iter().map(|p| entropy(p.0)).collect::<Vec<_>>())
    }

    /// Voxels that reader `a`, reader `b`, and both set.
    fn pair(&self, a: usize, b: usize) -> (f64, f64, f64) {
        self.patterns.iter().fold((0.0, 0.0, 0.0), |(x, y, both), (bits, n)| {
            let (p, q) = ((bits >> a & 1) as f64, (bits >> b & 1) as f64);
            (x + p * n, y + q * n, both + p * q * n)
        })
    }

    /// Dice of each pair of readers, `[a][b]`; undefined where neither drew anything.
    pub fn dice_matrix(&self) -> Vec<Vec<Estimate>> {
        let dice = |a, b| {
            let (x, y, both) = self.pair(a, b);
            Estimate::ratio(2.0 * both, x + y, Reason::BOTH_EMPTY, (x + y - both) as usize)
        };
        (0..self.readers).map(|a| (0..self.readers).map(|b| dice(a, b)).collect()).collect()
    }

    /// Generalised conformity index (Kouwenhoven, Giezen and Struikmans 2009): the sum over pairs of their
    /// intersections over the sum of their unions.
    pub fn conformity_index(&self) -> Estimate {
        let (mut shared, mut union) = (0.0, 0.0);
        for b in 0..self.readers {
            for a in 0..b {
                let (x, y, both) = self.pair(a, b);
                shared += both;
                union += x + y - both;
            }
        }
        Estimate::ratio(shared, union, Reason::BOTH_EMPTY, self.readers)
    }

    /// Dice of reader `reader` with the majority of the others; undefined without others or where both are empty.
    pub fn against_others(&self, reader: usize) -> Estimate {
        let others = self.readers - 1;
        let (mut own, mut theirs, mut both) = (0.0, 0.0, 0.0);
        for (bits, n) in &self.patterns {
            let mine = bits >> reader & 1 == 1;
            let votes = (bits & !(1 << reader)).count_ones() as usize;
            let consensus = others > 0 && 2 * votes > others;
            own += f64::from(u8::from(mine)) * n;
            theirs += f64::from(u8::from(consensus)) * n;
            both += f64::from(u8::from(mine && consensus)) * n;
        }
        if others == 0 {
            return Estimate::undefined(Reason("no other reader"), 0);
        }
        Estimate::ratio(2.0 * both, own + theirs, Reason::BOTH_EMPTY, (own + theirs - both) as usize)
    }
}

/// The label that most readers gave each voxel, and whether another had as many (then for adjudication, the label is
/// 0). `labels[r]` is reader r's labelmap; `None` where they differ in length or there is none.
pub fn plurality(labels: &[&[u32]]) -> Option<(Vec<u32>, Vec<bool>)> {
    let voxels = labels.first()?.len();
    if labels.iter().any(|l| l.len() != voxels) {
        return None;
    }
    let mut column = Vec::with_capacity(labels.len());
    let decided = (0..voxels).map(|v| {
        column.clear();
        column.extend(labels.iter().map(|l| l[v]));
        if column.iter().all(|l| *l == column[0]) {
            return (column[0], false);
        }
        column.sort_unstable();
        let mut best = (0, 0, false);
        for run in column.chunk_by(|a, b| a == b) {
            if run.len() > best.1 {
                best = (run[0], run.len(), false);
            } else if run.len() == best.1 {
                best.2 = true;
            }
        }
        if best.2 { (0, true) } else { (best.0, false) }
    });
    Some(decided.unzip())
}

/// Entropy in bits of the labels that readers gave each voxel. `None` as for [`plurality`].
pub fn label_entropy_bits(labels: &[&[u32]]) -> Option<Vec<f32>> {
    let voxels = labels.first()?.len();
    if labels.iter().any(|l| l.len() != voxels) {
        return None;
    }
    let readers = labels.len() as f64;
    let mut column = Vec::with_capacity(labels.len());
    let entropy = (0..voxels).map(|v| {
        column.clear();
        column.extend(labels.iter().map(|l| l[v]));
        column.sort_unstable();
        let part = |run: &[u32]| {
            let p = run.len() as f64 / readers;
            -p * p.log2()
        };
        (column.chunk_by(|a, b| a == b).map(part).sum::<f64>().max(0.0)) as f32
    });
    Some(entropy.collect())
}
