//! Agreement that is kept up to date read by read, without looking at the other reads again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Level;
use super::cohen::{self, Kappa, Table, Weights};
use super::many::{self, Counts, Patterns, count};

/// Items as patterns of counts and tables of reader pairs, changed one rating at a time.
///
/// A change costs as much as its item has readers; the coefficients cost as much as there are different patterns
/// (`Patterns`), however many reads there are.
#[derive(Debug, Clone, Default)]
pub struct Live {
    values: Vec<f64>,
    items: HashMap<u64, Vec<(u32, u32)>>,
    /// Items by what they show.
    patterns: BTreeMap<Counts, BTreeSet<u64>>,
    pairs: HashMap<(u32, u32), Vec<f64>>,
    scratch: Vec<u32>,
}

impl Live {
    /// No ratings yet; `values` of the categories in order.
    pub fn new(values: Vec<f64>) -> Self {
        Self { values, ..Self::default() }
    }

    /// Takes all ratings of an item, (reader, category), that had none; those outside the scale are left out.
    pub fn fill(&mut self, item: u64, ratings: impl IntoIterator<Item = (u32, u32)>) {
        let k = self.values.len();
        let ratings: Vec<(u32, u32)> = ratings.into_iter().filter(|r| (r.1 as usize) < k).collect();
        for (at, &one) in ratings.iter().enumerate() {
            for &other in &ratings[..at] {
                add(&mut self.pairs, k, one, other, 1.0);
            }
        }
        shift(&mut self.patterns, &ratings, &mut self.scratch, (item, true));
        self.items.insert(item, ratings);
    }

    /// Sets (or with `None` withdraws) the category that `reader` gave `item`; a category outside the scale is
    /// refused with `false`.
    pub fn set(&mut self, item: u64, reader: u32, category: Option<u32>) -> bool {
        if category.is_some_and(|c| c as usize >= self.values.len()) {
            return false;
        }
        let k = self.values.len();
        let ratings = self.items.entry(item).or_default();
        shift(&mut self.patterns, ratings, &mut self.scratch, (item, false));
        if let Some(at) = ratings.iter().position(|r| r.0 == reader) {
            let (_, old) = ratings.swap_remove(at);
            for &(other, theirs) in ratings.iter() {
                add(&mut self.pairs, k, (reader, old), (other, theirs), -1.0);
            }
        }
        if let Some(new) = category {
            for &(other, theirs) in ratings.iter() {
                add(&mut self.pairs, k, (reader, new), (other, theirs), 1.0);
            }
            ratings.push((reader, new));
        }
        shift(&mut self.patterns, ratings, &mut self.scratch, (item, true));
        true
    }

    /// The items as patterns, for the coefficients of all readers.
    pub fn patterns(&self) -> Patterns {
        let (counts, items) = self.patterns.iter().map(|(c, n)| (c.clone(), n.len() as f64)).unzip();
        Patterns { values: self.values.clone(), counts, items }
    }

    /// The items whose readers differ most, at most `most`, with their disagreement ([`many::disagreement`]); of those that
    /// differ alike the ones with the smallest numbers.
    pub fn worst(&self, level: Level, most: usize) -> Vec<(u64, f64)> {
        let k = self.values.len();
        let Some(apart) = many::disagreement(self.patterns().all(), level) else { return Vec::new() };
        let mut by: Vec<(f64, &BTreeSet<u64>)> =
            self.patterns.iter().map(|(counts, items)| (within(counts, &apart, k), items)).collect();
        by.retain(|p| p.0 > 0.0);
        by.sort_by(|p, q| q.0.total_cmp(&p.0));
        let mut worst: Vec<(u64, f64)> = Vec::new();
        for alike in by.chunk_by(|p, q| p.0 == q.0) {
            let left = most - worst.len();
            let first = alike.iter().flat_map(|(_, items)| items.iter().take(left));
            let mut first: Vec<u64> = first.copied().collect();
            first.sort_unstable();
            worst.extend(first.into_iter().take(left).map(|item| (item, alike[0].0)));
            if worst.len() == most {
                break;
            }
        }
        worst
    }

    /// κ of two readers on the items that both rated; `None` where there is none.
    pub fn kappa(&self, a: u32, b: u32, weights: Weights) -> Option<Kappa> {
        Some(cohen::kappa(&self.table(a, b)?, weights))
    }

    /// The categories of two readers on the items that both rated; `None` where there never was one.
    pub fn table(&self, a: u32, b: u32) -> Option<Table> {
        let k = self.values.len();
        let cells = self.pairs.get(&(a.min(b), a.max(b)))?;
        let cells =
            if a <= b { cells.clone() } else { (0..k * k).map(|at| cells[at % k * k + at / k]).collect() };
        Table::from_cells(k, cells)
    }

    /// Pairs of readers that share (or shared) an item, smaller number first.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.pairs.keys().copied()
    }
}

/// Mean disagreement of the pairs of ratings of an item; 0 with fewer than two.
fn within(counts: &Counts, apart: &[f64], k: usize) -> f64 {
    let ratings: f64 = counts.iter().map(|c| f64::from(c.1)).sum();
    let mut sum = 0.0;
    for (at, &(i, n)) in counts.iter().enumerate() {
        for &(j, m) in &counts[..at] {
            sum += 2.0 * f64::from(n) * f64::from(m) * apart[i as usize * k + j as usize];
        }
    }
    if ratings >= 2.0 { sum / (ratings * (ratings - 1.0)) } else { 0.0 }
}

/// Puts the item among those that show its pattern, or takes it out.
fn shift(
    patterns: &mut BTreeMap<Counts, BTreeSet<u64>>,
    ratings: &[(u32, u32)],
    scratch: &mut Vec<u32>,
    (item, there): (u64, bool),
) {
    scratch.clear();
    scratch.extend(ratings.iter().map(|r| r.1));
    let Some(counts) = count(scratch) else { return };
    if there {
        patterns.entry(counts).or_default().insert(item);
    } else if let Some(items) = patterns.get_mut(&counts) {
        items.remove(&item);
        if items.is_empty() {
            patterns.remove(&counts);
        }
    }
}

fn add(pairs: &mut HashMap<(u32, u32), Vec<f64>>, k: usize, one: (u32, u32), other: (u32, u32), by: f64) {
    let ((a, i), (b, j)) = if one.0 < other.0 { (one, other) } else { (other, one) };
    let table = pairs.entry((a, b)).or_insert_with(|| vec![0.0; k * k]);
    table[i as usize * k + j as usize] += by;
}
