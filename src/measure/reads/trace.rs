//! Charts that are kept: after a read only the points that it may have changed are made again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chart::{Chart, DisplayScale, Point};
use super::drift::{By, Done};

/// Changed items up to which points are looked for one by one.
const MOST_TOUCHED: usize = 64;
/// How far a key may have moved along since the last time.
const MOST_MOVED: usize = MOST_TOUCHED + 1;

/// What a chart was made of: keys in the order of time, each with whether it gave a point.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys<K> {
    from: Vec<(K, bool)>,
    /// Items that changed since.
    touched: Vec<u32>,
    /// So many did that nothing is taken over.
    all: bool,
}

impl<K: Copy + PartialEq> Keys<K> {
    pub fn touch(&mut self, item: u32) {
        if self.touched.len() < MOST_TOUCHED {
            self.touched.push(item);
        } else {
            self.all = true;
        }
    }

    /// Whether nothing has changed.
    pub fn holds(&self) -> bool {
        self.touched.is_empty() && !self.all
    }

    /// The points of `keys`: of those that were there in the same order, and whose item did not change, the ones in
    /// `points`, which were made the last time; of all others what `make` says.
    pub fn renew(
        &mut self,
        points: &[Point],
        keys: impl IntoIterator<Item = K>,
        item: impl Fn(K) -> u32,
        mut make: impl FnMut(K) -> Option<Point>,
    ) -> Vec<Point> {
        let old = if self.all { Vec::new() } else { std::mem::take(&mut self.from) };
        let mut renewed = Vec::with_capacity(points.len() + 1);
        let (mut at, mut point) = (0, 0);
        self.from.clear();
        for key in keys {
            let near = &old[at..old.len().min(at + MOST_MOVED)];
            let found = near.iter().position(|k| k.0 == key);
            let mut known = None;
            if let Some(skipped) = found {
                point += near[..skipped].iter().filter(|k| k.1).count();
                let had = near[skipped].1;
                known = Some(had.then(|| points[point]));
                point += usize::from(had);
                at += skipped + 1;
            }
            let made = match known {
                Some(known) if !self.touched.contains(&known.map_or_else(|| item(key), |p| p.item)) => known,
                _ => make(key),
            };
            self.from.push((key, made.is_some()));
            renewed.extend(made);
        }
        self.touched.clear();
        self.all = false;
        renewed
    }
}

/// A kept chart.
#[derive(Debug, Clone)]
pub(super) struct CachedChart<K> {
    keys: Keys<K>,
    chart: Arc<Chart>,
    /// The last time that it was asked for.
    pub asked: u64,
}

impl<K: Copy + PartialEq> CachedChart<K> {
    pub fn new(shown: DisplayScale) -> Self {
        // It has no points yet: the first time all are made.
        let keys = Keys { from: Vec::new(), touched: Vec::new(), all: true };
        Self { keys, chart: Arc::new(Chart::new(Vec::new(), shown)), asked: 0 }
    }

    pub fn touch(&mut self, item: u32) {
        self.keys.touch(item);
    }

    /// The chart of `keys`, as [`Keys::renew`] makes its points.
    pub fn chart(
        &mut self,
        keys: impl IntoIterator<Item = K>,
        item: impl Fn(K) -> u32,
        make: impl FnMut(K) -> Option<Point>,
    ) -> Arc<Chart> {
        if !self.keys.holds() {
            let points = self.keys.renew(&self.chart.points, keys, item, make);
            self.chart = renewed(&self.chart, points);
        }
        self.chart.clone()
    }
}

/// Charts of items: of all, and by site where there are several.
#[derive(Debug, Clone)]
pub(super) struct PooledCharts {
    keys: Keys<Done>,
    all: Arc<Chart>,
    sites: BTreeMap<u32, Arc<Chart>>,
}

impl PooledCharts {
    pub fn new(shown: DisplayScale) -> Self {
        let keys = Keys { from: Vec::new(), touched: Vec::new(), all: true };
        Self { keys, all: Arc::new(Chart::new(Vec::new(), shown)), sites: BTreeMap::new() }
    }

    /// How its values are shown.
    pub fn shown(&self) -> DisplayScale {
        self.all.shown
    }

    pub fn touch(&mut self, item: u32) {
        self.keys.touch(item);
    }

    /// The chart of all, and with `by_site` those of the sites.
    pub fn charts(
        &mut self,
        latest: &[Done],
        by_site: bool,
        item: impl Fn(Done) -> u32,
        make: impl FnMut(Done) -> Option<Point>,
    ) -> Vec<(By, Arc<Chart>)> {
        if !self.keys.holds() {
            let points = self.keys.renew(&self.all.points, latest.iter().copied(), item, make);
            let mut sites: BTreeMap<u32, Vec<Point>> = BTreeMap::new();
            if by_site {
                points.iter().for_each(|p| sites.entry(p.site).or_default().push(*p));
            }
            let empty = Arc::new(Chart::new(Vec::new(), self.all.shown));
            let old = std::mem::take(&mut self.sites);
            let chart = |site: &u32, points| renewed(old.get(site).unwrap_or(&empty), points);
            if sites.len() > 1 {
                self.sites = sites.into_iter().map(|(site, points)| (site, chart(&site, points))).collect();
            }
            self.all = renewed(&self.all, points);
        }
        let sites = self.sites.iter().map(|(site, chart)| (By::Site(*site), chart.clone()));
        std::iter::once((By::All, self.all.clone())).chain(sites).collect()
    }
}

/// The chart of these points: the one that there was, where they are the same.
fn renewed(chart: &Arc<Chart>, points: Vec<Point>) -> Arc<Chart> {
    if chart.points == points { chart.clone() } else { Arc::new(Chart::new(points, chart.shown)) }
}
