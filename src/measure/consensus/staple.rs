//! STAPLE: the truth and the readers' skill estimated together (Warfield, Zou and Wells 2004, IEEE TMI 23:903).

use std::collections::HashMap;

use super::masks::Decisions;

/// Iteration ends when no probability of a reader moves further than this.
const SETTLED: f64 = 1e-12;
/// Or after so many rounds.
const ROUNDS: usize = 5000;

/// Why there is no estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StapleError {
    /// Skill and truth cannot be told apart by fewer than three readers: different starts end at different answers.
    #[error("STAPLE needs at least three readers")]
    TooFewReaders,
    /// Nobody (or everybody everywhere) set anything.
    #[error("every voxel was decided alike by all readers")]
    NoVariation,
    /// Labelmaps of different length.
    #[error("the labelmaps differ in length")]
    Length,
}

/// Estimate for one structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Staple {
    /// P(reader sets a voxel | it is in the structure).
    pub sensitivity: Vec<f64>,
    /// P(reader leaves a voxel | it is not).
    pub specificity: Vec<f64>,
    /// Prior: mean of all decisions.
    pub prior: f64,
    /// P(in the structure) of each pattern of decisions.
    pattern_probability: Vec<f64>,
    /// Rounds until settled.
    pub rounds: usize,
}

impl Staple {
    /// P(in the structure) of each voxel.
    pub fn probability(&self, decisions: &Decisions) -> Vec<f64> {
        decisions.spread(&self.pattern_probability)
    }
}

/// Binary STAPLE without spatial term: global prior = mean over readers and voxels, skills start at 0.99999.
///
/// Note that prior and specificity depend on how much background is given: crop alike before comparing.
///
/// # Errors
/// [`StapleError`].
pub fn staple(decisions: &Decisions) -> Result<Staple, StapleError> {
    let readers = decisions.readers();
    if readers < 3 {
        return Err(StapleError::TooFewReaders);
    }
    let patterns = decisions.patterns();
    let voxels: f64 = patterns.iter().map(|p| p.1).sum();
    let votes: f64 = patterns.iter().map(|p| f64::from(p.0.count_ones()) * p.1).sum();
    let prior = votes / (voxels * readers as f64);
    if prior == 0.0 || prior == 1.0 {
        return Err(StapleError::NoVariation);
    }
    let mut sensitivity = vec![0.99999; readers];
    let mut specificity = sensitivity.clone();
    let mut probability = vec![0.0; patterns.len()];
    let mut rounds = 0;
    while rounds < ROUNDS {
        rounds += 1;
        for (w, (bits, _)) in probability.iter_mut().zip(patterns) {
            let (mut inside, mut outside) = (prior, 1.0 - prior);
            for r in 0..readers {
                let set = bits >> r & 1 == 1;
                inside *= if set { sensitivity[r] } else { 1.0 - sensitivity[r] };
                outside *= if set { 1.0 - specificity[r] } else { specificity[r] };
            }
            *w = if inside + outside > 0.0 { inside / (inside + outside) } else { 0.0 };
        }
        let inside: f64 = probability.iter().zip(patterns).map(|(w, p)| w * p.1).sum();
        let mut moved = 0.0_f64;
        for r in 0..readers {
            let (mut hit, mut left) = (0.0, 0.0);
            for (w, (bits, n)) in probability.iter().zip(patterns) {
                if bits >> r & 1 == 1 {
                    hit += w * n;
                } else {
                    left += (1.0 - w) * n;
                }
            }
            let p = hit / inside;
            let q = left / (voxels - inside);
            moved = moved.max((p - sensitivity[r]).abs()).max((q - specificity[r]).abs());
            (sensitivity[r], specificity[r]) = (p, q);
        }
        if moved.is_nan() || moved < SETTLED {
            break;
        }
    }
    Ok(Staple { sensitivity, specificity, prior, pattern_probability: probability, rounds })
}

