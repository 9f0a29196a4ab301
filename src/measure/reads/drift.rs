//! Control charts of everything that a board holds: which moved, since when, how sure, and what it comes from.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::agree::median_of;
use super::chart::{Chart, ChartState, DisplayScale, MOST_POINTS, Point};
use super::column::{Column, MeasureKey, Scale, Spec};
use super::panel::{ExcludedReaders, PanelComparison};
use super::trace::{CachedChart, PooledCharts};
use super::{Names, RatedValue, ReadIndex, Structure};
use crate::measure::agreement::Level;
use crate::measure::drift::alarm::{Cause, Observed, attribute};
use crate::measure::drift::multiple::holm;

/// Points by which two changes may be apart and still be one.
const SAME_CHANGE: usize = 15;

/// What a chart follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A measure against the other readers of the same item.
    Panel,
    /// A measure itself; of an item the readers' median.
    Value,
    /// Whether a reader found nothing where most of the others found the structure.
    Missed,
    /// Whether most readers of an item found the structure.
    Found,
    /// How long a read took; of an item the readers' median.
    Time,
}

/// Whose reads a chart follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// All readers'.
    All,
    /// One reader's, by number.
    Reader(u32),
    /// One site's, by number.
    Site(u32),
}

/// A chart with how it stands among all.
#[derive(Debug, Clone)]
pub struct Row {
    /// The structure and the measure (empty for reading times).
    pub key: MeasureKey,
    /// What it follows.
    pub metric: Metric,
    /// Whose reads.
    pub by: By,
    /// The chart.
    pub chart: Arc<Chart>,
    /// Its p, corrected for all charts (Holm 1979).
    pub p: f64,
    /// How it stands.
    pub state: ChartState,
}

/// All charts, the most alarming first.
#[derive(Debug, Clone, Default)]
pub struct Drifts {
    /// The charts.
    pub rows: Vec<Row>,
}

/// What a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Some readers.
    Readers,
    /// All readers together, when the guideline changed.
    Guideline,
    /// All readers together.
    Common,
    /// Other scanners than before.
    Mix,
    /// Not enough to tell.
    Unclear,
}

/// A change by cause, in what the chart computes with.
#[derive(Debug, Clone, PartialEq)]
pub struct Attributed {
    /// The likeliest cause.
    pub reason: Reason,
    /// The readers, where they are it.
    pub readers: Vec<u32>,
    /// Mean after minus mean before, over all readers' reads.
    pub total: f64,
    /// Part from another mix of scanners.
    pub mix: f64,
    /// Part from within scanners.
    pub within: f64,
    /// Each reader's change, adjusted for scanners, with its corrected p.
    pub by_reader: Vec<(u32, f64, f64)>,
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A guideline's version that was not there before.
    Guideline,
    /// A scanner that was not there before.
    Scanner,
    /// The chart's own change.
    Change,
}

/// Something else that changed along a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// What it stands for.
    pub kind: MarkKind,
    /// The first point of it.
    pub index: usize,
    /// Its name.
    pub name: String,
}

/// When an item's last read ended, the item's place, and that read's row.
pub(super) type Done = (i64, u32, u32);

impl ReadIndex {
    /// Every chart.
    pub fn drifts(&mut self) -> Drifts {
        let mut rows = Vec::new();
        let names: Vec<String> = self.structures.keys().cloned().collect();
        for name in names {
            self.charts_of(&name, &mut rows);
        }
        // Charts that are too short to say anything are not tested.
        let tested = |r: &&mut Row| r.chart.baseline.is_some();
        let p: Vec<f64> = rows.iter_mut().filter(tested).map(|r| r.chart.p).collect();
        for (row, p) in rows.iter_mut().filter(tested).zip(holm(&p)) {
            row.p = p;
        }
        for row in &mut rows {
            row.state = row.chart.state(row.p);
        }
        share(&mut rows);
        let rank = |r: &Row| (r.state, r.metric, r.by);
        rows.sort_by(|a, b| {
            let effect = |r: &Row| r.chart.change.as_ref().map_or(0.0, |c| c.effect_sd.abs());
            (a.state.cmp(&b.state))
                .then(a.p.total_cmp(&b.p))
                .then(effect(b).total_cmp(&effect(a)))
                .then_with(|| a.key.cmp(&b.key))
                .then_with(|| rank(a).cmp(&rank(b)))
        });
        Drifts { rows }
    }

