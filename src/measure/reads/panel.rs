//! A reader against the other readers of the same item: what the case itself is like falls out.

use std::collections::BTreeMap;

use super::agree::median_of;
use super::chart::{DisplayScale, Point};
use super::column::{Column, Scale};
use super::{RatedValue, Row, Structure};

/// Other readers that an item must have for one to be compared with them.
const LEAST_OTHERS: usize = 2;

/// Readers whose reads from a time on are not taken as a measure for others: they are in alarm themselves.
pub(super) type ExcludedReaders = BTreeMap<u32, i64>;

/// How a reader is compared with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PanelComparison {
    /// Logarithm of the ratio to the median of the others.
    Ratio,
    /// Difference to the mean of the others.
    Difference,
    /// Whether the category is another than most of the others give.
    Dissent,
    /// Whether nothing was found where most of the others found something.
    Missed,
}

impl PanelComparison {
    /// How a measure is compared.
    pub fn of(scale: &Scale, column: &Column) -> Self {
        if scale.continuous && column.not_positive == 0 {
            Self::Ratio
        } else if scale.continuous || scale.level != crate::measure::agreement::Level::Nominal {
            Self::Difference
        } else {
            Self::Dissent
        }
    }

    /// How it is shown.
    pub fn shown(self) -> DisplayScale {
        match self {
            Self::Ratio => DisplayScale::Percent,
            Self::Difference => DisplayScale::Plain,
            Self::Dissent | Self::Missed => DisplayScale::Flag,
        }
    }

    /// A row's point on its reader's chart.
    pub fn point(
        self,
        structure: &Structure,
        (name, column): (u32, &Column),
        scale: &Scale,
        at: u32,
        left_out: &ExcludedReaders,
    ) -> Option<Point> {
        let row = &structure.rows[at as usize];
        let place = *structure.places.get(&row.item)?;
        let before = |at: u32, since: i64| structure.rows[at as usize].at_ms.is_some_and(|at| at < since);
        let counts =
            |r: u32, at: u32| r != row.reader && left_out.get(&r).is_none_or(|since| before(at, *since));
        let cells = column.cells[place as usize].iter();
        let others = cells.filter(|e| counts(e.reader, e.row)).map(|e| e.said);
        row.point(self.compare(row, name, scale, others)?)
    }

    fn compare(
        self,
        row: &Row,
        name: u32,
        scale: &Scale,
        others: impl Iterator<Item = RatedValue>,
    ) -> Option<f64> {
        if self == Self::Missed {
            let others: Vec<RatedValue> = others.collect();
            let found = others.iter().filter(|s| **s == RatedValue::Number(1.0)).count();
            let most = others.len() >= LEAST_OTHERS && 2 * found > others.len();
            return most.then(|| f64::from(u8::from(row.nothing)));
        }
        let own = row.said(name)?;
        if self == Self::Dissent {
            return dissent(scale, own, others);
        }
        let RatedValue::Number(own) = own else { return None };
        let number = |s| if let RatedValue::Number(n) = s { Some(n) } else { None };
        let mut others: Vec<f64> = others.filter_map(number).collect();
        if others.len() < LEAST_OTHERS {
            return None;
        }
        let x = match self {
            Self::Ratio => (own / median_of(&mut others)?).ln(),
            _ => own - others.iter().sum::<f64>() / others.len() as f64,
        };
        x.is_finite().then_some(x)
    }
}

/// Whether `own` is another category than most of the others give; none where they give no one category most often.
fn dissent(scale: &Scale, own: RatedValue, others: impl Iterator<Item = RatedValue>) -> Option<f64> {
    let mut counts = vec![0_usize; scale.labels.len()];
    others.filter_map(|s| scale.position(s)).for_each(|at| counts[at as usize] += 1);
    if counts.iter().sum::<usize>() < LEAST_OTHERS {
        return None;
    }
    let most = *counts.iter().max()?;
    let mut modes = counts.iter().enumerate().filter(|c| *c.1 == most).map(|c| c.0 as u32);
    let (mode, tie) = (modes.next()?, modes.next());
    tie.is_none().then(|| f64::from(u8::from(scale.position(own) != Some(mode))))
}

impl Row {
    /// What it says of a measure.
    pub(super) fn said(&self, name: u32) -> Option<RatedValue> {
        self.values.iter().find(|v| v.0 == name).map(|v| v.1)
    }

    /// A point at its time.
    pub(super) fn point(&self, x: f64) -> Option<Point> {
        Some(Point {
            at_ms: self.at_ms?,
            x,
            item: self.item,
            reader: self.reader,
            site: self.site,
            scanner: self.scanner,
            guideline: self.guideline,
        })
    }
}
