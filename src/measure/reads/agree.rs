//! Agreement of what a board holds.

use std::collections::BTreeMap;

use super::column::{Column, MeasureKey, Scale, code};
use super::numbers::{Numbers, number};
use super::{RatedValue, ReadIndex, Structure};
use crate::measure::agreement::cohen::{self, Weights};
use crate::measure::agreement::live::Live;
use crate::measure::agreement::many::{self, Coefficient as Which, Counts, Credit, Patterns};
use crate::measure::agreement::moments::{Totals, alpha_with_interval, jackknife};
use crate::measure::agreement::{Level, bootstrap, warnings};
use crate::measure::estimate::{Estimate, Reason};
use crate::measure::stats::quantile_sorted;

/// Items up to which intervals are bootstrapped (BCa, 1,000 samples, seed 1); beyond, they are the jackknife's.
const BOOTSTRAPPED: usize = 500;
/// Items up to which each item of continuous values is left out in turn; beyond, the jackknife is the infinitesimal one:
/// among fewer, a few large items can make it a tenth or more too narrow.
const EACH_LEFT_OUT: usize = 50_000;
const SAMPLES: usize = 1_000;
/// Different patterns of ratings times pairs of categories up to which each pattern is left out in turn.
const MOST_LEFT_OUT: usize = 20_000_000;
/// Different numbers up to which the ratio level compares them by pairs.
const MOST_PAIRED: usize = 5_000;

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

/// The details of a measure.
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

impl ReadIndex {
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

    /// The details of a measure, with at most `worst` cases.
    pub fn detail(&mut self, key: &MeasureKey, worst: usize) -> Option<Detail> {
        let (spec, name) = (self.spec(key), self.measures.find(&key.name)?);
        let structure = self.structures.get_mut(&key.structure)?;
        let readers = looks(structure, &self.readers);
        let column = structure.columns.get_mut(&name)?;
        let (scale, live) = column.live(&spec, &self.texts);
        let (scale, position) = (scale.clone(), positions(&readers));
        let (kind, pairs, ranked) = if let Some(live) = live {
            let (kind, pairs) = category_pairs(live, &readers, scale.level);
            let ranked = live.worst(scale.level, worst).into_iter().map(|(at, d)| (at as u32, d)).collect();
            (kind, pairs, ranked)
        } else {
            let numbers = column.numbers();
            (PairKind::Concordance, number_pairs(numbers, &readers), numbers.worst(worst))
        };
        let (edges, distribution) = distribution(column, &scale, &position);
        let column = structure.columns.get(&name)?;
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
    let pairs = patterns.values.len().pow(2);
    if patterns.items.len().saturating_mul(pairs) > MOST_LEFT_OUT {
        return None;
    }
    jackknife(value, &many::left_out(patterns.all(), level))
}

/// α of continuous values.
fn of_numbers(column: &mut Column, level: Level) -> Estimate {
    if level != Level::Interval {
        return of_many_categories(column, level);
    }
    let numbers = column.numbers();
    let alpha = numbers.alpha();
    if alpha.n > EACH_LEFT_OUT || alpha.value.is_none() {
        return alpha;
    }
    let items = numbers.items();
    if alpha.n > BOOTSTRAPPED {
        return alpha.with_ci(alpha_with_interval(&items).ci95);
    }
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

/// Who reads a structure, by name, with how often.
fn looks(structure: &Structure, names: &super::Names) -> Vec<Looks> {
    let mut all: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    if let Some(presence) = structure.columns.get(&0) {
        for (&(reader, value), &n) in &presence.tally {
            let (found, nothing) = all.entry(reader).or_default();
            *(if value == code(RatedValue::Number(1.0)) { found } else { nothing }) += n as usize;
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

fn number_pairs(numbers: &Numbers, readers: &[Looks]) -> Vec<Pair> {
    let pairs = (0..readers.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    let value = |a: usize, b: usize| numbers.concordance(readers[a].reader, readers[b].reader);
    pairs.map(|(a, b)| Pair { a, b, value: value(a, b), warning: None }).collect()
}

/// Edges of the bins (of continuous values) and ratings of each reader by bin.
fn distribution(
    column: &mut Column,
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
    let (edges, by_reader) = column.bins();
    let none = vec![0; edges.len().saturating_sub(1)];
    let of = |reader: &u32| by_reader.get(reader).unwrap_or(&none).clone();
    let mut counts = vec![none.clone(); position.len()];
    for (reader, &at) in position {
        counts[at] = of(reader);
    }
    (edges.to_vec(), counts)
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
                Some(RatedValue::Number(n)) => Cell::Number(n),
                Some(RatedValue::Text(t)) => Cell::Category(text(t)),
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
