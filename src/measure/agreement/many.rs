//! Coefficients for many readers from per-item counts: percent agreement, Fleiss' κ, Gwet's AC1/AC2,
//! Brennan–Prediger, Krippendorff's α.
//!
//! Items with the same counts are kept once with their number ([`Patterns`]), so that a million reads, or a thousand
//! bootstrap samples, cost only as much as there are different patterns.

use std::collections::BTreeMap;

use super::{Level, Ratings};
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::special::t_quantile;

/// Different categories beyond which weights by pairs of categories are not worked out.
const MOST_CATEGORIES: usize = 20_000;

/// Counts of one item: (category, how many readers chose it), by category.
pub type Counts = Vec<(u32, u32)>;

/// Different patterns of counts, and how many items show each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patterns {
    /// Values of the categories in order.
    pub values: Vec<f64>,
    /// The patterns; each has at least one rating.
    pub counts: Vec<Counts>,
    /// How many items show each pattern.
    pub items: Vec<f64>,
}

impl Patterns {
    /// The patterns of `ratings`; items that nobody rated do not count.
    pub fn of(ratings: &Ratings) -> Self {
        let mut seen: BTreeMap<Counts, f64> = BTreeMap::new();
        let mut row = Vec::new();
        for cells in ratings.rows() {
            row.clear();
            row.extend(cells.iter().flatten().copied());
            if let Some(counts) = count(&mut row) {
                *seen.entry(counts).or_insert(0.0) += 1.0;
            }
        }
        let (counts, items) = seen.into_iter().unzip();
        Self { values: ratings.values().to_vec(), counts, items }
    }

    /// The pattern of each item, by number; none for an item that nobody rated.
    pub fn index(&self, ratings: &Ratings) -> Vec<Option<u32>> {
        let mut row = Vec::new();
        ratings
            .rows()
            .map(|cells| {
                row.clear();
                row.extend(cells.iter().flatten().copied());
                let counts = count(&mut row)?;
                self.counts.binary_search(&counts).ok().map(|at| at as u32)
            })
            .collect()
    }

    /// All items.
    pub fn all(&self) -> Sample<'_> {
        self.resampled(&self.items)
    }

    /// The same patterns, shown by other numbers of items: a bootstrap sample.
    pub fn resampled<'a>(&'a self, items: &'a [f64]) -> Sample<'a> {
        Sample { values: &self.values, counts: &self.counts, items }
    }
}

/// Patterns and how many items show each, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    values: &'a [f64],
    counts: &'a [Counts],
    items: &'a [f64],
}

impl Sample<'_> {
    fn pairable(&self, pattern: usize) -> bool {
        readers(&self.counts[pattern]) >= 2.0
    }

    /// Items with at least one, and with at least two ratings.
    fn sizes(&self) -> (f64, f64) {
        let all = self.items.iter().sum();
        let two = (0..self.items.len()).filter(|&p| self.pairable(p)).map(|p| self.items[p]).sum();
        (all, two)
    }
}

/// Sorted ratings of one item as counts; `None` where there is none.
pub(crate) fn count(row: &mut [u32]) -> Option<Counts> {
    if row.is_empty() {
        return None;
    }
    row.sort_unstable();
    let mut counts: Counts = Vec::new();
    for &category in row.iter() {
        match counts.last_mut() {
            Some(last) if last.0 == category => last.1 += 1,
            _ => counts.push((category, 1)),
        }
    }
    Some(counts)
}

fn readers(counts: &Counts) -> f64 {
    counts.iter().map(|c| f64::from(c.1)).sum()
}

/// Weights between categories for Fleiss, Gwet and Brennan–Prediger: 1 for alike, 0 for as unlike as can be.
#[derive(Debug, Clone)]
pub struct Credit {
    level: Level,
    values: Vec<f64>,
    /// The largest disagreement, by which all are divided; 0 where there is one category.
    worst: f64,
}

