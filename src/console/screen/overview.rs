//! *Is it healthy?* Flow, what needs a person, trends, backlog, disk.

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use super::{Context, Effect, Effects, Loadable, Message, Screen, ask, draw_absent};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{Axes, ListState, Plot, draw_chart, sparkline, words};
use crate::engine::EngineError;
use crate::engine::query::{self, FlowStage, OverviewView, Trend};
use crate::render::chart::{Chart, Line, Stroke};

const ACTIONS: &[Action] = &[
    action(
        "overview.open",
        &["enter"],
        "open",
        "go to what needs a person: the screen, filter and row that explain it",
    ),
    action("overview.queue", &["c"], "queue", "to the review queue"),
];

/// The answer to what this screen asks.
struct Answer(Result<OverviewView, EngineError>);

/// The first screen.
#[derive(Default)]
pub struct Overview {
    view: Loadable<OverviewView>,
    backlog: Option<Plot>,
    list: ListState,
}

impl Overview {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        self.view.wait(context.now_ms);
        vec![ask("overview", query::Overview { now_ms: context.now_ms }, Answer)]
    }

    fn open(&self) -> Effects {
        let view = self.view.value.as_ref();
        let alert = view.and_then(|view| view.attention.get(self.list.selected as usize));
        alert.map(|alert| Effect::Go(alert.door.clone())).into_iter().collect()
    }
}

/// The backlog as a chart; `None` with fewer than two hours.
fn backlog_chart(backlog: &[(i64, u64)]) -> Option<Plot> {
    let points: Vec<(f64, f64)> = backlog.iter().map(|&(at, open)| (at as f64, open as f64)).collect();
    let line = Line { name: "open".into(), points, stroke: Stroke::Area, colour: 0 };
    let chart = Chart { lines: vec![line], from_zero: true, ..Chart::default() };
    (backlog.len() > 1).then(|| Plot::new(chart))
}

impl Screen for Overview {
    fn name(&self) -> &'static str {
        "overview"
    }

    fn digit(&self) -> usize {
        1
    }

    fn title(&self) -> &'static str {
        "Overview"
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        (action == "overview.open" && self.list.total == 0).then(|| "nothing needs attention".into())
    }

    fn note(&self) -> Option<String> {
        let view = self.view.value.as_ref()?;
        Some(format!(
            "{} stored · {} free",
            words::bytes(view.store_bytes),
            words::bytes(view.disk_free_bytes)
        ))
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(_)
            | Message::Changed(_)
            | Message::Undone(_)
            | Message::Action("screen.refresh") => self.ask(context),
            Message::Action("overview.open" | "list.open" | "list.right") => self.open(),
            Message::Action("overview.queue") => {
                vec![Effect::Go(query::Door { screen: "queue".into(), filter: String::new(), select: None })]
            }
            Message::Action("app.back") => vec![Effect::Back],
            Message::Action(name) => {
                self.list.act(name);
                Vec::new()
            }
            Message::Answer(answer) => {
                if let Ok(answer) = answer.downcast::<Answer>() {
                    self.view.set(answer.0);
                    if let Some(view) = &self.view.value {
                        self.list.resize(view.attention.len() as u64);
                        self.backlog = backlog_chart(&view.backlog);
                    }
                }
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollDown, ..) => {
                self.list.act("list.down");
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollUp, ..) => {
                self.list.act("list.up");
                Vec::new()
            }
            Message::Mouse(MouseEventKind::Down(_), x, y) => match self.list.line_at(x, y) {
                Some(line) if line == self.list.selected => self.open(),
                Some(line) => {
                    self.list.selected = line;
                    Vec::new()
                }
                None => Vec::new(),
            },
            Message::Tick if self.view.since_ms.is_none() && context.now_ms % 30_000 < 1000 => {
                self.ask(context)
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let flow = Rect { height: 5.min(area.height), ..area };
        let inner = canvas.pane(flow, "Flow, last hour", false);
        let Some(view) = &self.view.value else {
            draw_absent(canvas, inner, &self.view, context, "");
            return;
        };
        draw_flow(canvas, inner, &view.flow);
        let rest = Rect { y: flow.bottom(), height: area.height - flow.height, ..area };
        let trends = (view.trends.len() as u16 + 2).clamp(5, 10);
        let middle = Rect { height: trends.max(rest.height * 2 / 5).min(rest.height), ..rest };
        let right = (area.width * 2 / 5).clamp(34, 60).min(area.width / 2);
        let left = Rect { width: area.width - right, ..middle };
        self.draw_attention(canvas, left, view, context);
        draw_trends(canvas, Rect { x: left.right(), width: right, ..middle }, &view.trends);
        let foot = Rect { y: middle.bottom(), height: rest.height - middle.height, ..rest };
        if foot.height >= 5 {
            self.draw_backlog(canvas, foot, view, context);
        }
    }
}

