//! How the Overview looks.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::Overview;
use crate::console::canvas::Canvas;
use crate::console::screen::{Context, draw_absent};
use crate::console::widget::{Axes, draw_chart, sparkline, words};
use crate::engine::query::{Better, Figure, FlowStage, OverviewView};
use crate::model::words::days;

impl Overview {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let lines = self.view.value.as_ref().map_or(1, |view| flow_lines(area.width, &view.flow));
        let flow = Rect { height: (4 + lines).min(area.height), ..area };
        let inner = canvas.pane(flow, "Flow, last hour", false);
        let Some(view) = &self.view.value else {
            draw_absent(canvas, inner, &self.view, context, "");
            return;
        };
        draw_flow(canvas, inner, &view.flow);
        let rest = Rect { y: flow.bottom(), height: area.height - flow.height, ..area };
        let lines = self.attention.len().max(self.figures.total as usize) as u16;
        let middle =
            Rect { height: (lines + 2).clamp(6, 14).max(rest.height * 2 / 5).min(rest.height), ..rest };
        let right = (area.width * 2 / 5).clamp(34, 60).min(area.width / 2);
        let left = Rect { width: area.width - right, ..middle };
        if self.process.is_forbidden() {
            self.draw_attention(canvas, middle, context);
        } else {
            self.draw_attention(canvas, left, context);
            self.draw_figures(canvas, Rect { x: left.right(), width: right, ..middle }, context);
        }
        let foot = Rect { y: middle.bottom(), height: rest.height - middle.height, ..rest };
        if foot.height >= 5 {
            self.draw_backlog(canvas, foot, view, context);
        }
    }

    fn draw_attention(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let title = match self.attention.len() {
            0 => "Attention".to_string(),
            count => format!("Attention · {count}"),
        };
        let focus = !self.in_figures;
        let inner = canvas.pane(area, &title, focus);
        if self.attention.is_empty() {
            draw_absent(canvas, inner, &self.view, context, "Nothing needs attention.");
            return;
        }
        let (first, end) = self.list.window(inner);
        for index in first..end {
            let Some(alert) = self.attention.get(index as usize) else { continue };
            let line = Rect { y: inner.y + (index - first) as u16, height: 1, ..inner };
            let (shape, style) = canvas.theme.severity(alert.severity);
            canvas.text(line.x, line.y, 1, shape, style);
            canvas.text(line.x + 2, line.y, line.width.saturating_sub(4), &alert.text, canvas.theme.text());
            if index == self.list.selected {
                canvas.text_right(line.right(), line.y, 1, "↵", canvas.theme.style("accent"));
                canvas.restyle(line, canvas.theme.selected(Style::new(), focus));
            }
        }
    }

    fn draw_figures(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let inner = canvas.pane(area, "Last 7 days, and before", self.in_figures);
        let Some(process) = self.process.value.as_ref().filter(|process| !process.figures.is_empty()) else {
            let empty = "Measures appear with the first decisions in Review.";
            draw_absent(canvas, inner, &self.process, context, empty);
            return;
        };
        let (first, end) = self.figures.window(inner);
        let names = process.figures.iter().map(|figure| figure.name.width() as u16).max().unwrap_or(0);
        let name = names.min(inner.width * 3 / 5);
        for index in first..end {
            let Some(figure) = process.figures.get(index as usize) else { continue };
            let line = Rect { y: inner.y + (index - first) as u16, height: 1, ..inner };
            draw_figure(canvas, line, figure, name);
            if self.in_figures && index == self.figures.selected {
                canvas.restyle(line, canvas.theme.selected(Style::new(), true));
            }
        }
    }

    fn draw_backlog(&self, canvas: &mut Canvas<'_>, area: Rect, view: &OverviewView, context: &Context<'_>) {
        let open = view.backlog.last().map_or(0, |(_, open)| *open);
        let mut title = format!("Backlog · {} open", words::count(open));
        if let Some(process) = &self.process.value {
            match process.empty_ms {
                Some(at) => title.push_str(&format!(" · empty ≈ {}", words::day(at))),
                None if !process.forecast.is_empty() && open > 0 => title.push_str(" · not shrinking"),
                None => {}
            }
        }
        let inner = canvas.pane(area, &title, false);
        match &self.backlog {
            Some(chart) => {
                let x_label = |at: f64| {
                    let exact = words::exact(at as i64);
                    format!("{} {}", words::day(at as i64), exact.get(11..16).unwrap_or_default())
                };
                let y_label = |open: f64| format!("{open:.0}");
                let axes = Axes { x: &x_label, y: &y_label };
                draw_chart(canvas, inner, chart, "overview.backlog", &context.graphics, axes);
            }
            None => {
                canvas
                    .empty(inner, "Open review tasks by the hour; the line begins after two hours of work.");
            }
        }
    }
}