    fn charts_of(&mut self, name: &str, rows: &mut Vec<Row>) {
        let Some(structure) = self.structures.get_mut(name) else { return };
        let columns: Vec<u32> = structure.columns.keys().copied().collect();
        let latest = structure.latest.take().unwrap_or_else(|| structure.latest_items());
        structure.asked += 1;
        for measure in columns {
            let key = MeasureKey { structure: name.into(), name: self.measures.name(measure).into() };
            let spec = self.spec(&key);
            if let Some(structure) = self.structures.get_mut(name) {
                structure.charts_of_column((measure, &key, &spec), &self.texts, &latest, rows);
            }
        }
        if let Some(structure) = self.structures.get_mut(name) {
            let key = MeasureKey { structure: name.into(), name: String::new() };
            structure.charts_of_time(&key, &latest, rows);
            structure.latest = Some(latest);
        }
    }

    /// Takes the change of a chart apart, with the reads of all readers; `None` without a change.
    pub fn attribute(&self, drifts: &Drifts, row: &Row) -> Option<Attributed> {
        let since = row.chart.since_ms()?;
        let from = row.chart.points.first()?.at_ms;
        let mut points = self.reads_beside(drifts, row);
        points.retain(|p| p.at_ms >= from);
        if let By::Site(site) = row.by {
            points.retain(|p| p.site == site);
        }
        let (mut readers, mut scanners) = (Dense::default(), Dense::default());
        let observed: Vec<Observed> = points
            .iter()
            .map(|p| Observed {
                value: p.x,
                reader: readers.number(p.reader),
                stratum: scanners.number(p.scanner),
                after: p.at_ms >= since,
            })
            .collect();
        let found = attribute(&observed)?;
        let name = |at: usize| readers.0[at];
        let (reason, who) = match &found.cause {
            Cause::Readers(who) => (Reason::Readers, who.iter().map(|r| name(*r)).collect()),
            Cause::Common if self.guideline_near(row) => (Reason::Guideline, Vec::new()),
            Cause::Common => (Reason::Common, Vec::new()),
            Cause::Mix => (Reason::Mix, Vec::new()),
            Cause::Unclear => (Reason::Unclear, Vec::new()),
        };
        let by_reader = found.readers.iter().map(|r| (name(r.reader), r.change, r.p)).collect();
        let (total, mix, within) = (found.total, found.mix, found.within);
        Some(Attributed { reason, readers: who, total, mix, within, by_reader })
    }

    /// All readers' reads of what a chart follows.
    fn reads_beside(&self, drifts: &Drifts, row: &Row) -> Vec<Point> {
        if matches!(row.by, By::Reader(_)) {
            let same = |r: &&Row| r.key == row.key && r.metric == row.metric && matches!(r.by, By::Reader(_));
            return drifts.rows.iter().filter(same).flat_map(|r| r.chart.points.iter().copied()).collect();
        }
        let (Some(structure), name) = (self.structure(&row.key.structure), self.measures.find(&row.key.name))
        else {
            return Vec::new();
        };
        let mut points = Vec::new();
        for rows in structure.by_reader.values() {
            for &at in &rows[rows.len().saturating_sub(MOST_POINTS)..] {
                let read = &structure.rows[at as usize];
                let x = match row.metric {
                    Metric::Found => Some(f64::from(u8::from(!read.nothing))),
                    Metric::Time => read.took_s.map(f64::ln),
                    _ => match name.and_then(|name| read.said(name)) {
                        Some(RatedValue::Number(n)) if row.chart.shown == DisplayScale::Exponent => {
                            Some(n.ln())
                        }
                        Some(RatedValue::Number(n)) => Some(n),
                        _ => None,
                    },
                };
                points.extend(x.filter(|x| x.is_finite()).and_then(|x| read.point(x)));
            }
        }
        points
    }