impl Credit {
    /// Weights for `level` (Gwet 2014, *Handbook of Inter-Rater Reliability*, ch. 3): identity for nominal; by
    /// position, 1 − C(|i−j|+1, 2)/C(k, 2), for ordinal; 1 − ((a−b)/range)² by value for interval;
    /// 1 − ((a−b)/(a+b))² over its maximum by value for ratio.
    ///
    /// `None` where there are too many categories to compare them by pairs.
    pub fn new(level: Level, values: &[f64]) -> Option<Self> {
        let k = values.len();
        if matches!(level, Level::Ordinal | Level::Ratio) && k > MOST_CATEGORIES {
            return None;
        }
        let mut credit = Self { level, values: values.to_vec(), worst: 1.0 };
        credit.worst = match level {
            Level::Nominal => 1.0,
            Level::Ordinal => credit.raw(0, k.saturating_sub(1)),
            Level::Interval => {
                let (low, high) =
                    values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
                (high - low).powi(2)
            }
            Level::Ratio => (0..k)
                .flat_map(|i| (0..i).map(move |j| (i, j)))
                .fold(0.0, |w, (i, j)| credit.raw(i, j).max(w)),
        };
        Some(credit)
    }

    fn raw(&self, i: usize, j: usize) -> f64 {
        if i == j {
            return 0.0;
        }
        let (a, b) = (self.values[i], self.values[j]);
        match self.level {
            Level::Nominal => 1.0,
            Level::Ordinal => {
                let d = i.abs_diff(j) as f64;
                d * (d + 1.0) / 2.0
            }
            Level::Interval => (a - b) * (a - b),
            Level::Ratio if a + b == 0.0 => 0.0,
            Level::Ratio => ((a - b) / (a + b)).powi(2),
        }
    }

    /// For each category its mean disagreement with all of them, each counted by its share.
    fn spread(&self, shares: &[f64]) -> Vec<f64> {
        let k = shares.len();
        let all: f64 = shares.iter().sum();
        match self.level {
            Level::Nominal => shares.iter().map(|s| all - s).collect(),
            // By moments; a single used category must give exact zeros.
            Level::Interval if k > 64 && shares.iter().filter(|s| **s > 0.0).count() > 1 => {
                let mean = shares.iter().zip(&self.values).map(|(s, v)| s * v).sum::<f64>() / all;
                let spread: f64 = shares.iter().zip(&self.values).map(|(s, v)| s * (v - mean).powi(2)).sum();
                self.values.iter().map(|v| (all * (v - mean).powi(2) + spread) / self.worst).collect()
            }
            _ => (0..k).map(|i| (0..k).map(|j| self.loss(i, j) * shares[j]).sum()).collect(),
        }
    }

    /// Disagreement of categories i and j: 0 for alike, 1 for the worst.
    fn loss(&self, i: usize, j: usize) -> f64 {
        if self.worst == 0.0 { 0.0 } else { self.raw(i, j) / self.worst }
    }
}

/// Which coefficient corrects for chance how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coefficient {
    /// Fleiss 1971, generalised to weights and missing ratings by Gwet 2014.
    Fleiss,
    /// Gwet 2008, Br J Math Stat Psychol 61:29: AC1 with identity weights, AC2 otherwise.
    Gwet,
    /// Brennan and Prediger 1981: all categories equally likely.
    BrennanPrediger,
}

/// What a coefficient is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// The coefficient; its interval is the linearised t(n−1) one, clipped at 1; `n` is items with a rating.
    pub estimate: Estimate,
    /// Standard error by linearisation.
    pub se: Option<f64>,
    /// Observed agreement over items with at least two ratings, weighted.
    pub observed: Option<f64>,
    /// Agreement expected by chance, weighted.
    pub expected: Option<f64>,
}

/// Observed agreement without weights, over items with at least two ratings (each item counts alike).
pub fn percent_agreement(patterns: Sample) -> Estimate {
    let Some(credit) = Credit::new(Level::Nominal, patterns.values) else {
        return Estimate::undefined(Reason::NO_PAIRS, 0);
    };
    let (_, two) = patterns.sizes();
    let lost: f64 = (0..patterns.items.len())
        .filter(|&p| patterns.pairable(p))
        .map(|p| patterns.items[p] * item_loss(&patterns.counts[p], &credit))
        .sum();
    Estimate::ratio(two - lost, two, Reason::NO_PAIRS, two as usize)
}

/// Mean disagreement of the pairs of ratings of one item.
fn item_loss(counts: &Counts, credit: &Credit) -> f64 {
    let r = readers(counts);
    let mut lost = 0.0;
    for (at, &(i, n)) in counts.iter().enumerate() {
        for &(j, m) in &counts[..at] {
            lost += 2.0 * f64::from(n) * f64::from(m) * credit.loss(i as usize, j as usize);
        }
    }
    lost / (r * (r - 1.0))
}

