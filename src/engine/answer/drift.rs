//! Drift of what readers say and how they work.

use std::collections::HashMap;

use super::agreement::NO_READS;
use super::labels::item_name;
use crate::engine::live::split;
use crate::engine::query::{
    Drift, DriftAlarm, DriftAttribution, DriftCause, DriftChart, DriftGroup, DriftMark, DriftMarkKind,
    DriftPoint, DriftRow, DriftState, DriftView,
};
use crate::engine::{EngineError, Session};
use crate::measure::drift::alarm::Change;
use crate::measure::reads::DriftRow as Row;
use crate::measure::reads::{
    Attributed, By, Chart, ChartState, DisplayScale, DriftReason, Drifts, MarkKind, Metric, ReadIndex,
};

pub fn drift(session: &Session, query: &Drift) -> Result<DriftView, EngineError> {
    let shared = &session.engine.shared;
    let mut view = session.engine.reads.with_drifts(shared, |board, drifts| view_of(board, drifts, query))?;
    complete(session, &mut view)?;
    Ok(view)
}

fn view_of(board: &ReadIndex, drifts: &Drifts, query: &Drift) -> DriftView {
    let text = query.text.to_lowercase();
    let rows: Vec<(&Row, DriftRow)> = drifts
        .rows
        .iter()
        .filter(|r| query.structure.as_ref().is_none_or(|s| *s == r.key.structure))
        .map(|r| (r, row(board, drifts, r)))
        .filter(|(_, r)| r.id.to_lowercase().contains(&text) || r.metric.to_lowercase().contains(&text))
        .collect();
    let chosen = match &query.chart {
        Some(id) => rows.iter().find(|r| r.1.id == *id),
        None => rows.first(),
    };
    let selected = chosen.map(|(r, line)| chart(board, drifts, r, line.clone()));
    let reason = match (&selected, &query.chart) {
        (None, _) if board.is_empty() => Some(NO_READS.into()),
        (None, Some(id)) => Some(format!("there is no chart {id:?}")),
        (None, None) => Some("no read says when it ended: charts need a time".into()),
        _ => None,
    };
    DriftView { charts: rows.into_iter().map(|r| r.1).collect(), selected, reason }
}

/// One chart in the list.
pub fn row(board: &ReadIndex, drifts: &Drifts, r: &Row) -> DriftRow {
    let (group, name) = match r.by {
        By::All => (DriftGroup::All, String::new()),
        By::Reader(n) => (DriftGroup::Reader, board.readers().name(n).to_owned()),
        By::Site(n) => (DriftGroup::Site, board.sites().name(n).to_owned()),
    };
    let change = r.chart.change.as_ref().filter(|_| r.state <= ChartState::Watch);
    let moved = change.map(|c| r.chart.shown.change(c.before, c.after));
    DriftRow {
        id: id(r, &name),
        structure: r.key.structure.clone(),
        metric: metric(r),
        unit: unit(r),
        group,
        name,
        n: r.chart.points.len() as u64,
        state: match r.state {
            ChartState::Alarm => DriftState::Alarm,
            ChartState::Shared => DriftState::Shared,
            ChartState::Watch => DriftState::Watch,
            ChartState::Stable => DriftState::Stable,
            ChartState::Short => DriftState::Short,
        },
        since_ms: change.and(r.chart.since_ms()),
        change: moved,
        change_unit: change_unit(r).into(),
        change_sd: change.map(|c| c.effect_sd),
        p: change.map(|_| r.p),
        sentence: sentence(board, drifts, r),
    }
}

fn id(r: &Row, name: &str) -> String {
    let measure = match r.metric {
        Metric::Panel => format!("{}~panel", r.key.name),
        Metric::Value | Metric::Found => r.key.name.clone(),
        Metric::Missed => "missed".into(),
        Metric::Time => "reading_time".into(),
    };
    let structure = if r.key.structure.is_empty() { String::new() } else { format!("{}/", r.key.structure) };
    match r.by {
        By::All => format!("{structure}{measure}/all"),
        By::Reader(_) => format!("{structure}{measure}/reader/{name}"),
        By::Site(_) => format!("{structure}{measure}/site/{name}"),
    }
}

fn metric(r: &Row) -> String {
    let name = &r.key.name;
    match (r.metric, r.chart.shown) {
        (Metric::Panel, DisplayScale::Flag) => format!("{name}: another answer than most"),
        (Metric::Panel, _) => format!("{name} against the other readers"),
        (Metric::Value, _) => name.clone(),
        (Metric::Missed, _) => "missed what most others found".into(),
        (Metric::Found, _) => "found".into(),
        (Metric::Time, _) => "reading time".into(),
    }
}

