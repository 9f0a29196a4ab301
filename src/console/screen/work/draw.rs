//! The worklist and the people on the screen.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::{TABS, Tab, Work};
use crate::console::canvas::{Canvas, middle};
use crate::console::screen::{Context, Loadable, draw_absent};
use crate::console::widget::{Cell, Column, Fact, Table, draw_facts, words};
use crate::engine::query::{ReaderView, Severity, TaskLine};

const COLUMNS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::number("task", 6, 0),
    Column::text("step", 13, 0, 0),
    Column::text("state", 9, 0, 3),
    Column::text("reader", 10, 1, 1),
    Column::text("why", 20, 4, 0),
    Column::number("level", 5, 6),
    Column::number("priority", 8, 7),
    Column::text("due", 10, 0, 2),
    Column::text("guideline", 9, 0, 8),
    Column::text("series", 14, 2, 5),
];

const READER_COLUMNS: &[Column] = &[
    Column::text("reader", 14, 1, 0),
    Column::number("level", 5, 0),
    Column::number("open", 6, 0),
    Column::number("done", 7, 0),
    Column::number("a day", 6, 2),
    Column::text("sites", 12, 1, 3),
    Column::text("skills", 14, 1, 4),
    Column::text("user", 10, 0, 5),
    Column::text("", 8, 0, 1),
];

impl Work {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let detail = if area.height >= 30 { 9 } else { 0 };
        let top = Rect { height: area.height - detail, ..area };
        let inner = canvas.pane(top, "", true);
        self.draw_tabs(canvas, top);
        if self.tab == Tab::Readers {
            self.draw_readers(canvas, inner, context);
        } else {
            self.draw_tasks(canvas, inner, context);
        }
        if detail > 0 {
            let pane = Rect { y: top.bottom(), height: detail, ..area };
            self.draw_detail(canvas, pane, context);
        }
    }

    fn draw_tabs(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let mut x = area.x + 2;
        for (tab, name) in TABS {
            let here = tab == self.tab;
            let style = if here { canvas.theme.style("accent") } else { canvas.theme.dim() };
            let style = if here { style.add_modifier(Modifier::REVERSED) } else { style };
            x += canvas.text(x, area.y, area.right().saturating_sub(x + 1), &format!(" {name} "), style) + 1;
        }
    }

    fn draw_tasks(&self, canvas: &mut Canvas<'_>, inner: Rect, context: &Context<'_>) {
        if self.state.error.is_some() || self.rows.total().is_none_or(|total| total == 0) {
            let value = self.rows.total().map(|_| ());
            let absent = Loadable { value, error: self.state.error.clone(), since_ms: self.state.since_ms };
            draw_absent(canvas, inner, &absent, context, self.empty_words());
            return;
        }
        let table = Table { columns: COLUMNS, list: &self.list, focus: true };
        table.draw(canvas, inner, |index| self.rows.get(index).map(|row| cells(row, context)));
        let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        let (first, end) = self.list.window(body);
        for index in first..end {
            let late = |row: &TaskLine| is_late(row, context);
            if self.rows.get(index).is_some_and(late) {
                let (shape, style) = canvas.theme.severity(Severity::Warning);
                canvas.text(body.x + 1, body.y + (index - first) as u16, 1, shape, style);
            }
        }
        let y = body.y + self.list.selected.saturating_sub(first) as u16;
        let selected = canvas.theme.selected(Style::new(), true);
        canvas.restyle(Rect { y, height: 1, ..body }, selected);
    }

    fn empty_words(&self) -> &'static str {
        if !self.filter.is_empty() {
            return "No task matches the filter. Esc clears it.";
        }
        if matches!(self.plan.value, Some(None)) {
            return "There is no plan. `gantry plan apply FILE` says what is read, by whom, and what must agree.";
        }
        match self.tab {
            Tab::Claimed => "Nobody holds a task. Press n to take the best one.",
            Tab::Held => "Nothing waits.",
            Tab::Done => "Nothing is done yet.",
            _ => "There is nothing to do. Tasks come when series have passed the line.",
        }
    }

    fn draw_readers(&self, canvas: &mut Canvas<'_>, inner: Rect, context: &Context<'_>) {
        let all = self.readers.value.as_deref().unwrap_or_default();
        if self.readers.error.is_some() || all.is_empty() {
            let none = "Nobody reads yet. `gantry reader add NAME --level N` adds somebody.";
            draw_absent(canvas, inner, &self.readers, context, none);
            return;
        }
        let table = Table { columns: READER_COLUMNS, list: &self.list, focus: true };
        table.draw(canvas, inner, |index| all.get(index as usize).map(person));
    }

    fn draw_detail(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        if self.tab == Tab::Readers {
            let pane = canvas.pane(area, "Reader", false);
            let all = self.readers.value.as_deref().unwrap_or_default();
            if let Some(reader) = all.get(self.list.selected as usize) {
                draw_facts(canvas, pane, &reader_facts(reader));
            }
            return;
        }
        let pane = canvas.pane(area, "Task", false);
        if let Some(row) = self.row() {
            let mut facts = task_facts(row, context);
            if let Some(Some(plan)) = &self.plan.value {
                facts.push(("plan".into(), format!("{}, version {}", plan.plan.name, plan.version)));
            }
            draw_facts(canvas, pane, &facts);
        }
    }
}

