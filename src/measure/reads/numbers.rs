//! Agreement on continuous values, kept up to date read by read.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::RatedValue;
use super::column::Entry;
use crate::measure::agreement::moments::{Running, Sums, Totals};
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::exact::ExactSum;

/// Bins of a continuous value.
const BINS: usize = 12;

/// What is known of the numbers of a column: every change costs as much as its item has readers.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// A value near all values: what is summed is less it.
    centre: f64,
    /// By place of the item.
    sums: Vec<Sums>,
    running: Running,
    /// Items whose readers differ, the worst first.
    apart: BTreeSet<(Reverse<u64>, u32)>,
    pairs: HashMap<(u32, u32), Concordance>,
    /// None where the edges have to be found anew.
    bins: Option<Bins>,
}

/// Ratings of each reader in bins.
#[derive(Debug, Clone)]
struct Bins {
    edges: Vec<f64>,
    counts: HashMap<u32, Vec<u64>>,
}

impl Numbers {
    /// Of all cells, by place.
    pub fn of(cells: &[Vec<Entry>]) -> Self {
        let first = cells.iter().flatten().find_map(|e| number(e.said)).unwrap_or(0.0);
        let mut all = Self::around(first, cells);
        let totals = all.running.totals();
        if totals.off_centre() {
            all = Self::around(first + totals.mean(), cells);
        }
        for cells in cells {
            for (at, one) in cells.iter().enumerate() {
                for other in &cells[..at] {
                    all.pair((one.reader, one.said), (other.reader, other.said), Concordance::put);
                }
            }
        }
        all
    }

    /// Everything but the pairs.
    fn around(centre: f64, cells: &[Vec<Entry>]) -> Self {
        let sums: Vec<Sums> = cells.iter().map(|c| sums_of(c, centre)).collect();
        let mut running = Running::default();
        sums.iter().for_each(|item| running.put(item));
        let apart = (0..).zip(&sums).filter_map(|(place, item)| rank(item, place)).collect();
        Self { centre, sums, running, apart, pairs: HashMap::new(), bins: None }
    }

    pub fn grow(&mut self, items: usize) {
        self.sums.resize(items, Sums::default());
    }

    /// Takes a change of what a reader says of an item; `cells` are the item's after it.
    pub fn set(
        &mut self,
        place: u32,
        reader: u32,
        (old, new): (Option<RatedValue>, Option<RatedValue>),
        cells: &[Entry],
    ) {
        for other in cells.iter().filter(|e| e.reader != reader) {
            let other = (other.reader, other.said);
            if let Some(old) = old {
                self.pair((reader, old), other, Concordance::withdraw);
            }
            if let Some(new) = new {
                self.pair((reader, new), other, Concordance::put);
            }
        }
        let item = &mut self.sums[place as usize];
        let before = std::mem::replace(item, sums_of(cells, self.centre));
        if let Some(key) = rank(&before, place) {
            self.apart.remove(&key);
        }
        self.apart.extend(rank(item, place));
        self.running.withdraw(&before);
        self.running.put(item);
        let (old, new) = (old.and_then(number), new.and_then(number));
        if self.bins.as_mut().is_some_and(|bins| !bins.set(reader, old, new)) {
            self.bins = None;
        }
    }

    fn pair(&mut self, one: (u32, RatedValue), other: (u32, RatedValue), by: fn(&mut Concordance, f64, f64)) {
        let (Some(x), Some(y)) = (number(one.1), number(other.1)) else { return };
        let (x, y) = (x - self.centre, y - self.centre);
        let (pair, x, y) = if one.0 < other.0 { ((one.0, other.0), x, y) } else { ((other.0, one.0), y, x) };
        by(self.pairs.entry(pair).or_default(), x, y);
    }

    /// α at the interval level, with the infinitesimal jackknife's interval.
    pub fn alpha(&self) -> Estimate {
        self.running.alpha()
    }

    /// Whether its sums lose digits: then it has to be made anew.
    pub fn off_centre(&self) -> bool {
        self.running.totals().off_centre()
    }

    /// The sums of every item that somebody gave a number.
    pub fn items(&self) -> Vec<Sums> {
        self.sums.iter().filter(|s| !s.is_empty()).copied().collect()
    }

    /// The items whose readers differ most, by place, with their disagreement over what chance expects.
    pub fn worst(&self, most: usize) -> Vec<(u32, f64)> {
        let totals: Totals = self.running.totals();
        let worst = self.apart.iter().take(most);
        worst
            .filter_map(|&(_, place)| Some((place, totals.disagreement(&self.sums[place as usize])?)))
            .collect()
    }