fn unit(r: &Row) -> String {
    match (r.metric, r.chart.shown) {
        (Metric::Time, _) => "s".into(),
        (_, DisplayScale::Percent) => "%".into(),
        (_, DisplayScale::Flag) => String::new(),
        _ => {
            let units = ["mm3", "mm2", "mm", "ml", "hu", "s"];
            let last = r.key.name.rsplit('_').next().unwrap_or_default();
            units.iter().find(|u| **u == last).map_or(String::new(), |u| match *u {
                "mm3" => "mm³".into(),
                "mm2" => "mm²".into(),
                "hu" => "HU".into(),
                other => other.into(),
            })
        }
    }
}

fn change_unit(r: &Row) -> &'static str {
    match r.chart.shown {
        DisplayScale::Percent | DisplayScale::Exponent => "%",
        DisplayScale::Plain | DisplayScale::Flag => "",
    }
}

/// What moved and since when, in a few words.
pub fn headline(board: &ReadIndex, r: &Row) -> String {
    let structure = if r.key.structure.is_empty() { String::new() } else { format!("{} ", r.key.structure) };
    let units = ["_mm3", "_mm2", "_mm", "_ml", "_hu", "_s"];
    let name = units.iter().find_map(|u| r.key.name.strip_suffix(u)).unwrap_or(&r.key.name).replace('_', " ");
    let what = match r.metric {
        Metric::Panel | Metric::Value => name,
        Metric::Missed => "missed".into(),
        Metric::Found => "found".into(),
        Metric::Time => "reading time".into(),
    };
    let moved = r.chart.change.as_ref().map(|c| moved(r, c)).unwrap_or_default();
    let since = r.chart.since_ms().map(day).unwrap_or_default();
    format!("{}: {structure}{what} {moved} since {since}", who(board, r))
}

fn who(board: &ReadIndex, r: &Row) -> String {
    match r.by {
        By::All => "all readers".into(),
        By::Reader(n) => board.readers().name(n).to_owned(),
        By::Site(n) => board.sites().name(n).to_owned(),
    }
}

/// What moved, since when, how sure, most likely why.
fn sentence(board: &ReadIndex, drifts: &Drifts, r: &Row) -> String {
    let chart = &r.chart;
    let n = chart.points.len();
    let change = match (&chart.change, r.state) {
        (_, ChartState::Short) => return format!("{n} reads: too few to say, or all alike in the reference"),
        (Some(change), ChartState::Alarm | ChartState::Shared | ChartState::Watch) => change,
        _ => return format!("nothing moved in {n} reads"),
    };
    let who = who(board, r);
    let structure = if r.key.structure.is_empty() { String::new() } else { format!("{} ", r.key.structure) };
    let since = chart.since_ms().map(day).unwrap_or_default();
    let moved = moved(r, change);
    let sure = match (r.state, r.p) {
        (ChartState::Watch, _) => "may be chance".into(),
        (_, p) if p < 1e-6 => "p < 0.000001".into(),
        (_, p) => format!("p = {p:.1e}"),
    };
    let (before, after) = (change.since, n - change.since);
    let why = match r.state {
        ChartState::Shared => "; all readers moved together".into(),
        ChartState::Watch => String::new(),
        _ => board.attribute(drifts, r).map(|a| format!("; {}", why(board, r, &a))).unwrap_or_default(),
    };
    format!(
        "{who}: {structure}{} {moved} since {since} ({sure}, {before} before, {after} after){why}",
        metric(r)
    )
}

fn moved(r: &Row, change: &Change) -> String {
    match r.chart.shown {
        DisplayScale::Percent | DisplayScale::Exponent => {
            format!("{:+.0} %", r.chart.shown.change(change.before, change.after))
        }
        DisplayScale::Flag => {
            format!("{:.0} % instead of {:.0} %", 100.0 * change.after, 100.0 * change.before)
        }
        DisplayScale::Plain => format!("{:+.2}", change.after - change.before),
    }
}

fn why(board: &ReadIndex, r: &Row, a: &Attributed) -> String {
    let own = if let By::Reader(n) = r.by { Some(n) } else { None };
    match a.reason {
        DriftReason::Readers if a.readers.len() == 1 && own == Some(a.readers[0]) => {
            "this reader, not the others".into()
        }
        DriftReason::Readers => {
            let names: Vec<&str> = a.readers.iter().map(|n| board.readers().name(*n)).collect();
            format!("most likely {}", names.join(", "))
        }
        DriftReason::Guideline => {
            let near = board.marks(r).into_iter().filter(|m| m.kind == MarkKind::Guideline);
            let change = r.chart.change.as_ref().map_or(0, |c| c.since);
            let name = near.min_by_key(|m| m.index.abs_diff(change)).map(|m| m.name).unwrap_or_default();
            format!("all readers together, when guideline {name} came")
        }
        DriftReason::Common => "all readers together: a tool or an instruction, not one of them".into(),
        DriftReason::Mix => "most likely other scanners or cases than before".into(),
        DriftReason::Unclear => "why is unclear".into(),
    }
}

