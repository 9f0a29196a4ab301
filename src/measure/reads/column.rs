//! One measure of one structure: what each reader last said of each item.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::numbers::Numbers;
use super::panel::ExcludedReaders;
use super::trace::{CachedChart, PooledCharts};
use super::{Coefficient, Names, RatedValue};
use crate::measure::agreement::Level;
use crate::measure::agreement::live::Live;

/// Different numbers up to which a measure is a scale of categories; beyond, its values are continuous.
const MOST_CATEGORIES: usize = 20;

/// A measure: something that readers say of a structure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MeasureKey {
    /// The structure; empty where nobody said.
    pub structure: String,
    /// The name of what is said.
    pub name: String,
}

/// What is known of a measure beforehand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// What its numbers mean; without it: names for text, an order for up to twenty whole numbers, else equal steps.
    pub level: Option<Level>,
    /// The categories in order; without them, those that occur, sorted.
    pub scale: Option<Vec<String>>,
}

/// How the values of a measure are to be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scale {
    /// What the numbers mean.
    pub level: Level,
    /// Values are continuous: there are no categories.
    pub continuous: bool,
    /// Categories in order.
    pub labels: Vec<String>,
    /// Their values: the numbers themselves, or positions from 1 where they are text.
    pub values: Vec<f64>,
    codes: Vec<Code>,
}

/// A value that can be compared and counted: whether it is text, and its number or order.
pub(crate) type Code = (bool, u64);

impl Scale {
    fn of(mut categories: Vec<(Code, String)>, level: Option<Level>, sort: bool) -> Self {
        let texts = categories.iter().any(|c| c.0.0);
        if sort && texts {
            categories.sort_by(|a, b| a.1.cmp(&b.1));
        }
        let (codes, labels): (Vec<Code>, Vec<String>) = categories.into_iter().unzip();
        let values = if texts {
            (1..=codes.len()).map(|k| k as f64).collect()
        } else {
            codes.iter().map(|c| number(c.1)).collect()
        };
        let level = level.unwrap_or(if texts { Level::Nominal } else { Level::Ordinal });
        Self { level, continuous: false, labels, values, codes }
    }

    /// The category of a value; none outside the scale.
    pub(crate) fn position(&self, said: RatedValue) -> Option<u32> {
        self.position_of(code(said))
    }

    /// The category of a code.
    pub(crate) fn position_of(&self, code: Code) -> Option<u32> {
        self.codes.iter().position(|c| *c == code).map(|at| at as u32)
    }
}

/// What one reader last said of an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub reader: u32,
    pub row: u32,
    pub said: RatedValue,
}

/// A measure's values by place of the item.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub cells: Vec<Vec<Entry>>,
    /// How often each value occurs, until there are too many different numbers.
    counts: BTreeMap<Code, u64>,
    /// There were more different numbers than a scale has.
    many: bool,
    /// Values that are no whole numbers.
    fractions: u64,
    /// Numbers that are not above zero.
    pub not_positive: u64,
    /// How often each reader gave each value; values are all one for continuous ones.
    pub tally: HashMap<(u32, Code), u64>,
    is_presence: bool,
    /// Grows whenever what it answers may have changed.
    pub revision: u64,
    /// Agreement kept up to date, with the scale that it counts in; none where it has to be made anew.
    live: Option<(Scale, Live)>,
    /// Agreement on numbers kept up to date, from when it was first asked for.
    numbers: Option<Numbers>,
    /// The last coefficient, with the revision that it belongs to.
    pub answered: Option<(u64, Coefficient)>,
    /// Charts and what has changed since: by reader, how it is compared, and who was left out.
    pub charts: HashMap<(u32, u8, ExcludedReaders), CachedChart<u32>>,
    /// Charts of all readers together.
    pub whole: Option<PooledCharts>,
}

impl Column {
    pub fn new(items: usize, is_presence: bool) -> Self {
        Self {
            cells: vec![Vec::new(); items],
            counts: BTreeMap::new(),
            many: false,
            fractions: 0,
            not_positive: 0,
            tally: HashMap::new(),
            is_presence,
            revision: 0,
            live: None,
            numbers: None,
            answered: None,
            charts: HashMap::new(),
            whole: None,
        }
    }

    pub fn grow(&mut self, items: usize) {
        self.cells.resize(items, Vec::new());
        if let Some(numbers) = &mut self.numbers {
            numbers.grow(items);
        }
    }