/// Estimate for all labels together.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiStaple {
    /// The labels, ascending; rows and columns of the skills.
    pub labels: Vec<u32>,
    /// `skill[reader][truth][said]`.
    pub skill: Vec<Vec<Vec<f64>>>,
    /// The likeliest label of each voxel; the smaller of equals.
    pub consensus: Vec<u32>,
    /// Its probability.
    pub probability: Vec<f32>,
}

/// Multi-label STAPLE (Warfield et al. 2004, section II-F): a confusion matrix per reader, started from the agreement with
/// the plurality vote; priors are the shares of all decisions.
///
/// # Errors
/// [`StapleError`].
pub fn staple_labels(readers: &[&[u32]]) -> Result<MultiStaple, StapleError> {
    if readers.len() < 3 {
        return Err(StapleError::TooFewReaders);
    }
    let voxels = readers[0].len();
    if readers.iter().any(|r| r.len() != voxels) {
        return Err(StapleError::Length);
    }
    let mut labels: Vec<u32> = readers.iter().flat_map(|r| r.iter().copied()).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < 2 {
        return Err(StapleError::NoVariation);
    }
    let mut number: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut patterns: Vec<(Vec<usize>, f64)> = Vec::new();
    let mut index = Vec::with_capacity(voxels);
    for v in 0..voxels {
        let said: Vec<u32> = readers.iter().map(|r| r[v]).collect();
        let at = *number.entry(said).or_insert_with_key(|said| {
            let places = said.iter().map(|l| labels.binary_search(l).unwrap_or(0)).collect();
            patterns.push((places, 0.0));
            patterns.len() as u32 - 1
        });
        patterns[at as usize].1 += 1.0;
        index.push(at);
    }
    let (skill, posterior) = settle(&patterns, readers.len(), labels.len());
    let best: Vec<(u32, f32)> = posterior
        .iter()
        .map(|p| {
            let at = (0..p.len()).rev().max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap_or(0);
            (labels[at], p[at] as f32)
        })
        .collect();
    let (consensus, probability) = index.iter().map(|&at| best[at as usize]).unzip();
    Ok(MultiStaple { labels, skill, consensus, probability })
}

type Skill = Vec<Vec<Vec<f64>>>;

fn settle(patterns: &[(Vec<usize>, f64)], readers: usize, k: usize) -> (Skill, Vec<Vec<f64>>) {
    let total: f64 = patterns.iter().map(|p| p.1).sum::<f64>() * readers as f64;
    let mut prior = vec![0.0; k];
    for (said, n) in patterns {
        for &s in said {
            prior[s] += n / total;
        }
    }
    // Soft start: each label's share of the votes.
    let mut posterior: Vec<Vec<f64>> = patterns
        .iter()
        .map(|(said, _)| {
            let mut p = vec![0.0; k];
            for &s in said {
                p[s] += 1.0 / readers as f64;
            }
            p
        })
        .collect();
    let mut skill = vec![vec![vec![0.0; k]; k]; readers];
    for _ in 0..ROUNDS {
        let mut moved = 0.0_f64;
        for (r, matrix) in skill.iter_mut().enumerate() {
            let mut next = vec![vec![0.0; k]; k];
            for ((said, n), p) in patterns.iter().zip(&posterior) {
                for truth in 0..k {
                    next[truth][said[r]] += p[truth] * n;
                }
            }
            for (row, old) in next.iter_mut().zip(matrix.iter()) {
                let sum: f64 = row.iter().sum();
                if sum > 0.0 {
                    for v in row.iter_mut() {
                        *v /= sum;
                    }
                }
                moved = row.iter().zip(old).fold(moved, |m, (a, b)| m.max((a - b).abs()));
            }
            *matrix = next;
        }
        for ((said, _), p) in patterns.iter().zip(&mut posterior) {
            for truth in 0..k {
                p[truth] = prior[truth] * said.iter().zip(&skill).map(|(&s, m)| m[truth][s]).product::<f64>();
            }
            let sum: f64 = p.iter().sum();
            if sum > 0.0 {
                for v in p.iter_mut() {
                    *v /= sum;
                }
            }
        }
        if moved < SETTLED {
            break;
        }
    }
    (skill, posterior)
}