/// A day as people write it, UTC.
fn day(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    jiff::tz::Offset::UTC.to_datetime(at).strftime("%-d %b %Y").to_string()
}

fn chart(board: &ReadIndex, drifts: &Drifts, r: &Row, line: DriftRow) -> DriftChart {
    let chart = &r.chart;
    let limits = chart.limits();
    let outside = |v: f64| limits.and_then(|l| l.1).is_some_and(|[low, high]| v < low || v > high);
    let points: Vec<DriftPoint> = chart
        .points
        .iter()
        .map(|p| {
            let (series, item) = split(board.items().name(p.item));
            let value = chart.shown.value(p.x);
            DriftPoint {
                at_ms: p.at_ms,
                value,
                beyond: outside(value),
                item: item_name(item).into(),
                series_uid: Some(series.to_owned()).filter(|s| !s.is_empty()),
                task: None,
                reader: board.readers().name(p.reader).into(),
                site: Some(board.sites().name(p.site).to_owned()).filter(|s| !s.is_empty()),
            }
        })
        .collect();
    DriftChart {
        average: chart.average(),
        centre: limits.map(|l| l.0),
        lower: limits.and_then(|l| l.1).map(|l| l[0]),
        upper: limits.and_then(|l| l.1).map(|l| l[1]),
        reference_n: chart.reference as u64,
        alarms: alarms(chart),
        marks: marks(board, r),
        attribution: board.attribute(drifts, r).map(|a| attribution(board, r, &a)),
        worst: chart.worst().map(|w| w as u64),
        row: line,
        points,
    }
}

fn alarms(chart: &Chart) -> Vec<DriftAlarm> {
    let alarm = |c: crate::measure::reads::Crossing| DriftAlarm {
        detector: c.detector.into(),
        index: c.signal.index as u64,
        at_ms: chart.points.get(c.signal.index).map_or(0, |p| p.at_ms),
        value: c.signal.value,
        limit: c.signal.limit,
    };
    chart.crossings().into_iter().map(alarm).collect()
}

fn marks(board: &ReadIndex, r: &Row) -> Vec<DriftMark> {
    let mark = |m: crate::measure::reads::Mark| {
        let (kind, text) = match m.kind {
            MarkKind::Guideline => (DriftMarkKind::Guideline, format!("guideline {}", m.name)),
            MarkKind::Scanner => (DriftMarkKind::Scanner, m.name),
            MarkKind::Change => (DriftMarkKind::Change, "moved from here".into()),
        };
        let at_ms = r.chart.points.get(m.index).map_or(0, |p| p.at_ms);
        DriftMark { kind, index: m.index as u64, at_ms, text }
    };
    board
        .marks(r)
        .into_iter()
        .filter(|m| m.kind != MarkKind::Change || r.state <= ChartState::Watch)
        .map(mark)
        .collect()
}

fn attribution(board: &ReadIndex, r: &Row, a: &Attributed) -> DriftAttribution {
    let shown = |change: f64| r.chart.shown.change(0.0, change);
    let name = |n: u32| board.readers().name(n).to_owned();
    DriftAttribution {
        cause: match a.reason {
            DriftReason::Readers => DriftCause::Readers,
            DriftReason::Guideline => DriftCause::Guideline,
            DriftReason::Common => DriftCause::Common,
            DriftReason::Mix => DriftCause::Mix,
            DriftReason::Unclear => DriftCause::Unclear,
        },
        readers: a.readers.iter().map(|n| name(*n)).collect(),
        total: shown(a.total),
        mix: shown(a.mix),
        within: shown(a.within),
        by_reader: a.by_reader.iter().map(|(n, change, p)| (name(*n), shown(*change), *p)).collect(),
    }
}

/// Adds the review tasks of the points' series.
fn complete(session: &Session, view: &mut DriftView) -> Result<(), EngineError> {
    let Some(chart) = &mut view.selected else { return Ok(()) };
    let reader = session.engine.shared.catalog.read();
    let mut known: HashMap<String, Option<i64>> = HashMap::new();
    for point in &mut chart.points {
        let Some(uid) = &point.series_uid else { continue };
        if !known.contains_key(uid) {
            known.insert(uid.clone(), reader.task_of(uid)?);
        }
        point.task = known.get(uid).copied().flatten();
    }
    Ok(())
}