    /// A read of an item, which these readers looked at, is another than before.
    pub fn touch(&mut self, item: u32, looks: &[(u32, u32)]) {
        for (known, chart) in &mut self.charts {
            if looks.iter().any(|l| l.0 == known.0) {
                chart.touch(item);
            }
        }
        if let Some(whole) = &mut self.whole {
            whole.touch(item);
        }
    }

    /// Sets (or with `None` withdraws) what a reader says of an item.
    pub fn set(&mut self, place: u32, reader: u32, row: u32, said: Option<RatedValue>) {
        let cells = &mut self.cells[place as usize];
        let there = cells.iter().position(|e| e.reader == reader);
        let old = there.map(|at| cells[at].said);
        match (there, said) {
            (Some(at), Some(said)) => cells[at] = Entry { reader, row, said },
            (Some(at), None) => drop(cells.swap_remove(at)),
            (None, Some(said)) => cells.push(Entry { reader, row, said }),
            (None, None) => return,
        }
        self.revision += 1;
        if old != said {
            self.count(old, said);
            self.tally(reader, old, said);
            self.follow(place, reader, said);
            if let Some(numbers) = &mut self.numbers {
                numbers.set(place, reader, (old, said), &self.cells[place as usize]);
            }
        }
    }

    fn tally(&mut self, reader: u32, old: Option<RatedValue>, new: Option<RatedValue>) {
        let key = |said: RatedValue| (reader, if self.many { (false, 0) } else { code(said) });
        let (old, new) = (old.map(key), new.map(key));
        if let Some(new) = new {
            *self.tally.entry(new).or_insert(0) += 1;
        }
        if let Some(old) = old
            && let Some(left) = self.tally.get_mut(&old)
        {
            *left -= 1;
            if *left == 0 {
                self.tally.remove(&old);
            }
        }
    }

    /// How many ratings there are, and how many readers gave any.
    pub fn sizes(&self) -> (usize, usize) {
        let readers: BTreeSet<u32> = self.tally.keys().map(|k| k.0).collect();
        (self.tally.values().sum::<u64>() as usize, readers.len())
    }

    fn count(&mut self, old: Option<RatedValue>, new: Option<RatedValue>) {
        let fraction =
            |s: Option<RatedValue>| u64::from(matches!(s, Some(RatedValue::Number(n)) if n.fract() != 0.0));
        self.fractions = self.fractions + fraction(new) - fraction(old);
        let low = |s: Option<RatedValue>| {
            u64::from(!matches!(s, None | Some(RatedValue::Number(f64::MIN_POSITIVE..))))
        };
        self.not_positive = self.not_positive + low(new) - low(old);
        if self.many {
            return;
        }
        let mut changed = false;
        if let Some(new) = new {
            let n = self.counts.entry(code(new)).or_insert(0);
            *n += 1;
            changed |= *n == 1;
        }
        if let Some(old) = old.map(code)
            && let Some(left) = self.counts.get_mut(&old)
        {
            *left -= 1;
            if *left == 0 {
                self.counts.remove(&old);
                changed = true;
            }
        }
        // Another scale: what was counted in the old one is of no use.
        if changed {
            self.live = None;
        }
        if self.counts.len() > MOST_CATEGORIES && !self.counts.keys().any(|k| k.0) {
            self.many = true;
            self.counts.clear();
            let mut whole = HashMap::new();
            for ((reader, _), n) in self.tally.drain() {
                *whole.entry((reader, (false, 0))).or_insert(0) += n;
            }
            self.tally = whole;
        }
    }

    fn follow(&mut self, place: u32, reader: u32, said: Option<RatedValue>) {
        if let Some((scale, live)) = &mut self.live
            && !scale.continuous
        {
            live.set(u64::from(place), reader, said.and_then(|s| scale.position(s)));
        }
    }

    /// How its values are to be read.
    pub fn scale(&self, spec: &Spec, texts: &Names) -> Scale {
        if self.is_presence {
            let categories = vec![(0.0, "nothing there"), (1.0, "found")];
            let coded =
                categories.into_iter().map(|(v, name)| (code(RatedValue::Number(v)), name.to_owned()));
            return Scale::of(coded.collect(), Some(Level::Nominal), false);
        }
        if let Some(declared) = &spec.scale {
            return Scale::of(declared_codes(declared, texts), spec.level, false);
        }
        let texts_in = self.counts.keys().any(|k| k.0);
        if !texts_in && (self.many || self.fractions > 0) {
            let level = spec.level.unwrap_or(Level::Interval);
            return Scale { level, continuous: true, ..Scale::default() };
        }
        let label = |c: &Code| match c {
            (true, text) => texts.name(*text as u32).to_owned(),
            (false, bits) => format!("{}", number(*bits)),
        };
        Scale::of(self.counts.keys().map(|c| (*c, label(c))).collect(), spec.level, true)
    }

