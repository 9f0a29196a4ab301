//! Agreement of what a board holds.

use std::collections::BTreeMap;

use super::column::{Column, Entry, MeasureKey, Scale, code};
use super::{Board, Said, Structure};
use crate::measure::agreement::cohen::{self, Weights};
use crate::measure::agreement::live::Live;
use crate::measure::agreement::many::{self, Coefficient as Which, Counts, Credit, Patterns};
use crate::measure::agreement::moments::{Sums, Totals, alpha_with_interval, jackknife};
use crate::measure::agreement::{Level, bootstrap, warnings};
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::stats::quantile_sorted;

/// Items up to which intervals are bootstrapped (BCa, 1,000 samples, seed 1); beyond, they are the jackknife's.
const BOOTSTRAPPED: usize = 500;
const SAMPLES: usize = 1_000;
/// Different patterns of ratings up to which each can be left out in turn.
const MOST_PATTERNS: usize = 1_500;
/// Different numbers up to which the ratio level compares them by pairs.
const MOST_PAIRED: usize = 5_000;
/// Bins of a continuous value.
const BINS: usize = 12;

/// How well all readers agree on a measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Coefficient {
    /// The measure.
    pub key: MeasureKey,
    /// How its values are read.
    pub scale: Scale,
    /// Krippendorff's α at the scale's level, with its interval; `n` is the items with two ratings or more.
    pub alpha: Estimate,
    /// Unweighted observed agreement; undefined for continuous values.
    pub percent: Estimate,
    /// Ratings in all.
    pub ratings: usize,
    /// Readers who gave any.
    pub readers: usize,
    /// Where α misleads.
    pub warning: Option<&'static str>,
}

/// What a coefficient of two readers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairKind {
    /// Cohen's κ.
    Kappa,
    /// Cohen's κ with quadratic weights.
    WeightedKappa,
    /// Lin's concordance correlation.
    Concordance,
}

/// Two readers against each other, by position in [`Detail::readers`].
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The first reader.
    pub a: usize,
    /// The second.
    pub b: usize,
    /// Their coefficient; `n` is the items that both rated.
    pub value: Estimate,
    /// Where it misleads.
    pub warning: Option<&'static str>,
}

/// How often a reader looked at items of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// The reader's number on the board.
    pub reader: u32,
    /// Found it.
    pub found: usize,
    /// Looked and found nothing.
    pub nothing: usize,
    /// Did not look.
    pub not_looked: usize,
}

/// What a reader said of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f64),
    /// A category.
    Category(String),
    /// Looked and found nothing.
    Nothing,
    /// Found it and said nothing of this measure.
    Unsaid,
    /// Did not look.
    NotLooked,
}

/// An item on which readers differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The item's number on the board.
    pub item: u32,
    /// Disagreement over what chance expects.
    pub disagreement: f64,
    /// What each reader said, by position in [`Detail::readers`].
    pub cells: Vec<Cell>,
}

/// A measure taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// Who reads the structure, by name.
    pub readers: Vec<Looks>,
    /// What the coefficient of pairs is.
    pub kind: PairKind,
    /// Every pair once.
    pub pairs: Vec<Pair>,
    /// Edges of the bins of a continuous value; empty where the bins are the scale's categories.
    pub edges: Vec<f64>,
    /// Ratings of each reader by bin.
    pub distribution: Vec<Vec<u64>>,
    /// Items on which readers differ most, the worst first.
    pub worst: Vec<Case>,
}

impl Board {
    /// The coefficient of a measure; `None` for one that nobody said anything of.
    pub fn coefficient(&mut self, key: &MeasureKey) -> Option<Coefficient> {
        let (spec, name) = (self.spec(key), self.measures.find(&key.name)?);
        let column = self.structures.get_mut(&key.structure)?.columns.get_mut(&name)?;
        if let Some(known) = &column.answered
            && known.0 == column.revision
        {
            return Some(known.1.clone());
        }
        let (ratings, readers) = column.sizes();
        let (scale, live) = column.live(&spec, &self.texts);
        let scale = scale.clone();
        let (alpha, percent, warning) = match live {
            Some(live) => of_categories(&live.patterns(), scale.level),
            None => {
                let undefined = Estimate::undefined(Reason("values are continuous"), ratings);
                (of_numbers(column, scale.level), undefined, None)
            }
        };
        let found = Coefficient { key: key.clone(), scale, alpha, percent, ratings, readers, warning };
        column.answered = Some((column.revision, found.clone()));
        Some(found)
    }