/// How disagreement by chance is spread over categories.
struct Chance {
    /// Expected disagreement.
    total: f64,
    /// Its part for each category, as the linearisation needs it.
    by_category: Vec<f64>,
}

/// A chance-corrected coefficient after Gwet 2014 (irrCAC): prevalences over every item with a rating, observed
/// agreement over items with two, variance by linearisation.
///
/// Edge cases: no item with two ratings, or no disagreement possible by chance (Fleiss: everybody always says the
/// same; Gwet and Brennan–Prediger: only one category in the scale), is undefined with a reason.
pub fn coefficient(patterns: Sample, credit: &Credit, which: Coefficient) -> Agreement {
    let (n, two) = patterns.sizes();
    let none = |reason| Agreement {
        estimate: Estimate::undefined(reason, n as usize),
        se: None,
        observed: None,
        expected: None,
    };
    if two == 0.0 {
        return none(Reason::NO_PAIRS);
    }
    let k = patterns.values.len();
    if k < 2 {
        return none(Reason("only one category"));
    }
    let shares = prevalences(patterns, n);
    let chance = chance(&shares, credit, which);
    let losses: Vec<f64> = (0..patterns.items.len())
        .map(|p| if patterns.pairable(p) { item_loss(&patterns.counts[p], credit) } else { 0.0 })
        .collect();
    let lost: f64 = losses.iter().zip(patterns.items).map(|(l, m)| l * m).sum::<f64>() / two;
    if chance.total <= 0.0 {
        return none(Reason::NO_VARIATION);
    }
    // All in terms of disagreement: 1 − po/… with loss = 1 − agreement keeps exact zeros exact.
    let value = 1.0 - lost / chance.total;
    let mut squares = 0.0;
    for (p, counts) in patterns.counts.iter().enumerate() {
        let own = if patterns.pairable(p) { n / two * (1.0 - losses[p] / chance.total) } else { 0.0 };
        let drift = if which == Coefficient::BrennanPrediger {
            0.0
        } else {
            let mean = counts.iter().map(|c| f64::from(c.1) * chance.by_category[c.0 as usize]).sum::<f64>()
                / readers(counts);
            // pe_i − pe = total − loss_i; the sign turns with the change to disagreement.
            2.0 * (1.0 - value) * (chance.total - mean) / chance.total
        };
        squares += patterns.items[p] * (own - drift - value).powi(2);
    }
    let se = (squares / (n * (n - 1.0))).sqrt();
    let half = if n >= 2.0 { t_quantile(0.975, n - 1.0) * se } else { f64::NAN };
    Agreement {
        estimate: Estimate::new(value, n as usize).with_ci(Some([value - half, (value + half).min(1.0)])),
        se: se.is_finite().then_some(se),
        observed: Some(1.0 - lost),
        expected: Some(1.0 - chance.total),
    }
}

/// Mean over items of the share of their ratings in each category.
fn prevalences(patterns: Sample, n: f64) -> Vec<f64> {
    let mut shares = vec![0.0; patterns.values.len()];
    for (counts, items) in patterns.counts.iter().zip(patterns.items) {
        let r = readers(counts);
        for &(category, m) in counts {
            shares[category as usize] += items * f64::from(m) / r;
        }
    }
    for share in &mut shares {
        *share /= n;
    }
    shares
}

fn chance(shares: &[f64], credit: &Credit, which: Coefficient) -> Chance {
    let k = shares.len() as f64;
    // Disagreement summed over all ordered pairs of categories.
    let all = || credit.spread(&vec![1.0; shares.len()]).iter().sum::<f64>();
    match which {
        Coefficient::Fleiss => {
            let by_category = credit.spread(shares);
            let total = by_category.iter().zip(shares).map(|(l, s)| l * s).sum();
            Chance { total, by_category }
        }
        Coefficient::Gwet => {
            let scale = (k * k - all()) / (k * (k - 1.0));
            let by_category = shares.iter().map(|s| 1.0 - scale * (1.0 - s)).collect();
            let total = 1.0 - scale * shares.iter().map(|s| s * (1.0 - s)).sum::<f64>();
            Chance { total, by_category }
        }
        Coefficient::BrennanPrediger => Chance { total: all() / (k * k), by_category: Vec::new() },
    }
}