impl Overview {
    fn draw_attention(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        view: &OverviewView,
        context: &Context<'_>,
    ) {
        let title = match view.attention.len() {
            0 => "Attention".to_string(),
            count => format!("Attention · {count}"),
        };
        let inner = canvas.pane(area, &title, true);
        if view.attention.is_empty() {
            draw_absent(canvas, inner, &self.view, context, "Nothing needs attention.");
            return;
        }
        let (first, end) = self.list.window(inner);
        for index in first..end {
            let Some(alert) = view.attention.get(index as usize) else { continue };
            let line = Rect { y: inner.y + (index - first) as u16, height: 1, ..inner };
            let (shape, style) = canvas.theme.severity(alert.severity);
            canvas.text(line.x, line.y, 1, shape, style);
            canvas.text(line.x + 2, line.y, line.width.saturating_sub(4), &alert.text, canvas.theme.text());
            if index == self.list.selected {
                canvas.text_right(line.right(), line.y, 1, "↵", canvas.theme.style("accent"));
                let selected = canvas.theme.selected(ratatui::style::Style::new(), true);
                canvas.restyle(line, selected);
            }
        }
    }

    fn draw_backlog(&self, canvas: &mut Canvas<'_>, area: Rect, view: &OverviewView, context: &Context<'_>) {
        let open = view.backlog.last().map_or(0, |(_, open)| *open);
        let title = format!("Backlog · {} open", words::count(open));
        let inner = canvas.pane(area, &title, false);
        match &self.backlog {
            Some(chart) => {
                let x_label = |at: f64| {
                    let exact = words::exact(at as i64);
                    exact.get(5..16).unwrap_or_default().to_string()
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

fn draw_flow(canvas: &mut Canvas<'_>, area: Rect, flow: &[FlowStage]) {
    let Some(width) = area.width.checked_div(flow.len() as u16).filter(|width| *width >= 6) else { return };
    for (index, stage) in flow.iter().enumerate() {
        let x = area.x + width * index as u16;
        let room = width - 1;
        let arrow = index + 1 < flow.len();
        canvas.text(x + 1, area.y, room, &stage.name, canvas.theme.dim());
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
        let aside: Vec<String> =
            stage.aside.iter().map(|(n, what)| format!("{} {what}", words::count(*n))).collect();
        let waiting = stage.aside.iter().any(|(number, _)| *number > 0);
        let style = if waiting { canvas.theme.text() } else { canvas.theme.dim() };
        let text = if aside.is_empty() { "–".to_string() } else { aside.join(", ") };
        canvas.text(x + 1, area.y + 2, room - 1, &text, style);
    }
}

/// A trend's value as printed, without its interval.
fn printed(value: f64, unit: &str) -> String {
    match unit {
        "%" => format!("{value:.0} %"),
        "" if value.fract() == 0.0 => words::count(value.max(0.0) as u64),
        "" => format!("{value:.2}"),
        unit => format!("{value:.1} {unit}"),
    }
}

fn draw_trends(canvas: &mut Canvas<'_>, area: Rect, trends: &[Trend]) {
    let inner = canvas.pane(area, "Last 7 days, and before", false);
    if trends.is_empty() {
        canvas.empty(inner, "Measures appear with the first decisions in Review.");
    }
    for (row, trend) in trends.iter().take(usize::from(inner.height)).enumerate() {
        let y = inner.y + row as u16;
        let change = trend.value.zip(trend.before).map(|(now, before)| now - before);
        let change = match change {
            Some(change) if change.abs() < 0.05 => "–".to_string(),
            Some(change) => format!("{} {:.1}", if change > 0.0 { "▲" } else { "▼" }, change.abs()),
            None => String::new(),
        };
        let name = (inner.width * 3 / 5).min(22);
        canvas.text(inner.x, y, name, &trend.name, canvas.theme.text());
        canvas.text_right(inner.right(), y, 7, &change, canvas.theme.dim());
        let room = inner.width.saturating_sub(name + 9);
        let Some(value) = trend.value else {
            let reason = trend.reason.as_deref().unwrap_or("no value yet");
            let reason = if reason.len() > usize::from(room + 8) { "–" } else { reason };
            canvas.text(inner.x + name + 1, y, room + 8, reason, canvas.theme.dim());
            continue;
        };
        let bold = canvas.theme.text().add_modifier(Modifier::BOLD);
        let used = canvas.text(inner.x + name + 1, y, room, &printed(value, &trend.unit), bold);
        if let Some((low, high)) = trend.ci95 {
            let digits = |value: f64| {
                if trend.unit == "%" { format!("{value:.0}") } else { format!("{value:.2}") }
            };
            let interval = format!("[{}–{}]", digits(low), digits(high));
            if used + 1 + interval.len() as u16 <= room + 2 {
                canvas.text(inner.x + name + used + 2, y, room - used, &interval, canvas.theme.dim());
            }
        }
    }
}