    /// A measure taken apart, with at most `worst` cases.
    pub fn detail(&mut self, key: &MeasureKey, worst: usize) -> Option<Detail> {
        let (spec, name) = (self.spec(key), self.measures.find(&key.name)?);
        let structure = self.structures.get_mut(&key.structure)?;
        let readers = looks(structure, &self.readers);
        let column = structure.columns.get_mut(&name)?;
        let (scale, live) = column.live(&spec, &self.texts);
        let (scale, position) = (scale.clone(), positions(&readers));
        let patterns = live.map(Live::patterns);
        let (kind, pairs) = match live {
            Some(live) => category_pairs(live, &readers, scale.level),
            None => (PairKind::Concordance, number_pairs(column, &readers, &position)),
        };
        let column = structure.columns.get(&name)?;
        let (edges, distribution) = distribution(column, &scale, &position);
        let ranked = ranked(column, &scale, patterns, worst);
        let texts = |text| self.texts.name(text).to_owned();
        let worst = ranked.into_iter().map(|(place, disagreement)| Case {
            item: structure.items[place as usize],
            disagreement,
            cells: cells(structure, column, place, &readers, texts)
                .into_iter()
                .map(|cell| {
                    if name == 0 && cell == Cell::Number(1.0) { Cell::Category("found".into()) } else { cell }
                })
                .collect(),
        });
        let worst = worst.collect();
        Some(Detail { readers, kind, pairs, edges, distribution, worst })
    }
}

/// α, observed agreement and a warning, from patterns of categories.
fn of_categories(patterns: &Patterns, level: Level) -> (Estimate, Estimate, Option<&'static str>) {
    let alpha = many::alpha(patterns.all(), level);
    let percent = many::percent_agreement(patterns.all());
    let ac1 = Credit::new(Level::Nominal, &patterns.values)
        .and_then(|credit| many::coefficient(patterns.all(), &credit, Which::Gwet).estimate.value);
    let observed = percent.value.unwrap_or(0.0);
    let warning = warnings::paradox(observed, alpha.value, ac1, None).map(warnings::Paradox::message);
    let ci = alpha.value.and_then(|value| interval(patterns, level, value));
    (alpha.with_ci(ci), percent, warning)
}

fn interval(patterns: &Patterns, level: Level, value: f64) -> Option<[f64; 2]> {
    let items: f64 = patterns.items.iter().sum();
    if items <= BOOTSTRAPPED as f64 {
        let repeat = |(group, n): (usize, &f64)| vec![group as u32; *n as usize];
        let group: Vec<u32> = patterns.items.iter().enumerate().flat_map(repeat).collect();
        let statistic = |drawn: &[f64]| [many::alpha(patterns.resampled(drawn), level).value];
        return bootstrap::intervals(&group, patterns.items.len(), SAMPLES, 1, statistic)[0];
    }
    if patterns.items.len() > MOST_PATTERNS {
        return None;
    }
    let mut left = patterns.items.clone();
    let mut left_out = Vec::with_capacity(left.len());
    for at in 0..left.len() {
        let pairable = patterns.counts[at].iter().map(|c| c.1).sum::<u32>() >= 2;
        if !pairable {
            continue;
        }
        left[at] -= 1.0;
        left_out.extend(many::alpha(patterns.resampled(&left), level).value.map(|v| (v, patterns.items[at])));
        left[at] += 1.0;
    }
    jackknife(value, &left_out)
}

/// α of continuous values.
fn of_numbers(column: &Column, level: Level) -> Estimate {
    if level != Level::Interval {
        return of_many_categories(column, level);
    }
    let alpha = alpha_with_interval(&column.sums);
    if alpha.n > BOOTSTRAPPED || alpha.value.is_none() {
        return alpha;
    }
    let items: Vec<Sums> = column.sums.iter().filter(|s| !s.is_empty()).copied().collect();
    let group: Vec<u32> = (0..items.len() as u32).collect();
    let statistic = |drawn: &[f64]| [Totals::of(items.iter().zip(drawn.iter().copied())).alpha().value];
    let ci = bootstrap::intervals(&group, items.len(), SAMPLES, 1, statistic)[0];
    alpha.with_ci(ci)
}