fn is_late(row: &TaskLine, context: &Context<'_>) -> bool {
    matches!(&*row.state, "open" | "claimed" | "held") && row.due_ms.is_some_and(|due| due < context.now_ms)
}

fn due(row: &TaskLine, context: &Context<'_>) -> String {
    match row.due_ms {
        Some(due) if is_late(row, context) => {
            format!("{} late", words::ago(due, context.now_ms).replace(" ago", ""))
        }
        Some(due) if matches!(&*row.state, "open" | "claimed" | "held") => words::ago(due, context.now_ms),
        _ => String::new(),
    }
}

fn cells(row: &TaskLine, context: &Context<'_>) -> Vec<Cell> {
    vec![
        "".into(),
        row.task.to_string().into(),
        row.step.replace('_', " ").into(),
        row.state.clone().into(),
        row.reader.clone().unwrap_or_default().into(),
        row.why.join("; ").into(),
        row.level.to_string().into(),
        row.priority.to_string().into(),
        due(row, context).into(),
        row.guideline.clone().unwrap_or_default().into(),
        middle(&row.series_uid, 24).into(),
    ]
}

fn task_facts(row: &TaskLine, context: &Context<'_>) -> Vec<Fact> {
    let mut facts = vec![
        ("why".to_owned(), row.why.join("; ")),
        ("series".to_owned(), row.series_uid.clone()),
        ("step".to_owned(), format!("{}, number {} of its case", row.step.replace('_', " "), row.slot)),
        ("for".to_owned(), format!("level {} at least", row.level)),
    ];
    if let Some(reader) = &row.reader {
        let with = if row.state == "open" { "kept for" } else { "reader" };
        facts.push((with.to_owned(), reader.clone()));
    }
    if row.due_ms.is_some() {
        facts.push(("due".to_owned(), due(row, context)));
    }
    if let Some(guideline) = &row.guideline {
        facts.push(("guideline".to_owned(), guideline.clone()));
    }
    facts
}

fn listed(all: &[String]) -> String {
    if all.is_empty() { "all".into() } else { all.join(", ") }
}

fn person(reader: &ReaderView) -> Vec<Cell> {
    let state = match (reader.active, reader.away) {
        (false, _) => "retired",
        (true, true) => "away",
        (true, false) => "",
    };
    vec![
        reader.reader.clone().into(),
        reader.level.to_string().into(),
        words::count(reader.open).into(),
        words::count(reader.done).into(),
        reader.per_day.map(|n| n.to_string()).unwrap_or_default().into(),
        listed(&reader.sites).into(),
        listed(&reader.skills).into(),
        reader.user.clone().unwrap_or_default().into(),
        state.into(),
    ]
}

fn reader_facts(reader: &ReaderView) -> Vec<Fact> {
    let level = match reader.level {
        1 => "1, annotator",
        2 => "2, radiologist",
        _ => "3, senior",
    };
    let mut facts = vec![
        ("level".to_owned(), level.to_owned()),
        ("open, done".to_owned(), format!("{}, {}", words::count(reader.open), words::count(reader.done))),
        ("sites".to_owned(), listed(&reader.sites)),
        ("skills".to_owned(), listed(&reader.skills)),
    ];
    facts.extend(reader.credentials.iter().map(|(name, text)| (name.clone(), text.clone())));
    facts
}
