//! One category from many readers' votes.

/// A vote: item, reader, category, all by number.
pub type Vote = (u32, u32, u32);

/// What a majority says of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Majority {
    /// More votes than any other.
    Category(u32),
    /// Two or more share the most votes: for adjudication, none is picked.
    Tie,
    /// Nobody voted.
    NoVote,
}

/// Shares of the votes by item and category, `[item][category]`, and the majority of each item.
pub fn majority(votes: &[Vote], items: usize, categories: usize) -> (Vec<Vec<f64>>, Vec<Majority>) {
    let mut shares = vec![vec![0.0; categories]; items];
    for &(item, _, category) in votes {
        shares[item as usize][category as usize] += 1.0;
    }
    let decided = shares
        .iter_mut()
        .map(|row| {
            let total: f64 = row.iter().sum();
            let top = row.iter().copied().fold(0.0, f64::max);
            let first = row.iter().position(|v| *v == top).unwrap_or(0);
            let result = match row.iter().filter(|v| **v == top).count() {
                _ if total == 0.0 => Majority::NoVote,
                1 => Majority::Category(first as u32),
                _ => Majority::Tie,
            };
            if total > 0.0 {
                for v in row.iter_mut() {
                    *v /= total;
                }
            }
            result
        })
        .collect();
    (shares, decided)
}

/// Estimate of categories and of each reader's confusion.
#[derive(Debug, Clone, PartialEq)]
pub struct DawidSkene {
    /// P(category) of each item; all zero for an item without a vote.
    pub posterior: Vec<Vec<f64>>,
    /// Share of each category.
    pub prior: Vec<f64>,
    /// `confusion[reader][truth][said]`.
    pub confusion: Vec<Vec<Vec<f64>>>,
    /// Rounds until settled.
    pub rounds: usize,
}

/// Dawid and Skene 1979 (Appl Stat 28:20) by EM, started from the vote shares, without smoothing, until no posterior
/// moves by 1e-9.
pub fn dawid_skene(votes: &[Vote], items: usize, readers: usize, categories: usize) -> DawidSkene {
    let (mut posterior, _) = majority(votes, items, categories);
    let mut prior = vec![0.0; categories];
    let mut confusion = vec![vec![vec![0.0; categories]; categories]; readers];
    let mut rounds = 0;
    while rounds < 20_000 {
        rounds += 1;
        let voted = posterior.iter().filter(|p| p.iter().sum::<f64>() > 0.0).count() as f64;
        for (c, share) in prior.iter_mut().enumerate() {
            *share = posterior.iter().map(|p| p[c]).sum::<f64>() / voted;
        }
        fill_confusion(&mut confusion, votes, &posterior);
        let mut next = vec![vec![0.0; categories]; items];
        for &(item, ..) in votes {
            next[item as usize].copy_from_slice(&prior);
        }
        for &(item, reader, said) in votes {
            for (truth, p) in next[item as usize].iter_mut().enumerate() {
                *p *= confusion[reader as usize][truth][said as usize];
            }
        }
        let mut moved = 0.0_f64;
        for (row, old) in next.iter_mut().zip(&posterior) {
            let sum: f64 = row.iter().sum();
            if sum > 0.0 {
                for v in row.iter_mut() {
                    *v /= sum;
                }
            }
            moved = row.iter().zip(old).fold(moved, |m, (a, b)| m.max((a - b).abs()));
        }
        posterior = next;
        if moved < 1e-9 {
            break;
        }
    }
    DawidSkene { posterior, prior, confusion, rounds }
}

fn fill_confusion(confusion: &mut [Vec<Vec<f64>>], votes: &[Vote], posterior: &[Vec<f64>]) {
    for v in confusion.iter_mut().flatten().flatten() {
        *v = 0.0;
    }
    for &(item, reader, said) in votes {
        for (truth, p) in posterior[item as usize].iter().enumerate() {
            confusion[reader as usize][truth][said as usize] += p;
        }
    }
    for row in confusion.iter_mut().flatten() {
        let sum: f64 = row.iter().sum();
        if sum > 0.0 {
            for v in row.iter_mut() {
                *v /= sum;
            }
        }
    }
}
