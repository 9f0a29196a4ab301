//! Agreement that is kept up to date read by read, without looking at the other reads again.

use std::collections::{BTreeMap, HashMap};

use super::cohen::{self, Kappa, Table, Weights};
use super::many::{Counts, Patterns, count};

/// Items as patterns of counts and tables of reader pairs, changed one rating at a time.
///
/// A change costs as much as its item has readers; the coefficients cost as much as there are different patterns
/// (`Patterns`), however many reads there are.
#[derive(Debug, Clone, Default)]
pub struct Live {
    values: Vec<f64>,
    items: HashMap<u64, Vec<(u32, u32)>>,
    patterns: BTreeMap<Counts, f64>,
    pairs: HashMap<(u32, u32), Vec<f64>>,
    scratch: Vec<u32>,
}

impl Live {
    /// No ratings yet; `values` of the categories in order.
    pub fn new(values: Vec<f64>) -> Self {
        Self { values, ..Self::default() }
    }

    /// Sets (or with `None` withdraws) the category that `reader` gave `item`; a category outside the scale is
    /// refused with `false`.
    pub fn set(&mut self, item: u64, reader: u32, category: Option<u32>) -> bool {
        if category.is_some_and(|c| c as usize >= self.values.len()) {
            return false;
        }
        let k = self.values.len();
        let ratings = self.items.entry(item).or_default();
        shift(&mut self.patterns, ratings, &mut self.scratch, -1.0);
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
        shift(&mut self.patterns, ratings, &mut self.scratch, 1.0);
        true
    }

    /// The items as patterns, for the coefficients of all readers.
    pub fn patterns(&self) -> Patterns {
        let (counts, items) = self.patterns.iter().map(|(c, n)| (c.clone(), *n)).unzip();
        Patterns { values: self.values.clone(), counts, items }
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

/// Counts the item's pattern in or out.
fn shift(patterns: &mut BTreeMap<Counts, f64>, ratings: &[(u32, u32)], scratch: &mut Vec<u32>, by: f64) {
    scratch.clear();
    scratch.extend(ratings.iter().map(|r| r.1));
    let Some(counts) = count(scratch) else { return };
    if let Some(items) = patterns.get_mut(&counts) {
        *items += by;
        if *items == 0.0 {
            patterns.remove(&counts);
        }
    } else {
        patterns.insert(counts, by);
    }
}

fn add(pairs: &mut HashMap<(u32, u32), Vec<f64>>, k: usize, one: (u32, u32), other: (u32, u32), by: f64) {
    let ((a, i), (b, j)) = if one.0 < other.0 { (one, other) } else { (other, one) };
    let table = pairs.entry((a, b)).or_insert_with(|| vec![0.0; k * k]);
    table[i as usize * k + j as usize] += by;
}