/// α where every different number is a category; without an interval.
fn of_many_categories(column: &Column, level: Level) -> Estimate {
    let mut values: Vec<f64> = column.cells.iter().flatten().filter_map(|e| number(e.said)).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    if level == Level::Ratio && values.len() > MOST_PAIRED {
        return Estimate::undefined(Reason("too many different values"), values.len());
    }
    let mut seen: BTreeMap<Counts, f64> = BTreeMap::new();
    for cells in &column.cells {
        let place = |v: f64| values.binary_search_by(|x| x.total_cmp(&v)).ok().map(|at| at as u32);
        let mut row: Vec<u32> = cells.iter().filter_map(|e| place(number(e.said)?)).collect();
        if let Some(counts) = many::count(&mut row) {
            *seen.entry(counts).or_insert(0.0) += 1.0;
        }
    }
    let (counts, items) = seen.into_iter().unzip();
    many::alpha(Patterns { values, counts, items }.all(), level)
}

fn number(said: Said) -> Option<f64> {
    if let Said::Number(n) = said { Some(n) } else { None }
}

/// Who reads a structure, by name, with how often.
fn looks(structure: &Structure, names: &super::Names) -> Vec<Looks> {
    let mut all: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    if let Some(presence) = structure.columns.get(&0) {
        for (&(reader, value), &n) in &presence.tally {
            let (found, nothing) = all.entry(reader).or_default();
            *(if value == code(Said::Number(1.0)) { found } else { nothing }) += n as usize;
        }
    }
    let items = structure.items.len();
    let mut looks: Vec<Looks> = all
        .into_iter()
        .map(|(reader, (found, nothing))| Looks {
            reader,
            found,
            nothing,
            not_looked: items - found - nothing,
        })
        .collect();
    looks.sort_by_key(|l| names.name(l.reader).to_owned());
    looks
}

/// Positions of readers by their number.
fn positions(readers: &[Looks]) -> BTreeMap<u32, usize> {
    readers.iter().enumerate().map(|(at, l)| (l.reader, at)).collect()
}

fn category_pairs(live: &Live, readers: &[Looks], level: Level) -> (PairKind, Vec<Pair>) {
    let (kind, weights) = match level {
        Level::Nominal => (PairKind::Kappa, Weights::None),
        _ => (PairKind::WeightedKappa, Weights::Quadratic),
    };
    let mut pairs = Vec::new();
    for b in 0..readers.len() {
        for a in 0..b {
            let table = live.table(readers[a].reader, readers[b].reader).filter(|t| t.total() > 0.0);
            let (value, warning) = match &table {
                Some(table) => {
                    let warning = warnings::of_table(table).map(warnings::Paradox::message);
                    (cohen::kappa(table, weights).estimate, warning)
                }
                None => (Estimate::undefined(Reason("no item was rated by both"), 0), None),
            };
            pairs.push(Pair { a, b, value, warning });
        }
    }
    (kind, pairs)
}

fn number_pairs(column: &Column, readers: &[Looks], position: &BTreeMap<u32, usize>) -> Vec<Pair> {
    let n = readers.len();
    let centre = column.centre.unwrap_or(0.0);
    let dense = dense(position);
    let mut both = vec![Concordance::default(); n * n];
    for cells in &column.cells {
        for (at, one) in cells.iter().enumerate() {
            let (i, Some(x)) = (dense[one.reader as usize], number(one.said)) else { continue };
            for other in &cells[..at] {
                let (j, Some(y)) = (dense[other.reader as usize], number(other.said)) else { continue };
                let (a, b, x, y) = if i < j { (i, j, x, y) } else { (j, i, y, x) };
                both[a * n + b].push(x - centre, y - centre);
            }
        }
    }
    let mut pairs = Vec::new();
    for b in 0..n {
        for a in 0..b {
            pairs.push(Pair { a, b, value: both[a * n + b].estimate(), warning: None });
        }
    }
    pairs
}

/// Positions of readers by their number, for all numbers up to the largest.
fn dense(position: &BTreeMap<u32, usize>) -> Vec<usize> {
    let size = position.last_key_value().map_or(0, |last| *last.0 as usize + 1);
    let mut dense = vec![0; size];
    position.iter().for_each(|(reader, at)| dense[*reader as usize] = *at);
    dense
}

/// Sums from which Lin's concordance (Lin 1989, Biometrics 45:255) follows.
#[derive(Debug, Clone, Copy, Default)]
struct Concordance {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Concordance {
    fn push(&mut self, x: f64, y: f64) {
        self.n += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.yy += y * y;
        self.xy += x * y;
    }

