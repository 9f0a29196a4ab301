//! SIMPLE: weighted votes from which poor readers are dropped (Langerak et al. 2010, IEEE TMI 29:2000).

use super::masks::Decisions;

/// Result of the selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Simple {
    /// Voxels of the consensus.
    pub consensus: Vec<bool>,
    /// Dice of each reader with the consensus at the end.
    pub performance: Vec<f64>,
    /// Which readers were kept.
    pub kept: Vec<bool>,
}

/// Estimates the consensus by votes weighted with each reader's Dice with it, dropping readers more than `alpha`
/// standard deviations below the mean of those kept, until nothing changes. At least `least` readers stay.
///
/// Starts from the unweighted majority; a tie is background. Where the consensus is empty all performances are 0.
pub fn simple(decisions: &Decisions, alpha: f64, least: usize) -> Simple {
    let readers = decisions.readers();
    let mut kept = vec![true; readers];
    let mut weights = vec![1.0; readers];
    let mut performance = vec![0.0; readers];
    let mut chosen: Vec<bool> = Vec::new();
    for _ in 0..100 {
        let next: Vec<bool> = decisions.weighted_shares(&weights).iter().map(|s| *s > 0.5).collect();
        performance = (0..readers).map(|r| dice(decisions, r, &next)).collect();
        let dropped = drop_poor(&performance, &mut kept, alpha, least);
        for r in 0..readers {
            weights[r] = if kept[r] { performance[r] } else { 0.0 };
        }
        if weights.iter().all(|w| *w == 0.0) {
            chosen = next;
            break;
        }
        if !dropped && next == chosen {
            break;
        }
        chosen = next;
    }
    Simple { consensus: decisions.spread(&chosen), performance, kept }
}

fn dice(decisions: &Decisions, reader: usize, consensus: &[bool]) -> f64 {
    let (mut sizes, mut both) = (0.0, 0.0);
    for ((bits, n), inside) in decisions.patterns().iter().zip(consensus) {
        let mine = bits >> reader & 1 == 1;
        sizes += n * f64::from(u8::from(mine) + u8::from(*inside));
        both += n * f64::from(u8::from(mine && *inside));
    }
    if sizes > 0.0 { 2.0 * both / sizes } else { 0.0 }
}

fn drop_poor(performance: &[f64], kept: &mut [bool], alpha: f64, least: usize) -> bool {
    let now: Vec<f64> = performance.iter().zip(kept.iter()).filter(|(_, k)| **k).map(|(p, _)| *p).collect();
    let mean = now.iter().sum::<f64>() / now.len() as f64;
    let sd = (now.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / now.len() as f64).sqrt();
    let mut poor: Vec<usize> =
        (0..kept.len()).filter(|&r| kept[r] && performance[r] < mean - alpha * sd).collect();
    poor.sort_by(|&p, &q| performance[p].total_cmp(&performance[q]));
    poor.truncate(now.len().saturating_sub(least));
    for &r in &poor {
        kept[r] = false;
    }
    !poor.is_empty()
}
