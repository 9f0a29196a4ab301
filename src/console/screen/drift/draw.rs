//! How Drift looks.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::Drift;
use super::shape::{change, change_unit, chart_name, number, state, what, who};
use crate::console::canvas::{Canvas, wrap};
use crate::console::screen::{Context, draw_absent};
use crate::console::widget::{Axes, Column, Fact, Table, draw_chart, draw_facts, words};
use crate::engine::query::{DriftCause, DriftChart, DriftMarkKind, DriftRow};

const CHARTS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::text("who", 11, 1, 0),
    Column::text("what", 12, 3, 0),
    Column::number("moved", 9, 0),
    Column::text("since", 6, 0, 1),
    Column::number("reads", 5, 2),
];

/// What an empty screen says.
const EMPTY: &str = "No reads yet, so nothing can drift. Import what readers said with  gantry label import TABLE.csv ; \
                     charts begin with twenty reads of a reader or site.";

impl Drift {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let Some(view) = self.view.value.as_ref().filter(|view| !view.charts.is_empty()) else {
            let inner = canvas.pane(area, "Drift", true);
            let reason = self.view.value.as_ref().and_then(|view| view.reason.as_deref());
            let filtered = (!self.text.is_empty()).then_some("No chart matches the filter. Esc clears it.");
            draw_absent(canvas, inner, &self.view, context, filtered.or(reason).unwrap_or(EMPTY));
            return;
        };
        let wide = area.width >= 120;
        let side = if wide { (area.width * 7 / 20).clamp(46, 72) } else { 0 };
        let rows = view.charts.len() as u16 + 3;
        let foot = if wide { 0 } else { rows.clamp(4, (area.height / 3).max(5)) };
        let foot = foot.min(area.height);
        let main = Rect { width: area.width - side, height: area.height - foot, ..area };
        let beside = if wide {
            Rect { x: main.right(), width: side, ..area }
        } else {
            Rect { y: main.bottom(), height: foot, ..area }
        };
        match &view.selected {
            Some(chart) => self.draw_main(canvas, main, chart, context),
            None => {
                canvas.pane(main, "", false);
            }
        }
        let taken_apart = view.selected.as_ref().filter(|_| wide && area.height >= 30);
        let Some(chart) = taken_apart else {
            self.draw_list(canvas, beside);
            return;
        };
        let facts = facts(chart);
        let height = (facts.len() as u16 + 2).min(beside.height / 2);
        self.draw_list(canvas, Rect { height: beside.height - height, ..beside });
        let foot = Rect { y: beside.bottom() - height, height, ..beside };
        let inner = canvas.pane(foot, "This chart", false);
        draw_facts(canvas, inner, &facts);
    }

    /// The chart, the sentence over it, the read under the cursor below.
    fn draw_main(&self, canvas: &mut Canvas<'_>, area: Rect, chart: &DriftChart, context: &Context<'_>) {
        let inner = canvas.pane(area, &chart_name(&chart.row), true);
        if inner.height < 4 || inner.width < 20 {
            return;
        }
        let (shape, severity, _) = state(chart.row.state);
        let style = canvas.theme.severity(severity).1;
        let room = inner.width.saturating_sub(4);
        let lines = wrap(&chart.row.sentence, room);
        let most = if inner.height > 14 { 3 } else { 2 };
        let height = (lines.len() as u16).min(most);
        canvas.text(inner.x + 1, inner.y, 1, shape, style.add_modifier(Modifier::BOLD));
        let place = Rect { x: inner.x + 3, width: room, height, ..inner };
        // What does not fit ends in an ellipsis, not in the middle.
        let kept: Vec<String> = lines.iter().take(usize::from(height)).cloned().collect();
        for (row, line) in kept.iter().enumerate() {
            let cut = row + 1 == kept.len() && lines.len() > kept.len();
            let text = if cut { format!("{line} …") } else { line.clone() };
            canvas.text(place.x, place.y + row as u16, place.width, &text, canvas.theme.bold());
        }
        let legend = u16::from(inner.height > 15);
        let plot = Rect {
            x: inner.x + 1,
            y: inner.y + height,
            width: inner.width - 2,
            height: inner.height.saturating_sub(height + 1 + legend),
        };
        self.draw_plot(canvas, plot, chart, context);
        if legend > 0 {
            let y = inner.bottom() - 2;
            canvas.text(inner.x + 1, y, inner.width - 2, &legend_of(chart), canvas.theme.dim());
        }
        let reading = self.reading(chart);
        canvas.text(inner.x + 1, inner.bottom() - 1, inner.width - 2, &reading, canvas.theme.style("accent"));
    }

    fn draw_plot(&self, canvas: &mut Canvas<'_>, area: Rect, chart: &DriftChart, context: &Context<'_>) {
        let Some(plot) = self.plot.as_ref().filter(|_| !chart.points.is_empty()) else {
            canvas.empty(area, "No reads on this chart.");
            return;
        };
        let at = |x: f64| {
            chart.points.get(x.round().max(0.0) as usize).map_or(String::new(), |p| words::day(p.at_ms))
        };
        let unit = &chart.row.unit;
        let value = |y: f64| number(y, if unit == "%" { "%" } else { "" });
        draw_chart(canvas, area, plot, "drift", &context.graphics, Axes { x: &at, y: &value });
    }

    /// The read under the cursor.
    fn reading(&self, chart: &DriftChart) -> String {
        let Some((at, point)) = self.at.zip(self.point()) else { return String::new() };
        let mut parts = vec![
            format!("◉ {}/{}", at + 1, chart.points.len()),
            words::exact(point.at_ms).get(..16).unwrap_or_default().to_string(),
            point.reader.clone(),
            point.item.clone(),
        ];
        parts.extend(point.site.clone());
        parts.push(number(point.value, &chart.row.unit));
        if point.beyond {
            parts.push("▲ beyond its limit".into());
        }
        let here = chart.alarms.iter().find(|alarm| alarm.index as usize == at);
        parts.extend(here.map(|alarm| {
            let name = alarm.detector.replace('_', " ");
            format!("▲ {name} {} beyond {}", number(alarm.value, ""), number(alarm.limit, ""))
        }));
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    }

    fn draw_list(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let inner = canvas.pane(area, "Charts, the most alarming first", true);
        let rows = self.rows();
        // What all charts are about need not be said in each line.
        let one = rows.iter().all(|row| row.structure == rows[0].structure);
        let about = |row: &DriftRow| short(&if one { words::measure(&row.metric) } else { what(row) });
        let theme = canvas.theme;
        let table = Table { columns: CHARTS, list: &self.list, focus: true };
        table.draw(canvas, inner, |index| {
            let row = rows.get(index as usize)?;
            let (shape, severity, _) = state(row.state);
            let style = theme.severity(severity).1;
            Some(vec![
                (shape.to_string(), style).into(),
                who(row).into(),
                (about(row), theme.dim()).into(),
                row.change.map_or(String::new(), |value| change(value, change_unit(row))).into(),
                row.since_ms.map_or(String::new(), words::day).into(),
                (words::count(row.n), theme.dim()).into(),
            ])
        });
    }
}

