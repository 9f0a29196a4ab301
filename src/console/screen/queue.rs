//! Work for people: mine, open, claimed, overdue, decided, all.

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, act, ask, draw_absent};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{Cell, Column, Fact, ListState, Pages, Table, draw_facts, words};
use crate::engine::EngineError;
use crate::engine::command::UnclaimTask;
use crate::engine::query::{self, DeepLink, Page, QueueTab, QueueView, Rows, TaskRow};

const ACTIONS: &[Action] = &[
    action("queue.review", &["enter", "o"], "review", "open the case in Review"),
    action("queue.next", &["n"], "next case", "claim the most urgent case and open it"),
    action("queue.tab", &["tab"], "tab", "next tab: mine, open, claimed, overdue, decided, all"),
    action("queue.tab_back", &["shift+tab"], "", "to the tab before"),
    action("screen.filter", &["/"], "filter", "filter with the query language of `gantry search`"),
    action("queue.unclaim", &["U"], "give back", "give the case back undecided"),
    action("screen.copy", &["y"], "", "copy the series UID"),
];

const TABS: [(QueueTab, &str); 6] = [
    (QueueTab::Mine, "mine"),
    (QueueTab::Open, "open"),
    (QueueTab::Claimed, "claimed"),
    (QueueTab::Overdue, "overdue"),
    (QueueTab::Done, "decided"),
    (QueueTab::All, "all"),
];

const COLUMNS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::text("subject", 12, 1, 0),
    Column::text("series", 14, 3, 2),
    Column::text("mod", 3, 0, 3),
    Column::text("site", 8, 0, 5),
    Column::number("frames", 6, 6),
    Column::text("why", 18, 3, 1),
    Column::text("reader", 8, 1, 7),
    Column::text("due", 10, 0, 4),
    Column::text("state", 8, 0, 8),
];

enum QueueAnswer {
    Page(Page, Result<QueueView, EngineError>),
    Unclaimed(Result<(), EngineError>),
}

/// The queue.
#[derive(Default)]
pub struct Queue {
    tab: QueueTab,
    filter: String,
    rows: Pages<TaskRow>,
    counts: Vec<(QueueTab, u64)>,
    state: Loadable<()>,
    list: ListState,
}

impl Queue {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        let Some(page) = self.rows.missing(self.list.selected) else { return Vec::new() };
        self.state.wait(context.now_ms);
        let question =
            query::Queue { view: self.tab, filter: self.filter.clone(), now_ms: context.now_ms, page };
        vec![ask("queue", question, move |answer| QueueAnswer::Page(page, answer))]
    }

    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.rows.forget();
        self.ask(context)
    }

    fn show_tab(&mut self, step: usize, context: &Context<'_>) -> Effects {
        let at = TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        self.tab = TABS[(at + step) % TABS.len()].0;
        self.list.reset();
        self.rows = Pages::default();
        self.refresh(context)
    }

    fn row(&self) -> Option<&TaskRow> {
        self.rows.get(self.list.selected)
    }

    fn open(&self) -> Effects {
        let Some(row) = self.row() else { return Vec::new() };
        let select = Some(row.id.to_string());
        vec![Effect::Go(DeepLink { screen: "review".into(), filter: self.filter.clone(), select })]
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "queue.review" | "list.open" => self.open(),
            "queue.next" => {
                vec![Effect::Go(DeepLink {
                    screen: "review".into(),
                    filter: self.filter.clone(),
                    select: None,
                })]
            }
            "queue.tab" | "list.right" | "pane.next" => self.show_tab(1, context),
            "queue.tab_back" | "list.left" | "pane.previous" => self.show_tab(TABS.len() - 1, context),
            "screen.refresh" => self.refresh(context),
            "screen.filter" => vec![Effect::Dialog(Dialog::Input {
                tag: "filter",
                title: "filter — modality:CT site:A \"free text\"".into(),
                text: self.filter.clone(),
                complete: true,
                offers: Vec::new(),
            })],
            "screen.copy" => match self.row() {
                Some(row) => vec![
                    Effect::Copy(row.series_uid.clone()),
                    Effect::Say(query::Severity::Info, "series UID copied".into()),
                ],
                None => Vec::new(),
            },
            "queue.unclaim" => match self.row() {
                Some(row) => vec![act(UnclaimTask { task: row.id }, QueueAnswer::Unclaimed)],
                None => Vec::new(),
            },
            "app.back" if !self.filter.is_empty() => {
                self.filter.clear();
                self.list.reset();
                self.refresh(context)
            }
            "app.back" => vec![Effect::Back],
            name => {
                self.list.act(name);
                self.ask(context)
            }
        }
    }
}

