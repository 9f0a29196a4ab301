//! *Is it healthy?* Flow, what needs a person, the last days beside the time before, backlog, disk.

mod draw;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Effect, Effects, Loadable, Message, Screen, ask};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, Plot, words};
use crate::engine::EngineError;
use crate::engine::query::{self, Alert, DeepLink, OverviewView, ProcessView};
use crate::model::ChangeKind;
use crate::render::chart::{Chart, Line, Stroke};

const ACTIONS: &[Action] = &[
    action(
        "overview.open",
        &["enter"],
        "open",
        "go to what needs a person: the screen, filter and row that explain it",
    ),
    action("pane.next", &["tab"], "figures", "to the figures of the last days and back"),
    action("overview.queue", &["c"], "queue", "to the review queue"),
];

/// Days of the forecast that the chart shows; never more than it shows of the past.
const DAYS_AHEAD: usize = 7;
const DAY_MS: f64 = 24.0 * 3_600_000.0;

/// The answers to what this screen asks.
enum OverviewAnswer {
    Overview(Box<Result<OverviewView, EngineError>>),
    Process(Box<Result<ProcessView, EngineError>>),
}

/// The first screen.
#[derive(Default)]
pub struct Overview {
    view: Loadable<OverviewView>,
    process: Loadable<ProcessView>,
    /// What needs a person, of the line and of the readers, the worst first.
    attention: Vec<Alert>,
    backlog: Option<Plot>,
    list: ListState,
    figures: ListState,
    in_figures: bool,
}

impl Overview {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        let mut effects = self.ask_flow(context);
        self.process.wait(context.now_ms);
        let now_ms = context.now_ms;
        effects.push(ask("process", query::Process { now_ms }, |answer| {
            OverviewAnswer::Process(Box::new(answer))
        }));
        effects
    }

    fn ask_flow(&mut self, context: &Context<'_>) -> Effects {
        self.view.wait(context.now_ms);
        let now_ms = context.now_ms;
        vec![ask("overview", query::Overview { now_ms }, |answer| OverviewAnswer::Overview(Box::new(answer)))]
    }

    fn list(&mut self) -> &mut ListState {
        if self.in_figures { &mut self.figures } else { &mut self.list }
    }

    fn door(&self) -> Option<&DeepLink> {
        if self.in_figures {
            let figures = &self.process.value.as_ref()?.figures;
            return figures.get(self.figures.selected as usize).map(|figure| &figure.door);
        }
        self.attention.get(self.list.selected as usize).map(|alert| &alert.door)
    }

    fn open(&self) -> Effects {
        self.door().map(|door| Effect::Go(door.clone())).into_iter().collect()
    }

    fn came(&mut self, answer: OverviewAnswer) {
        match answer {
            OverviewAnswer::Overview(answer) => self.view.set(*answer),
            OverviewAnswer::Process(answer) => self.process.set(*answer),
        }
        let own = self.view.value.iter().flat_map(|view| &view.attention);
        let measured = self.process.value.iter().flat_map(|process| &process.attention);
        let mut attention: Vec<Alert> = Vec::new();
        // What readers do comes first among equals: nobody sees it anywhere else.
        for alert in measured.chain(own) {
            if !attention.contains(alert) {
                attention.push(alert.clone());
            }
        }
        attention.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
        let kept = self.attention.get(self.list.selected as usize).map(|alert| alert.text.clone());
        self.attention = attention;
        self.list.resize(self.attention.len() as u64);
        // A line that comes above must not change what Enter opens.
        if let Some(place) = kept
            .filter(|_| self.list.selected > 0)
            .and_then(|text| self.attention.iter().position(|a| a.text == text))
        {
            self.list.selected = place as u64;
        }
        self.figures.resize(self.process.value.as_ref().map_or(0, |process| process.figures.len()) as u64);
        self.backlog = self.view.value.as_ref().and_then(|view| backlog(view, self.process.value.as_ref()));
    }

    fn click(&mut self, x: u16, y: u16) -> Effects {
        let hit = [(false, self.list.line_at(x, y)), (true, self.figures.line_at(x, y))];
        let Some((figures, line)) = hit.into_iter().find_map(|(figures, line)| Some((figures, line?))) else {
            return Vec::new();
        };
        let again = figures == self.in_figures && line == self.list().selected;
        self.in_figures = figures;
        self.list().selected = line;
        if again { self.open() } else { Vec::new() }
    }
}

/// Open tasks by the hour and as they are expected to be; `None` with fewer than two hours.
fn backlog(view: &OverviewView, process: Option<&ProcessView>) -> Option<Plot> {
    let points: Vec<(f64, f64)> = view.backlog.iter().map(|&(at, open)| (at as f64, open as f64)).collect();
    let now = *points.last().filter(|_| points.len() > 1)?;
    let past = points.first().map_or(0.0, |first| (now.0 - first.0) / DAY_MS).round() as usize;
    let days = || process.iter().flat_map(|process| process.forecast.iter().take(past.min(DAYS_AHEAD)));
    let expected = days().map(|&(at, expected, ..)| (at as f64, expected));
    let mut lines = vec![Line { name: "open".into(), points, stroke: Stroke::Area, colour: 0 }];
    let mut band = Vec::new();
    if days().next().is_some() {
        let points = std::iter::once(now).chain(expected).collect();
        lines.push(Line { name: "expected".into(), points, stroke: Stroke::Dashed, colour: 1 });
        band.push((now.0, now.1, now.1));
        band.extend(days().map(|&(at, _, low, high)| (at as f64, low, high)));
    }
    Some(Plot::new(Chart { lines, band, from_zero: true, ..Chart::default() }))
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
        (action == "overview.open" && self.door().is_none()).then(|| "nothing needs attention".into())
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
            // While files stream in, the figures of people's work stay as they are.
            Message::Changed(
                ChangeKind::Intake { .. }
                | ChangeKind::Series { .. }
                | ChangeKind::Sources
                | ChangeKind::Jobs,
            ) => self.ask_flow(context),
            Message::Enter(_)
            | Message::Changed(_)
            | Message::Undone(_)
            | Message::Action("screen.refresh") => self.ask(context),
            Message::Action("overview.open" | "list.open" | "list.right") => self.open(),
            Message::Action("overview.queue") => {
                vec![Effect::Go(DeepLink { screen: "queue".into(), filter: String::new(), select: None })]
            }
            Message::Action("pane.next" | "pane.previous") => {
                self.in_figures = !self.in_figures && self.figures.total > 0;
                Vec::new()
            }
            Message::Action("app.back") if self.in_figures => {
                self.in_figures = false;
                Vec::new()
            }
            Message::Action("app.back") => vec![Effect::Back],
            Message::Action(name) => {
                self.list().act(name);
                Vec::new()
            }
            Message::Answer(answer) => {
                if let Ok(answer) = answer.downcast::<OverviewAnswer>() {
                    self.came(*answer);
                }
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollDown, ..) => {
                self.list().act("list.down");
                Vec::new()
            }
            Message::Mouse(MouseEventKind::ScrollUp, ..) => {
                self.list().act("list.up");
                Vec::new()
            }
            Message::Mouse(MouseEventKind::Down(_), x, y) => self.click(x, y),
            Message::Tick if self.view.since_ms.is_none() && context.now_ms % 30_000 < 1000 => {
                self.ask(context)
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        self.draw_all(canvas, area, context);
    }
}
