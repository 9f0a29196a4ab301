//! From drift's numbers to what is drawn: one chart for both renderings, names, numbers.

use crate::console::widget::words;
use crate::engine::query::{DriftChart, DriftGroup, DriftMarkKind, DriftRow, DriftState, Severity};
use crate::render::chart::{Chart, Level, LevelKind, Line, Mark, MarkKind, Stroke};

/// The control chart: reads in the order of time at equal distances, as control charts have them.
pub(super) fn chart(chart: &DriftChart, cursor: Option<usize>) -> Chart {
    let values: Vec<(f64, f64)> =
        chart.points.iter().enumerate().map(|(at, point)| (at as f64, point.value)).collect();
    let average: Vec<(f64, f64)> =
        chart.average.iter().enumerate().map(|(at, value)| (at as f64, *value)).collect();
    let level =
        |value: Option<f64>, kind, name: &str| value.map(|value| Level { value, kind, name: name.into() });
    let levels = [
        level(chart.upper, LevelKind::Limit, "upper"),
        level(chart.centre, LevelKind::Centre, "centre"),
        level(chart.lower, LevelKind::Limit, "lower"),
    ];
    let marks = chart.marks.iter().map(|mark| Mark {
        // Between the last read before and the first after.
        at: (mark.index as f64 - 0.5).max(0.0),
        kind: match mark.kind {
            DriftMarkKind::Change => MarkKind::Since,
            DriftMarkKind::Guideline => MarkKind::Guideline,
            DriftMarkKind::Scanner => MarkKind::Scanner,
        },
        name: if mark.kind == DriftMarkKind::Change {
            format!("since {}", words::day(mark.at_ms))
        } else {
            mark.text.clone()
        },
    });
    let mut alarming: Vec<usize> =
        chart.points.iter().enumerate().filter(|(_, point)| point.beyond).map(|(at, _)| at).collect();
    alarming.extend(chart.alarms.iter().map(|alarm| alarm.index as usize));
    alarming.sort_unstable();
    alarming.dedup();
    let reference = chart.reference_n.checked_sub(1).filter(|_| chart.centre.is_some());
    Chart {
        lines: vec![
            Line { name: "read".into(), points: values.clone(), stroke: Stroke::Chained, colour: 0 },
            Line { name: "moving average".into(), points: average, stroke: Stroke::Line, colour: 1 },
        ],
        levels: levels.into_iter().flatten().collect(),
        marks: marks.collect(),
        reference: reference.map(|last| (0.0, last as f64)),
        alarms: alarming.into_iter().filter_map(|at| values.get(at).copied()).collect(),
        cursor: cursor.and_then(|at| values.get(at).copied()),
        ..Chart::default()
    }
}

/// `reader-03`, `site-B`, `all readers`.
pub(super) fn who(row: &DriftRow) -> &str {
    if row.group == DriftGroup::All { "all readers" } else { &row.name }
}

/// `nodule volume against the other readers`.
pub(super) fn what(row: &DriftRow) -> String {
    format!("{} {}", row.structure, words::measure(&row.metric)).trim().to_string()
}

/// `reader-03 · nodule volume`.
pub(super) fn chart_name(row: &DriftRow) -> String {
    format!("{} · {}", who(row), what(row))
}

/// Shape, severity and word of a state.
pub(super) fn state(state: DriftState) -> (&'static str, Severity, &'static str) {
    match state {
        DriftState::Alarm => ("▲", Severity::Error, "alarm"),
        DriftState::Shared => ("△", Severity::Warning, "with the others"),
        DriftState::Watch => ("◆", Severity::Warning, "watch"),
        DriftState::Stable => ("·", Severity::Info, "stable"),
        DriftState::Short => ("…", Severity::Info, "too few reads"),
    }
}

/// What a chart's change is in.
pub(super) fn change_unit(row: &DriftRow) -> &str {
    if row.change_unit.is_empty() { &row.unit } else { &row.change_unit }
}

/// `+9.1 %`: a change with its sign and unit.
pub(super) fn change(value: f64, unit: &str) -> String {
    let text = number(value.abs(), unit);
    let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c));
    let sign = if is_zero {
        "±"
    } else if value < 0.0 {
        "−"
    } else {
        "+"
    };
    format!("{sign}{text}")
}

/// A value of a chart with its unit.
pub(super) fn number(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ if unit == "%" => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}").replace('-', "−");
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_figures_and_their_sign() {
        assert_eq!(change(9.123, "%"), "+9.1 %");
        assert_eq!(change(-123.4, ""), "−123");
        assert_eq!(change(-0.04, "%"), "±0.0 %");
        assert_eq!(number(-0.5, "mm"), "−0.50 mm");
    }
}