/// A metric in fewer words, for a list.
fn short(metric: &str) -> String {
    metric.replace(" against the other readers", " vs others").replace(" what most others found", "")
}

/// What the signs on the chart mean: only those that stand on it.
fn legend_of(chart: &DriftChart) -> String {
    let mut parts = vec!["• read".to_string(), "─ moving average".into()];
    if chart.upper.is_some() || chart.lower.is_some() {
        parts.push(format!("┄ 3 sd of the first {}", words::count(chart.reference_n)));
    }
    if chart.points.iter().any(|point| point.beyond) || !chart.alarms.is_empty() {
        parts.push("▲ beyond a limit".into());
    }
    let has = |kind: DriftMarkKind| chart.marks.iter().any(|mark| mark.kind == kind);
    for (kind, words) in [
        (DriftMarkKind::Change, "│ it moved"),
        (DriftMarkKind::Guideline, "┆ guideline"),
        (DriftMarkKind::Scanner, "┊ scanner"),
    ] {
        if has(kind) {
            parts.push(words.into());
        }
    }
    parts.join("  ")
}

/// A chart's numbers, and what its change comes from.
fn facts(chart: &DriftChart) -> Vec<Fact> {
    let row = &chart.row;
    let mut facts: Vec<Fact> = vec![("state".into(), state(row.state).2.into())];
    if let Some(moved) = row.change {
        let sd = row.change_sd.map_or(String::new(), |sd| format!(" ({})", change(sd, "sd")));
        facts.push(("moved".into(), format!("{}{sd}", change(moved, change_unit(row)))));
    }
    if let Some(since) = row.since_ms {
        facts.push(("since".into(), words::exact(since)));
    }
    if let Some(p) = row.p {
        facts.push(("p, corrected".into(), probability(p)));
    }
    if let Some(centre) = chart.centre {
        facts.push(("centre".into(), number(centre, &row.unit)));
    }
    if let (Some(lower), Some(upper)) = (chart.lower, chart.upper) {
        facts.push(("limits".into(), format!("{} … {}", number(lower, &row.unit), number(upper, &row.unit))));
    }
    for alarm in chart.alarms.iter().take(3) {
        let words = format!("read {}, {}", alarm.index + 1, words::day(alarm.at_ms));
        facts.push((alarm.detector.replace('_', " "), words));
    }
    for mark in chart.marks.iter().filter(|mark| mark.kind != DriftMarkKind::Change).rev().take(3) {
        facts.push((words::day(mark.at_ms), mark.text.clone()));
    }
    let Some(apart) = &chart.attribution else { return facts };
    let cause = match apart.cause {
        DriftCause::Readers => apart.readers.join(", "),
        DriftCause::Guideline => "a new guideline: all readers together".into(),
        DriftCause::Common => "all readers together".into(),
        DriftCause::Mix => "another mix of scanners or cases".into(),
        DriftCause::Unclear => "not enough reads to tell".into(),
    };
    facts.push(("most likely".into(), cause));
    let parts = format!(
        "{} of the mix, {} within",
        change(apart.mix, change_unit(row)),
        change(apart.within, change_unit(row))
    );
    facts.push(("by cause".into(), parts));
    let mut readers = apart.by_reader.clone();
    readers.sort_by(|a, b| a.2.total_cmp(&b.2));
    for (reader, moved, p) in readers.iter().take(8) {
        facts.push((reader.clone(), format!("{} (p {})", change(*moved, change_unit(row)), probability(*p))));
    }
    facts
}

fn probability(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("{p:.4}") }
}