    /// Lin's concordance of two readers.
    pub fn concordance(&self, a: u32, b: u32) -> Estimate {
        let none = || Estimate::undefined(Reason("no item was rated by both"), 0);
        self.pairs.get(&(a.min(b), a.max(b))).map_or_else(none, Concordance::estimate)
    }

    /// Edges of the bins, and ratings of readers by bin.
    pub fn bins(&mut self, cells: &[Vec<Entry>]) -> (&[f64], &HashMap<u32, Vec<u64>>) {
        let bins = self.bins.take().unwrap_or_else(|| Bins::of(cells));
        let bins = self.bins.insert(bins);
        (&bins.edges, &bins.counts)
    }
}

/// Where an item stands among those whose readers differ; bits of positive numbers are in the order of the numbers.
fn rank(item: &Sums, place: u32) -> Option<(Reverse<u64>, u32)> {
    let apart = item.apart();
    (apart > 0.0 && apart.is_finite()).then(|| (Reverse(apart.to_bits()), place))
}

fn sums_of(cells: &[Entry], centre: f64) -> Sums {
    Sums::of(cells.iter().filter_map(|e| number(e.said)), centre)
}

pub(super) fn number(said: RatedValue) -> Option<f64> {
    if let RatedValue::Number(n) = said { Some(n) } else { None }
}

impl Bins {
    fn of(cells: &[Vec<Entry>]) -> Self {
        let mut bins = Self { edges: edges(cells), counts: HashMap::new() };
        for entry in cells.iter().flatten() {
            if let Some(v) = number(entry.said) {
                bins.count(entry.reader, v, true);
            }
        }
        bins
    }

    /// Takes a change; `false` where it may move the edges.
    fn set(&mut self, reader: u32, old: Option<f64>, new: Option<f64>) -> bool {
        let (Some(&low), Some(&high)) = (self.edges.first(), self.edges.last()) else { return false };
        if !old.into_iter().chain(new).all(|v| low < v && v < high) {
            return false;
        }
        if let Some(old) = old {
            self.count(reader, old, false);
        }
        if let Some(new) = new {
            self.count(reader, new, true);
        }
        true
    }

    fn count(&mut self, reader: u32, v: f64, more: bool) {
        let bins = self.edges.len().saturating_sub(1);
        if bins == 0 {
            return;
        }
        let bin = self.edges.partition_point(|e| *e <= v).saturating_sub(1).min(bins - 1);
        let counts = self.counts.entry(reader).or_insert_with(|| vec![0; bins]);
        if more {
            counts[bin] += 1;
        } else {
            counts[bin] -= 1;
        }
    }
}

/// Edges of equal width, of the logarithm where all values are positive and span more than a factor of ten.
fn edges(cells: &[Vec<Entry>]) -> Vec<f64> {
    let values = cells.iter().flatten().filter_map(|e| number(e.said));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return Vec::new();
    }
    let wide = low > 0.0 && high > 10.0 * low;
    let bins = if low == high { 1 } else { BINS };
    let at = |k: usize| {
        let t = k as f64 / bins as f64;
        if wide { low * (high / low).powf(t) } else { low + (high - low) * t }
    };
    let mut edges: Vec<f64> = (0..=bins).map(at).collect();
    edges[bins] = high;
    edges
}

/// Sums from which Lin's concordance (Lin 1989, Biometrics 45:255) follows.
#[derive(Debug, Clone, Default)]
struct Concordance {
    n: u64,
    /// x, y, x², y², xy.
    sums: [ExactSum; 5],
}

impl Concordance {
    fn put(&mut self, x: f64, y: f64) {
        self.n += 1;
        for (sum, term) in self.sums.iter_mut().zip(Self::terms(x, y)) {
            sum.add(term);
        }
    }

    fn withdraw(&mut self, x: f64, y: f64) {
        self.n -= 1;
        for (sum, term) in self.sums.iter_mut().zip(Self::terms(x, y)) {
            sum.subtract(term);
        }
    }

    fn terms(x: f64, y: f64) -> [f64; 5] {
        [x, y, x * x, y * y, x * y]
    }

    fn estimate(&self) -> Estimate {
        let (n, items) = (self.n as f64, self.n as usize);
        if self.n == 0 {
            return Estimate::undefined(Reason("no item was rated by both"), 0);
        }
        let [x, y, xx, yy, xy] = self.sums.each_ref().map(ExactSum::value);
        let spread = xx + yy - (x * x + y * y) / n;
        let apart = (x - y).powi(2) / n;
        let whole = spread + apart;
        // What is left of the squares where nothing varies is rounding.
        if whole <= 1e-14 * (xx + yy) {
            return Estimate::undefined(Reason::NO_VARIATION, items);
        }
        Estimate::new(2.0 * (xy - x * y / n) / whole, items)
    }
}