/// Krippendorff's α (Krippendorff 2019, *Content Analysis*, 4th ed., ch. 12) from the coincidences of values.
///
/// Items with one rating are dropped. The metric: nominal 0/1; ordinal by the ratings between two categories;
/// interval (a−b)²; ratio ((a−b)/(a+b))². Undefined where no item has two ratings or all pairable ratings are alike.
/// `n` is the number of items with at least two ratings.
pub fn alpha(patterns: Sample, level: Level) -> Estimate {
    let mut totals = vec![0.0; patterns.values.len()];
    let (mut items, mut ratings) = (0.0, 0.0);
    for (p, counts) in patterns.counts.iter().enumerate().filter(|(p, _)| patterns.pairable(*p)) {
        let weight = patterns.items[p];
        items += weight;
        for &(category, n) in counts {
            totals[category as usize] += weight * f64::from(n);
            ratings += weight * f64::from(n);
        }
    }
    if items == 0.0 {
        return Estimate::undefined(Reason::NO_PAIRS, 0);
    }
    let metric = Metric::new(level, patterns.values, &totals);
    let mut observed = 0.0;
    for (p, counts) in patterns.counts.iter().enumerate().filter(|(p, _)| patterns.pairable(*p)) {
        let mut sum = 0.0;
        for (at, &(i, n)) in counts.iter().enumerate() {
            for &(j, m) in &counts[..at] {
                sum += 2.0 * f64::from(n) * f64::from(m) * metric.squared(i as usize, j as usize);
            }
        }
        observed += patterns.items[p] * sum / (readers(counts) - 1.0);
    }
    let expected = metric.expected(&totals) / (ratings - 1.0);
    if expected <= 0.0 {
        return Estimate::undefined(Reason::NO_VARIATION, items as usize);
    }
    Estimate::new(1.0 - observed / expected, items as usize)
}

/// How often categories meet within an item, from which α follows whatever the number of items.
#[derive(Debug, Clone)]
struct Coincidences {
    items: f64,
    totals: Vec<f64>,
    /// Ordered pairs of ratings over the other ratings of their item; cell (i, j) at `i * k + j` for j < i.
    cells: Vec<f64>,
}

impl Coincidences {
    fn of(patterns: Sample) -> Self {
        let k = patterns.values.len();
        let mut all = Self { items: 0.0, totals: vec![0.0; k], cells: vec![0.0; k * k] };
        for (p, counts) in patterns.counts.iter().enumerate().filter(|(p, _)| patterns.pairable(*p)) {
            all.shift(counts, patterns.items[p]);
        }
        all
    }

    fn shift(&mut self, counts: &Counts, by: f64) {
        let (k, others) = (self.totals.len(), readers(counts) - 1.0);
        self.items += by;
        for (at, &(i, n)) in counts.iter().enumerate() {
            self.totals[i as usize] += by * f64::from(n);
            for &(j, m) in &counts[..at] {
                self.cells[i as usize * k + j as usize] += by * 2.0 * f64::from(n) * f64::from(m) / others;
            }
        }
    }

    /// Makes what `counts` touches as it is in `other`.
    fn restore(&mut self, counts: &Counts, other: &Self) {
        let k = self.totals.len();
        self.items = other.items;
        for (at, &(i, _)) in counts.iter().enumerate() {
            self.totals[i as usize] = other.totals[i as usize];
            for &(j, _) in &counts[..at] {
                let cell = i as usize * k + j as usize;
                self.cells[cell] = other.cells[cell];
            }
        }
    }

    fn alpha(&self, values: &[f64], level: Level) -> Option<f64> {
        let k = values.len();
        let metric = Metric::new(level, values, &self.totals);
        let mut observed = 0.0;
        for i in 0..k {
            for j in 0..i {
                let cell = self.cells[i * k + j];
                if cell != 0.0 {
                    observed += cell * metric.squared(i, j);
                }
            }
        }
        let expected = metric.expected(&self.totals) / (self.totals.iter().sum::<f64>() - 1.0);
        (self.items > 0.0 && expected > 0.0).then(|| 1.0 - observed / expected)
    }
}