impl Screen for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn digit(&self) -> usize {
        4
    }

    fn title(&self) -> &'static str {
        "Queue"
    }

    fn place(&self) -> Option<String> {
        let tab = TABS.iter().find(|(tab, _)| *tab == self.tab).map(|(_, name)| *name)?;
        Some(if self.filter.is_empty() { tab.into() } else { format!("{tab} ▸ {}", self.filter) })
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        match action {
            "queue.review" | "queue.unclaim" if self.row().is_none() => Some("no case is selected".into()),
            "queue.unclaim" if self.row().is_some_and(|row| row.state != "claimed") => {
                Some("nobody holds this case".into())
            }
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        self.rows.total().map(|total| words::plural(total, "case"))
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(door) = door {
                    self.filter = door.filter;
                    if let Some(select) = &door.select {
                        self.tab =
                            TABS.iter().find(|(_, name)| name == select).map_or(self.tab, |(tab, _)| *tab);
                    }
                    self.list.reset();
                }
                self.refresh(context)
            }
            Message::Changed(_) | Message::Undone(_) => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog("filter", text) => {
                self.filter = text;
                self.list.reset();
                self.refresh(context)
            }
            Message::Answer(answer) => match answer.downcast::<QueueAnswer>().map(|answer| *answer) {
                Ok(QueueAnswer::Page(page, Ok(view))) => {
                    self.counts = view.counts;
                    self.rows.put(page, Rows { rows: view.rows, total: view.total });
                    self.list.resize(view.total);
                    self.state.set(Ok(()));
                    self.ask(context)
                }
                Ok(QueueAnswer::Page(_, Err(error))) => {
                    self.state.set(Err(error));
                    Vec::new()
                }
                Ok(QueueAnswer::Unclaimed(Err(error))) => {
                    vec![Effect::Say(query::Severity::Warning, error.to_string())]
                }
                Ok(QueueAnswer::Unclaimed(Ok(()))) => self.refresh(context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => match self.list.line_at(x, y) {
                Some(line) if line == self.list.selected => self.open(),
                Some(line) => {
                    self.list.selected = line;
                    self.ask(context)
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let detail = if area.height >= 30 { 9 } else { 0 };
        let top = Rect { height: area.height - detail, ..area };
        let inner = canvas.pane(top, "", true);
        self.draw_tabs(canvas, top);
        let waits = self.state.error.is_some() || self.rows.total().is_none();
        if waits || self.rows.total() == Some(0) {
            draw_absent(canvas, inner, &self.absent(), context, self.empty_words());
        } else {
            let table = Table { columns: COLUMNS, list: &self.list, focus: true };
            table.draw(canvas, inner, |index| self.rows.get(index).map(|row| cells(row, context)));
            self.draw_shapes(canvas, inner);
        }
        if detail > 0 {
            let pane = canvas.pane(Rect { y: top.bottom(), height: detail, ..area }, "Case", false);
            if let Some(row) = self.row() {
                draw_facts(canvas, pane, &facts(row, context));
            }
        }
    }
}

impl Queue {
    fn absent(&self) -> Loadable<()> {
        let value = self.rows.total().map(|_| ());
        Loadable { value, error: self.state.error.clone(), since_ms: self.state.since_ms }
    }

    fn empty_words(&self) -> &'static str {
        if !self.filter.is_empty() {
            return "No case matches the filter. Esc clears it.";
        }
        match self.tab {
            QueueTab::Mine => "You hold no case. Press n to take the most urgent one.",
            QueueTab::Claimed => "Nobody holds a case.",
            QueueTab::Open | QueueTab::Free => {
                "No case waits. Cases come when series have been checked (gantry ingest, or an inbox)."
            }
            QueueTab::Overdue => "Nothing is overdue.",
            QueueTab::Done => "Nothing was decided yet.",
            QueueTab::All => "There are no cases yet. They come when series have been checked.",
        }
    }

    fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let mut x = area.x + 2;
        for (tab, name) in TABS {
            let count =
                self.counts.iter().find(|(counted, _)| *counted == tab).map_or(0, |(_, count)| *count);
            let text = format!(" {name} {} ", words::count(count));
            let here = tab == self.tab;
            let style = if here { canvas.theme.style("accent") } else { canvas.theme.dim() };
            let style = if here { style.add_modifier(ratatui::style::Modifier::REVERSED) } else { style };
            x += canvas.text(x, area.y, area.right().saturating_sub(x + 1), &text, style) + 1;
        }
    }

    fn draw_shapes(&self, canvas: &mut Canvas<'_>, inner: Rect) {
        let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let (first, end) = self.list.window(body);
        for index in first..end {
            let severity = self.rows.get(index).and_then(|row| row.severity);
            if let Some(severity) = severity {
                let (shape, style) = canvas.theme.severity(severity);
                canvas.text(body.x + 1, body.y + (index - first) as u16, 1, shape, style);
            }
        }
        let selected = canvas.theme.selected(Style::new(), true);
        let y = body.y + self.list.selected.saturating_sub(first) as u16;
        canvas.restyle(Rect { y, height: 1, ..body }, selected);
    }
}

fn cells(row: &TaskRow, context: &Context<'_>) -> Vec<Cell> {
    let due = match (row.due_ms, row.state.as_str()) {
        (_, "accepted" | "returned") | (None, _) => String::new(),
        (Some(due), _) if due < context.now_ms => {
            format!("{} late", words::ago(due, context.now_ms).replace(" ago", ""))
        }
        (Some(due), _) => words::ago(due, context.now_ms),
    };
    vec![
        "".into(),
        row.subject.clone().into(),
        series_name(row).into(),
        row.modality.clone().into(),
        row.site.clone().into(),
        words::count(row.frames).into(),
        row.decision.clone().unwrap_or_else(|| row.why.clone()).into(),
        row.assignee.clone().unwrap_or_default().into(),
        due.into(),
        row.state.clone().into(),
    ]
}

fn series_name(row: &TaskRow) -> String {
    let parts = [row.body_part.as_deref(), row.description.as_deref()];
    let name: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if name.is_empty() { "–".into() } else { name.join(" · ") }
}

fn facts(row: &TaskRow, context: &Context<'_>) -> Vec<Fact> {
    let mut facts = vec![
        ("series".to_string(), row.series_uid.clone()),
        ("subject".into(), format!("{} · {}", row.subject, row.site)),
        ("why here".into(), row.why.clone()),
        (
            "state".into(),
            match (&row.assignee, row.claim_until_ms) {
                (Some(who), Some(until)) => format!("{} by {who} until {}", row.state, words::exact(until)),
                (Some(who), None) => format!("{} by {who}", row.state),
                (None, _) => row.state.clone(),
            },
        ),
        (
            "since".into(),
            format!("{} ({})", words::exact(row.created_ms), words::ago(row.created_ms, context.now_ms)),
        ),
    ];
    if let Some(due) = row.due_ms {
        facts.push(("due".into(), words::exact(due)));
    }
    if let Some(decision) = &row.decision {
        facts.push(("decision".into(), decision.clone()));
    }
    facts
}