    /// Whether a new version of the guideline came at about the time of the change.
    fn guideline_near(&self, row: &Row) -> bool {
        let Some(change) = &row.chart.change else { return false };
        let near = |m: &Mark| m.kind == MarkKind::Guideline && m.index.abs_diff(change.since) <= SAME_CHANGE;
        self.marks(row).iter().any(near)
    }

    /// What else changed along a chart, in the order of its points. Scanners count that appear after the reference.
    pub fn marks(&self, row: &Row) -> Vec<Mark> {
        let chart = &row.chart;
        let mut marks = Vec::new();
        let (mut guidelines, mut scanners) = (BTreeSet::new(), BTreeSet::new());
        for (index, point) in chart.points.iter().enumerate() {
            let guideline = self.guidelines.name(point.guideline);
            if guidelines.insert(point.guideline) && index > 0 && !guideline.is_empty() {
                marks.push(Mark { kind: MarkKind::Guideline, index, name: guideline.into() });
            }
            let scanner = self.scanners.name(point.scanner);
            if scanners.insert(point.scanner) && index >= chart.reference && !scanner.is_empty() {
                marks.push(Mark { kind: MarkKind::Scanner, index, name: scanner.into() });
            }
        }
        if let Some(change) = &chart.change {
            marks.push(Mark { kind: MarkKind::Change, index: change.since, name: String::new() });
        }
        marks.sort_by_key(|m| m.index);
        marks
    }
}

/// Numbers from 0 for the numbers that occur.
#[derive(Default)]
struct Dense(Vec<u32>);

impl Dense {
    fn number(&mut self, of: u32) -> usize {
        self.0.iter().position(|n| *n == of).unwrap_or_else(|| {
            self.0.push(of);
            self.0.len() - 1
        })
    }
}

/// Readers who moved together with all are told of once: on the chart of all.
fn share(rows: &mut [Row]) {
    let all: Vec<(MeasureKey, Metric, i64, bool)> = rows
        .iter()
        .filter(|r| r.state == ChartState::Alarm && r.by == By::All)
        .filter_map(|r| {
            let change = r.chart.change.as_ref()?;
            Some((r.key.clone(), r.metric, r.chart.since_ms()?, change.after > change.before))
        })
        .collect();
    for row in rows.iter_mut().filter(|r| r.state == ChartState::Alarm && r.by != By::All) {
        let Some(change) = &row.chart.change else { continue };
        let together = all.iter().any(|(key, metric, since, up)| {
            let at = row.chart.points.partition_point(|p| p.at_ms < *since);
            *key == row.key
                && *metric == row.metric
                && *up == (change.after > change.before)
                && at.abs_diff(change.since) <= SAME_CHANGE
        });
        if together {
            row.state = ChartState::Shared;
        }
    }
}

impl Structure {
    fn charts_of_column(
        &mut self,
        (measure, key, spec): (u32, &MeasureKey, &Spec),
        texts: &Names,
        latest: &[Done],
        rows: &mut Vec<Row>,
    ) {
        let Some(mut column) = self.columns.remove(&measure) else { return };
        let scale = column.scale(spec, texts);
        let presence = measure == 0;
        let mut push = |metric, by, chart| {
            rows.push(Row { key: key.clone(), metric, by, chart, p: 1.0, state: ChartState::Stable });
        };
        let against = if presence { PanelComparison::Missed } else { PanelComparison::of(&scale, &column) };
        let metric = if presence { Metric::Missed } else { Metric::Panel };
        for (reader, chart) in self.leave_one_out(against, (measure, &mut column), &scale) {
            push(metric, By::Reader(reader), chart);
        }
        let whole = if presence { Metric::Found } else { Metric::Value };
        if presence || scale.level != Level::Nominal {
            let shown = match (presence, against) {
                (true, _) => DisplayScale::Flag,
                (_, PanelComparison::Ratio) => DisplayScale::Exponent,
                _ => DisplayScale::Plain,
            };
            let kept = column.whole.take().filter(|kept| kept.shown() == shown);
            let mut kept = kept.unwrap_or_else(|| PooledCharts::new(shown));
            for (by, chart) in self.whole(&mut kept, latest, true, |place| item_value(&column, place, shown))
            {
                push(whole, by, chart);
            }
            column.whole = Some(kept);
        }
        self.columns.insert(measure, column);
    }

