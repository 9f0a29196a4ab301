//! Rows in order. An order is made once; rows that change later stand beside it until they are many.

use std::cmp::Ordering;
use std::collections::HashSet;

use rayon::prelude::*;

use super::column::Column;
use super::{Bits, Loaded};
use crate::catalog::fields::Order;

/// Rows that may stand beside an order before it is made anew.
const BESIDE: usize = 4_096;
/// Up to this many matches are sorted by themselves.
const FEW: u64 = 512;

/// Rows in one order.
#[derive(Debug, Default)]
pub struct Sorted {
    rows: Vec<u32>,
    /// Rows that were touched since, or are new.
    beside: HashSet<u32>,
    /// How much of [`Loaded::touched`] is in here, and since when that is counted.
    seen: usize,
    epoch: u64,
}

/// One part of an order.
enum Part<'a> {
    Column(&'a Column),
    Latest,
}

impl Loaded {
    /// Whether every column of the order is held.
    pub(super) fn can_order(&self, order: Order) -> bool {
        order.columns().iter().all(|(name, _)| *name == "latest_ms" || self.columns.contains_key(name))
    }

    fn parts(&self, order: Order) -> Vec<(Part<'_>, bool)> {
        let part = |(name, descending): (&str, bool)| {
            let part = if name == "latest_ms" { Part::Latest } else { Part::Column(self.columns.get(name)?) };
            Some((part, descending))
        };
        order.columns().into_iter().filter_map(part).collect()
    }
}

/// Which of two rows comes first.
fn compare(loaded: &Loaded, parts: &[(Part<'_>, bool)], a: u32, b: u32) -> Ordering {
    for (part, descending) in parts {
        let order = match part {
            Part::Column(column) => column.cell(a as usize).order(column.cell(b as usize)),
            Part::Latest => loaded.latest_ms[a as usize].cmp(&loaded.latest_ms[b as usize]),
        };
        let order = if *descending { order.reverse() } else { order };
        if order.is_ne() {
            return order;
        }
    }
    a.cmp(&b)
}

impl Sorted {
    /// Sorts every row: by ranks of values, so that no texts are compared.
    pub fn new(loaded: &Loaded, order: Order) -> Self {
        let parts = loaded.parts(order);
        let ranks: Vec<Vec<u32>> = parts
            .iter()
            .map(|(part, _)| match part {
                Part::Column(column) => column.ranks(),
                Part::Latest => Vec::new(),
            })
            .collect();
        let key = |row: usize| {
            let mut key = [0_u64; 4];
            for (at, (part, descending)) in parts.iter().enumerate().take(4) {
                let value = match part {
                    Part::Column(column) => u64::from(ranks[at][column.code(row) as usize]),
                    Part::Latest => (loaded.latest_ms[row] as u64) ^ (1 << 63),
                };
                key[at] = if *descending { !value } else { value };
            }
            key
        };
        let mut keyed = Vec::with_capacity(loaded.live.count() as usize);
        loaded.live.each(|row| keyed.push((key(row), row as u32)));
        keyed.par_sort_unstable();
        Self {
            rows: keyed.into_iter().map(|(_, row)| row).collect(),
            beside: HashSet::new(),
            seen: loaded.touched.len(),
            epoch: loaded.epoch,
        }
    }

    /// Takes note of rows that were touched since the order was made.
    pub fn mend(&mut self, loaded: &Loaded, order: Order) {
        if self.epoch != loaded.epoch {
            *self = Self::new(loaded, order);
        }
        self.beside.extend(loaded.touched.iter().skip(self.seen));
        self.seen = loaded.touched.len();
        if self.beside.len() > BESIDE {
            *self = Self::new(loaded, order);
        }
    }

    /// The members of `rows` from `offset` on, `limit` at most.
    pub fn walk(&self, loaded: &Loaded, order: Order, rows: &Bits, offset: u64, limit: u32) -> Vec<i64> {
        let parts = loaded.parts(order);
        let total = rows.count();
        let (offset, limit) = (offset.min(total) as usize, limit as usize);
        let mut out = Vec::with_capacity(limit.min(total as usize));
        if total <= FEW {
            let mut few: Vec<u32> = Vec::with_capacity(total as usize);
            rows.each(|row| few.push(row as u32));
            few.sort_unstable_by(|&a, &b| compare(loaded, &parts, a, b));
            out.extend(few.into_iter().skip(offset).take(limit).map(i64::from));
            return out;
        }
        let mut beside: Vec<u32> = self.beside.iter().copied().filter(|&r| rows.has(r as usize)).collect();
        beside.sort_unstable_by(|&a, &b| compare(loaded, &parts, a, b));
        let mut beside = beside.into_iter().peekable();
        let still =
            |row: &&u32| rows.has(**row as usize) && (self.beside.is_empty() || !self.beside.contains(row));
        let mut ordered = self.rows.iter().filter(still).copied().peekable();
        let mut skip = offset;
        while out.len() < limit {
            let next = match (ordered.peek(), beside.peek()) {
                (Some(&a), Some(&b)) if compare(loaded, &parts, a, b).is_lt() => ordered.next(),
                (_, Some(_)) => beside.next(),
                (Some(_), None) => ordered.next(),
                (None, None) => break,
            };
            if skip > 0 {
                skip -= 1;
            } else {
                out.extend(next.map(i64::from));
            }
        }
        out
    }
}