/// Words of the flow that do not fit beside narrow numbers, and what they are shortened to.
const SHORT: &[(&str, &[&str])] = &[
    ("de-identified", &["de-ident."]),
    ("duplicates", &["dupl."]),
    ("quarantined", &["quarant.", "quar."]),
    ("rejected", &["rej."]),
    ("returned", &["ret."]),
    ("settling or waiting", &["settling"]),
];

/// The words themselves, and what they are shortened to.
fn forms(words: &str) -> impl Iterator<Item = &str> {
    let shorts = SHORT.iter().find(|(long, _)| *long == words).map_or(&[][..], |(_, shorts)| shorts);
    std::iter::once(words).chain(shorts.iter().copied())
}

/// The first of these texts that fits, else the last.
fn first_that_fits(texts: impl Iterator<Item = String>, room: usize) -> String {
    let mut last = String::new();
    for text in texts {
        last = text;
        if last.width() <= room {
            break;
        }
    }
    last
}

/// A count with its words, in full or shortened: `1 204 duplicates`, `1 204 dupl.`, `1.2k dupl.`.
fn counted(n: u64, what: &str, room: usize) -> String {
    let rounded = format!("{:.1}k", n as f64 / 1000.0);
    let numbers = std::iter::once(words::count(n)).chain((n >= 1000).then_some(rounded));
    first_that_fits(numbers.flat_map(|n| forms(what).map(move |what| format!("{n} {what}"))), room)
}

/// What stands beside a stage, in lines of this width.
fn aside_lines(stage: &FlowStage, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (n, what) in &stage.aside {
        let full = format!("{} {what}", words::count(*n));
        match lines.last_mut() {
            Some(line) if line.width() + 2 + full.width() <= room => {
                line.push_str(", ");
                line.push_str(&full);
            }
            _ => lines.push(counted(*n, what, room)),
        }
    }
    lines
}

/// Cells of each stage, in a pane or a screen of this width.
fn stage_width(width: u16, stages: usize) -> Option<u16> {
    width.checked_div(stages as u16).filter(|width| *width >= 6)
}

/// How many lines the fullest stage needs, at most three.
fn flow_lines(width: u16, flow: &[FlowStage]) -> u16 {
    let Some(stage) = stage_width(width.saturating_sub(2), flow.len()) else { return 1 };
    let lines = flow.iter().map(|of| aside_lines(of, usize::from(stage) - 2).len() as u16);
    lines.max().unwrap_or(1).clamp(1, 3)
}