    /// Charts of all readers against the others. Whoever is in alarm is no measure for the others from that time on:
    /// the clearest alarm is left out and the others are compared anew, until there is no further one.
    fn leave_one_out(
        &self,
        against: PanelComparison,
        (name, column): (u32, &mut Column),
        scale: &Scale,
    ) -> Vec<(u32, Arc<Chart>)> {
        let mut left_out = ExcludedReaders::new();
        let readers: Vec<u32> = self.by_reader.keys().copied().collect();
        let mut kept = std::mem::take(&mut column.charts);
        let charts = loop {
            let charts: Vec<(u32, Arc<Chart>)> = readers
                .iter()
                .map(|&reader| {
                    let mut others = left_out.clone();
                    others.remove(&reader);
                    let point = |at| against.point(self, (name, column), scale, at, &others);
                    let known = (reader, against.shown() as u8, others.clone());
                    if !kept.contains_key(&known) {
                        let trace =
                            self.near(&kept, &known).unwrap_or_else(|| CachedChart::new(against.shown()));
                        kept.insert(known.clone(), trace);
                    }
                    let trace = kept.entry(known).or_insert_with(|| CachedChart::new(against.shown()));
                    trace.asked = self.asked;
                    (reader, trace.chart(self.latest_rows(reader), |at| self.item_of(at), point))
                })
                .collect();
            let clearest = charts
                .iter()
                .filter(|(reader, chart)| !left_out.contains_key(reader) && chart.suspicious())
                .min_by(|a, b| a.1.p.total_cmp(&b.1.p));
            match clearest.and_then(|(reader, chart)| Some((*reader, chart.since_ms()?))) {
                // Someone has to stay to be compared with.
                Some((reader, since)) if left_out.len() + 3 < readers.len() => {
                    left_out.insert(reader, since);
                }
                _ => break charts,
            }
        };
        // Comparisons with others who are left out now and then are not kept for ever.
        kept.retain(|_, trace| trace.asked == self.asked);
        column.charts = kept;
        charts
    }

    /// A comparison of the same reader from which the same others were left out since other days: the items that they
    /// read in between are to be looked at again, the rest holds.
    fn near(
        &self,
        kept: &HashMap<(u32, u8, ExcludedReaders), CachedChart<u32>>,
        (reader, shown, wanted): &(u32, u8, ExcludedReaders),
    ) -> Option<CachedChart<u32>> {
        let same = |known: &(u32, u8, ExcludedReaders)| {
            known.0 == *reader && known.1 == *shown && known.2.keys().eq(wanted.keys())
        };
        let (known, trace) = kept.iter().filter(|(known, _)| same(known)).max_by_key(|k| k.1.asked)?;
        let mut trace = trace.clone();
        for ((other, one), another) in known.2.iter().zip(wanted.values()) {
            let rows = self.by_reader.get(other).map_or(&[][..], Vec::as_slice);
            let before = |day: i64| rows.partition_point(|r| self.rows[*r as usize].at_ms < Some(day));
            let (from, to) = (before(*one.min(another)), before(*one.max(another)));
            rows[from..to].iter().for_each(|at| trace.touch(self.item_of(*at)));
        }
        Some(trace)
    }