    /// Its scale, and agreement kept up to date in it where it has categories.
    pub fn live(&mut self, spec: &Spec, texts: &Names) -> (&Scale, Option<&Live>) {
        let made = self.live.take().unwrap_or_else(|| {
            let scale = self.scale(spec, texts);
            let mut live = Live::new(scale.values.clone());
            if !scale.continuous {
                for (place, cells) in self.cells.iter().enumerate() {
                    let rated = |e: &Entry| Some((e.reader, scale.position(e.said)?));
                    live.fill(place as u64, cells.iter().filter_map(rated));
                }
            }
            (scale, live)
        });
        let (scale, live) = self.live.insert(made);
        let continuous = scale.continuous;
        (scale, (!continuous).then_some(live))
    }

    /// Agreement on its numbers.
    pub fn numbers(&mut self) -> &mut Numbers {
        centred(&mut self.numbers, &self.cells)
    }

    /// Edges of bins of its numbers, and ratings of readers by bin.
    pub fn bins(&mut self) -> (&[f64], &HashMap<u32, Vec<u64>>) {
        centred(&mut self.numbers, &self.cells).bins(&self.cells)
    }
}

/// What is known of the numbers, made anew where there is nothing yet or its sums lose digits.
fn centred<'a>(numbers: &'a mut Option<Numbers>, cells: &[Vec<Entry>]) -> &'a mut Numbers {
    let known = numbers.take().filter(|n| !n.off_centre());
    numbers.insert(known.unwrap_or_else(|| Numbers::of(cells)))
}

/// Codes of declared categories: numbers if every one is, else text; a text that nobody has said yet has a number that
/// no text has.
fn declared_codes(declared: &[String], texts: &Names) -> Vec<(Code, String)> {
    let numbers: Option<Vec<f64>> =
        declared.iter().map(|d| d.trim().parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let code_of = |at: usize, name: &String| match &numbers {
        Some(numbers) => code(RatedValue::Number(numbers[at])),
        None => (true, texts.find(name).map_or(u64::MAX - at as u64, u64::from)),
    };
    declared.iter().enumerate().map(|(at, name)| (code_of(at, name), name.clone())).collect()
}

pub(crate) fn code(said: RatedValue) -> Code {
    match said {
        RatedValue::Text(text) => (true, u64::from(text)),
        RatedValue::Number(n) => {
            // Bits in the order of the numbers; −0 is 0.
            let bits = (n + 0.0).to_bits();
            (false, if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits })
        }
    }
}

fn number(code: u64) -> f64 {
    f64::from_bits(if code >> 63 == 1 { code ^ (1 << 63) } else { !code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_the_order_and_the_value_of_numbers() {
        let numbers = [-1e300, -2.5, -1.0, -0.0, 1e-300, 0.5, 1.0, 3.0, 1e300];
        for pair in numbers.windows(2) {
            assert!(code(RatedValue::Number(pair[0])) < code(RatedValue::Number(pair[1])), "{pair:?}");
        }
        assert!(numbers.iter().all(|n| (number(code(RatedValue::Number(*n)).1) - n).abs() == 0.0));
        assert_eq!(code(RatedValue::Number(0.0)), code(RatedValue::Number(-0.0)));
    }

    #[test]
    fn a_scale_is_what_occurs_until_it_is_continuous() {
        let mut texts = Names::default();
        let mut column = Column::new(30, false);
        for at in 0..20_u32 {
            column.set(at, 0, at, Some(RatedValue::Number(f64::from(at % 5))));
        }
        let scale = column.scale(&Spec::default(), &texts);
        assert_eq!((scale.level, scale.values), (Level::Ordinal, vec![0.0, 1.0, 2.0, 3.0, 4.0]));
        column.set(20, 0, 20, Some(RatedValue::Number(0.5)));
        assert!(column.scale(&Spec::default(), &texts).continuous);
        column.set(20, 0, 20, Some(RatedValue::Text(texts.number("benign"))));
        let scale = column.scale(&Spec::default(), &texts);
        assert_eq!((scale.level, scale.labels.last().map(String::as_str)), (Level::Nominal, Some("benign")));
    }
}