fn draw_flow(canvas: &mut Canvas<'_>, area: Rect, flow: &[FlowStage]) {
    let Some(width) = stage_width(area.width, flow.len()) else { return };
    for (index, stage) in flow.iter().enumerate() {
        let x = area.x + width * index as u16;
        let room = width - 1;
        let arrow = index + 1 < flow.len();
        let name = first_that_fits(forms(&stage.name).map(String::from), usize::from(room - 1));
        canvas.text(x + 1, area.y, room, &name, canvas.theme.dim());
        let number = words::count(stage.total);
        let bold = canvas.theme.bold();
        let used = canvas.text(x + 1, area.y + 1, room - 1, &number, bold);
        let bars = room.saturating_sub(used + 2 + if arrow { 2 } else { 0 });
        if bars >= 3 && stage.slots.iter().any(|slot| *slot > 0) {
            let shown = &stage.slots[stage.slots.len().saturating_sub(usize::from(bars))..];
            canvas.text(x + used + 2, area.y + 1, bars, &sparkline(shown), canvas.theme.style("data_1"));
        }
        if arrow {
            canvas.text(x + width - 2, area.y + 1, 2, "─▶", canvas.theme.style("border"));
        }
        let waiting = stage.aside.iter().any(|(number, _)| *number > 0);
        let style = if waiting { canvas.theme.text() } else { canvas.theme.dim() };
        let mut lines = aside_lines(stage, usize::from(room - 1));
        if lines.is_empty() {
            lines.push("–".to_string());
        }
        for (y, line) in (area.y + 2..area.bottom()).zip(&lines) {
            canvas.text(x + 1, y, room - 1, line, style);
        }
    }
}

/// A figure's value as printed, without its interval.
fn printed(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{value:.0} %"),
        "" if value.fract() == 0.0 && value >= 0.0 => words::count(value as u64),
        "" => format!("{value:.2}").replace('-', "−"),
        "d" => days(value),
        unit => format!("{value:.1} {unit}"),
    }
}

/// By how much a figure moved, and whether that is good.
fn moved(figure: &Figure) -> Option<(String, &'static str)> {
    let (now, before) = (figure.now.value?, figure.before.value?);
    let change = now - before;
    let digits = match figure.unit.as_str() {
        "" if now.fract() == 0.0 && before.fract() == 0.0 => 0,
        "" => 2,
        _ => 1,
    };
    let text = format!("{:.digits$}", change.abs());
    if text.chars().all(|c| matches!(c, '0' | '.')) {
        return Some(("–".into(), "text_dim"));
    }
    let role = match (figure.better, change > 0.0) {
        (Better::Neither, _) => "text_dim",
        (Better::Higher, true) | (Better::Lower, false) => "ok",
        (Better::Higher, false) | (Better::Lower, true) => "warning",
    };
    Some((format!("{} {text}", if change > 0.0 { "▲" } else { "▼" }), role))
}

fn draw_figure(canvas: &mut Canvas<'_>, line: Rect, figure: &Figure, name: u16) {
    canvas.text(line.x, line.y, name, &figure.name, canvas.theme.text());
    let (x, room) = (line.x + name + 1, line.width.saturating_sub(name + 8));
    let Some(value) = figure.now.value else {
        let reason = figure.now.reason.as_deref().unwrap_or("no value yet");
        let reason = if reason.len() > usize::from(room + 7) { "–" } else { reason };
        canvas.text(x, line.y, room + 7, reason, canvas.theme.dim());
        return;
    };
    if let Some((change, role)) = moved(figure) {
        canvas.text_right(line.right(), line.y, 7, &change, canvas.theme.style(role));
    }
    let bold = canvas.theme.text().add_modifier(Modifier::BOLD);
    let used = canvas.text(x, line.y, room, &printed(value, &figure.unit), bold);
    let digits = |value: f64| if figure.unit == "%" { format!("{value:.0}") } else { format!("{value:.2}") };
    let interval = figure.now.ci95.map(|(low, high)| format!("[{}–{}]", digits(low), digits(high)));
    let aside = interval
        .into_iter()
        .chain(figure.aside.clone())
        .find(|text| used + 1 + text.chars().count() as u16 <= room);
    if let Some(aside) = aside {
        canvas.text(x + used + 1, line.y, room.saturating_sub(used + 1), &aside, canvas.theme.dim());
    }
}