/// [`alpha`] without one item of each pattern in turn, with how many items show it: what the jackknife needs. Patterns with
/// one rating, and those without which nothing varies, are left out. Costs the patterns times the pairs of categories.
pub fn left_out(patterns: Sample, level: Level) -> Vec<(f64, f64)> {
    let all = Coincidences::of(patterns);
    let mut left = all.clone();
    let mut values = Vec::with_capacity(patterns.items.len());
    for (p, counts) in patterns.counts.iter().enumerate().filter(|(p, _)| patterns.pairable(*p)) {
        left.shift(counts, -1.0);
        values.extend(left.alpha(patterns.values, level).map(|value| (value, patterns.items[p])));
        left.restore(counts, &all);
    }
    values
}

/// Squared differences of all pairs of categories over what chance expects, so that the mean over the pairs of ratings of
/// an item is 0 where all are alike and 1 where they are as unlike as ratings drawn at random; `None` where nothing
/// varies. Cell (i, j) is at `i * k + j`.
///
/// The mean over items, weighted by their ratings, is 1 − [`alpha`].
pub fn disagreement(patterns: Sample, level: Level) -> Option<Vec<f64>> {
    let k = patterns.values.len();
    let mut totals = vec![0.0; k];
    for (p, counts) in patterns.counts.iter().enumerate().filter(|(p, _)| patterns.pairable(*p)) {
        for &(category, n) in counts {
            totals[category as usize] += patterns.items[p] * f64::from(n);
        }
    }
    let ratings: f64 = totals.iter().sum();
    let metric = Metric::new(level, patterns.values, &totals);
    let expected = metric.expected(&totals) / (ratings * (ratings - 1.0));
    (expected > 0.0).then(|| (0..k * k).map(|at| metric.squared(at / k, at % k) / expected).collect())
}

/// The squared difference of two categories.
struct Metric<'a> {
    level: Level,
    values: &'a [f64],
    /// For ordinal: ratings below a category, and half of its own.
    rank: Vec<f64>,
}

impl<'a> Metric<'a> {
    fn new(level: Level, values: &'a [f64], totals: &[f64]) -> Self {
        let mut below = 0.0;
        let rank = if level == Level::Ordinal {
            totals
                .iter()
                .map(|n| {
                    let middle = below + n / 2.0;
                    below += n;
                    middle
                })
                .collect()
        } else {
            Vec::new()
        };
        Self { level, values, rank }
    }

    fn squared(&self, i: usize, j: usize) -> f64 {
        let (a, b) = (self.values[i], self.values[j]);
        match self.level {
            Level::Nominal => f64::from(u8::from(i != j)),
            Level::Ordinal => (self.rank[i] - self.rank[j]).powi(2),
            Level::Interval => (a - b).powi(2),
            Level::Ratio if a + b == 0.0 => 0.0,
            Level::Ratio => ((a - b) / (a + b)).powi(2),
        }
    }

    /// Σ over ordered pairs of categories of n_i n_j δ²; by moments where the metric is a difference of positions.
    fn expected(&self, totals: &[f64]) -> f64 {
        let all: f64 = totals.iter().sum();
        match self.level {
            Level::Nominal => {
                // Exact zero where one category has everything.
                let top = totals.iter().copied().fold(0.0, f64::max);
                if top == all { 0.0 } else { all * all - totals.iter().map(|n| n * n).sum::<f64>() }
            }
            Level::Ordinal => moment(totals, &self.rank, all),
            Level::Interval => moment(totals, self.values, all),
            Level::Ratio => {
                let used: Vec<usize> = (0..totals.len()).filter(|&i| totals[i] > 0.0).collect();
                let row = |at: usize| -> f64 {
                    let i = used[at];
                    used[..at].iter().map(|&j| totals[i] * totals[j] * self.squared(i, j)).sum()
                };
                2.0 * (0..used.len()).map(row).sum::<f64>()
            }
        }
    }
}

/// Σ n_i n_j (x_i − x_j)² = 2 N Σ n (x − mean)².
fn moment(totals: &[f64], positions: &[f64], all: f64) -> f64 {
    let mut used = totals.iter().zip(positions).filter(|(n, _)| **n > 0.0);
    let first = used.next().map_or(0.0, |u| *u.1);
    if used.all(|u| *u.1 == first) {
        return 0.0;
    }
    let mean = totals.iter().zip(positions).map(|(n, x)| n * x).sum::<f64>() / all;
    2.0 * all * totals.iter().zip(positions).map(|(n, x)| n * (x - mean).powi(2)).sum::<f64>()
}