    fn charts_of_time(&mut self, key: &MeasureKey, latest: &[Done], rows: &mut Vec<Row>) {
        let mut push = |by, chart| {
            let (metric, p, state) = (Metric::Time, 1.0, ChartState::Stable);
            rows.push(Row { key: key.clone(), metric, by, chart, p, state });
        };
        let mut any = false;
        let mut kept = std::mem::take(&mut self.times);
        for &reader in self.by_reader.keys() {
            let trace = kept.entry(reader).or_insert_with(|| CachedChart::new(DisplayScale::Exponent));
            let point = |at: u32| {
                let row = &self.rows[at as usize];
                row.point(row.took_s?.ln())
            };
            let chart = trace.chart(self.latest_rows(reader), |at| self.item_of(at), point);
            if !chart.points.is_empty() {
                any = true;
                push(By::Reader(reader), chart);
            }
        }
        self.times = kept;
        if any {
            let median = |place: u32| {
                let took = |l: &(u32, u32)| self.rows[l.1 as usize].took_s;
                let mut all: Vec<f64> = self.looks[place as usize].iter().filter_map(took).collect();
                median_of(&mut all).map(f64::ln)
            };
            let mut kept = self.all_times.take().unwrap_or_else(|| PooledCharts::new(DisplayScale::Exponent));
            for (by, chart) in self.whole(&mut kept, latest, false, median) {
                push(by, chart);
            }
            self.all_times = Some(kept);
        }
    }

    /// The latest rows of a reader that have a time, in its order.
    fn latest_rows(&self, reader: u32) -> impl Iterator<Item = u32> {
        let rows = self.by_reader.get(&reader).map_or(&[][..], Vec::as_slice);
        rows[rows.len().saturating_sub(MOST_POINTS)..].iter().copied()
    }

    fn item_of(&self, at: u32) -> u32 {
        self.rows[at as usize].item
    }

    /// Follows an item that was done `before` and is done now in the latest items.
    pub(super) fn move_latest(&mut self, place: u32, before: Option<(i64, u32)>, now: Option<(i64, u32)>) {
        if before == now {
            return;
        }
        let Some(latest) = &mut self.latest else { return };
        let full = latest.len() >= MOST_POINTS;
        let done = |at: Option<(i64, u32)>| at.map(|(at_ms, row)| (at_ms, place, row));
        if let Some(Ok(at)) = done(before).map(|before| latest.binary_search(&before)) {
            latest.remove(at);
        }
        if let Some(now) = done(now) {
            let at = latest.partition_point(|known| *known < now);
            latest.insert(at, now);
        }
        if latest.len() > MOST_POINTS {
            latest.remove(0);
        } else if full && (latest.len() < MOST_POINTS || done(now).is_some_and(|now| latest[0] == now)) {
            // One that was too early to be among them may be so no longer.
            self.latest = None;
        }
    }

    /// The latest items, in the order in which the last reader was done with each.
    fn latest_items(&self) -> Vec<Done> {
        let timed = |(place, at): (u32, &Option<(i64, u32)>)| at.map(|(at_ms, row)| (at_ms, place, row));
        let mut latest: Vec<Done> = (0..).zip(&self.done).filter_map(timed).collect();
        if latest.len() > MOST_POINTS {
            let off = latest.len() - MOST_POINTS;
            latest.select_nth_unstable(off);
            latest.drain(..off);
        }
        latest.sort_unstable();
        latest
    }

    /// Charts of the latest items; `value` is that of a place.
    fn whole(
        &self,
        kept: &mut PooledCharts,
        latest: &[Done],
        by_site: bool,
        value: impl Fn(u32) -> Option<f64>,
    ) -> Vec<(By, Arc<Chart>)> {
        let point = |(at_ms, place, row): Done| {
            let point = self.rows[row as usize].point(value(place).filter(|x| x.is_finite())?)?;
            Some(Point { at_ms, ..point })
        };
        kept.charts(latest, by_site, |(_, place, _)| self.items[place as usize], point)
    }
}

/// What the readers say of an item together.
fn item_value(column: &Column, place: u32, shown: DisplayScale) -> Option<f64> {
    let number = |s: RatedValue| if let RatedValue::Number(n) = s { Some(n) } else { None };
    let mut all: Vec<f64> = column.cells[place as usize].iter().filter_map(|e| number(e.said)).collect();
    match shown {
        DisplayScale::Flag => {
            let found: f64 = all.iter().sum();
            (!all.is_empty()).then(|| f64::from(u8::from(2.0 * found > all.len() as f64)))
        }
        DisplayScale::Exponent => median_of(&mut all).map(f64::ln),
        _ => median_of(&mut all),
    }
}