    fn estimate(&self) -> Estimate {
        let n = self.n;
        if n == 0.0 {
            return Estimate::undefined(Reason("no item was rated by both"), 0);
        }
        let spread = self.xx + self.yy - (self.x * self.x + self.y * self.y) / n;
        let apart = (self.x - self.y).powi(2) / n;
        let whole = spread + apart;
        // What is left of the squares where nothing varies is rounding.
        if whole <= 1e-14 * (self.xx + self.yy) {
            return Estimate::undefined(Reason::NO_VARIATION, n as usize);
        }
        Estimate::new(2.0 * (self.xy - self.x * self.y / n) / whole, n as usize)
    }
}

/// Edges of the bins (of continuous values) and ratings of each reader by bin.
fn distribution(
    column: &Column,
    scale: &Scale,
    position: &BTreeMap<u32, usize>,
) -> (Vec<f64>, Vec<Vec<u64>>) {
    if !scale.continuous {
        let mut counts = vec![vec![0; scale.labels.len()]; position.len()];
        for (&(reader, value), &n) in &column.tally {
            if let (Some(bin), Some(&at)) = (scale.position_of(value), position.get(&reader)) {
                counts[at][bin as usize] += n;
            }
        }
        return (Vec::new(), counts);
    }
    let edges = edges(column);
    let bins = edges.len().saturating_sub(1);
    let mut counts = vec![vec![0; bins]; position.len()];
    let dense = dense(position);
    for entry in column.cells.iter().flatten() {
        if let (Some(v), true) = (number(entry.said), bins > 0) {
            let bin = edges.partition_point(|e| *e <= v).saturating_sub(1).min(bins - 1);
            counts[dense[entry.reader as usize]][bin] += 1;
        }
    }
    (edges, counts)
}

/// Edges of equal width, of the logarithm where all values are positive and span more than a factor of ten.
fn edges(column: &Column) -> Vec<f64> {
    let values = column.cells.iter().flatten().filter_map(|e| number(e.said));
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

/// Places of items by disagreement, the worst first.
fn ranked(column: &Column, scale: &Scale, patterns: Option<Patterns>, worst: usize) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = match patterns {
        None => {
            let totals = Totals::of(column.sums.iter().map(|i| (i, 1.0)));
            (0..).zip(&column.sums).filter_map(|(place, i)| Some((place, totals.disagreement(i)?))).collect()
        }
        Some(patterns) => {
            let Some(apart) = many::disagreement(patterns.all(), scale.level) else { return Vec::new() };
            let k = scale.values.len();
            let mut row = Vec::new();
            let mut of = |cells: &Vec<Entry>| {
                row.clear();
                row.extend(cells.iter().filter_map(|e| scale.position(e.said)));
                let pair = |(at, i): (usize, &u32)| -> f64 {
                    row[..at].iter().map(|j| apart[*i as usize * k + *j as usize]).sum()
                };
                let m = row.len() as f64;
                (m >= 2.0).then(|| 2.0 * row.iter().enumerate().map(pair).sum::<f64>() / (m * (m - 1.0)))
            };
            (0..).zip(&column.cells).filter_map(|(place, cells)| Some((place, of(cells)?))).collect()
        }
    };
    all.retain(|c| c.1 > 0.0);
    let order = |p: &(u32, f64), q: &(u32, f64)| q.1.total_cmp(&p.1).then(p.0.cmp(&q.0));
    if all.len() > worst && worst > 0 {
        all.select_nth_unstable_by(worst - 1, order);
    }
    all.truncate(worst);
    all.sort_unstable_by(order);
    all
}

fn cells(
    structure: &Structure,
    column: &Column,
    place: u32,
    readers: &[Looks],
    text: impl Fn(u32) -> String,
) -> Vec<Cell> {
    let said = |reader: u32| column.cells[place as usize].iter().find(|e| e.reader == reader);
    readers
        .iter()
        .map(|l| {
            let Some(at) = structure.latest(place, l.reader) else { return Cell::NotLooked };
            if structure.rows[at as usize].nothing {
                return Cell::Nothing;
            }
            match said(l.reader).map(|e| e.said) {
                Some(Said::Number(n)) => Cell::Number(n),
                Some(Said::Text(t)) => Cell::Category(text(t)),
                None => Cell::Unsaid,
            }
        })
        .collect()
}

/// The median of some values; none where there is none.
pub(super) fn median_of(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile_sorted(values, 0.5))
}
