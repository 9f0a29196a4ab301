//! What to label next: uncertainty, diversity, cost. Logarithms are natural.

/// How unsure a model is of one item, from several stochastic passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertainty {
    /// Entropy of the mean prediction, nats (Shannon 1948).
    pub entropy: f64,
    /// Mutual information of prediction and model (BALD, Houlsby et al. 2011): entropy of the mean minus mean entropy.
    pub bald: f64,
    /// Probability of the likeliest class minus that of the next.
    pub margin: f64,
    /// 1 − probability of the likeliest class.
    pub least_confidence: f64,
    /// Share of passes whose likeliest class is not the commonest (Freeman 1965).
    pub variation_ratio: f64,
}

fn entropy(p: &[f64]) -> f64 {
    p.iter().filter(|v| **v > 0.0).map(|v| -v * v.ln()).sum()
}

/// Uncertainty of an item from `passes[pass][class]`; `None` without passes or with fewer than two classes.
pub fn uncertainty(passes: &[&[f64]]) -> Option<Uncertainty> {
    let classes = passes.first().map(|p| p.len()).filter(|&k| k >= 2)?;
    let n = passes.len() as f64;
    let mean: Vec<f64> = (0..classes).map(|c| passes.iter().map(|p| p[c]).sum::<f64>() / n).collect();
    let mut ordered = mean.clone();
    ordered.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut votes = vec![0_usize; classes];
    for pass in passes {
        let top = (0..classes).rev().max_by(|&a, &b| pass[a].total_cmp(&pass[b])).unwrap_or(0);
        votes[top] += 1;
    }
    let most = votes.into_iter().max().unwrap_or(0);
    Some(Uncertainty {
        entropy: entropy(&mean),
        bald: entropy(&mean) - passes.iter().map(|p| entropy(p)).sum::<f64>() / n,
        margin: ordered[0] - ordered[1],
        least_confidence: 1.0 - ordered[0],
        variation_ratio: 1.0 - most as f64 / n,
    })
}

/// Greedy k-centre (Gonzalez 1985; Sener and Savarese 2018): from `start`, always the item farthest from all picked, the
/// first of equals, until `count` are picked. Returns them and the largest distance left.
pub fn k_center(features: &[Vec<f64>], start: usize, count: usize) -> (Vec<usize>, f64) {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
    if start >= features.len() || count == 0 {
        return (Vec::new(), f64::INFINITY);
    }
    let mut picked = vec![start];
    let mut nearest: Vec<f64> = features.iter().map(|f| distance(f, &features[start])).collect();
    let farthest = |nearest: &[f64]| {
        (0..nearest.len()).rev().max_by(|&a, &b| nearest[a].total_cmp(&nearest[b])).unwrap_or(start)
    };
    while picked.len() < count.min(features.len()) {
        let next = farthest(&nearest);
        picked.push(next);
        for (n, f) in nearest.iter_mut().zip(features) {
            *n = n.min(distance(f, &features[next]));
        }
    }
    let radius = nearest[farthest(&nearest)];
    (picked, radius)
}

/// Picks by gain per cost, ties by index, skipping what no longer fits the budget; returns the picks and what they cost.
pub fn by_gain_per_cost(gain: &[f64], cost: &[f64], budget: f64) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..gain.len().min(cost.len())).collect();
    order.sort_by(|&p, &q| (gain[q] / cost[q]).total_cmp(&(gain[p] / cost[p])).then(p.cmp(&q)));
    let (mut picked, mut used) = (Vec::new(), 0.0);
    for item in order {
        if used + cost[item] <= budget {
            used += cost[item];
            picked.push(item);
        }
    }
    (picked, used)
}
