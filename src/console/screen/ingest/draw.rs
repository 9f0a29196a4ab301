//! How Ingest looks.

use std::sync::Arc;

use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::{Ingest, Pane};
use crate::console::canvas::{Canvas, middle};
use crate::console::image::Want;
use crate::console::screen::{Context, Loadable, draw_absent};
use crate::console::widget::{Cell, Column, Table, sparkline, words};
use crate::engine::query::{IntakeStatus, Severity, SourceView};
use crate::render::{Look, Slice, Target, compose};

const GROUPS: &[Column] = &[
    Column::text("", 1, 0, 0),
    Column::number("files", 7, 0),
    Column::text("why", 22, 3, 0),
    Column::text("site", 8, 1, 2),
    Column::text("day", 10, 0, 3),
    Column::text("outcome", 12, 0, 1),
    Column::text("last", 10, 0, 4),
];

const FILES: &[Column] = &[
    Column::text("file", 20, 2, 0),
    Column::number("size", 8, 2),
    Column::text("where", 18, 2, 1),
    Column::text("when", 10, 0, 3),
];

impl Ingest {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let wide = area.width >= 120;
        let (sources, main) = if self.sources.is_forbidden() {
            (Rect::default(), area)
        } else if wide {
            let width = (area.width / 4).clamp(34, 50);
            (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
        } else {
            let rows = self.sources.value.as_ref().map_or(1, |sources| sources.len().clamp(1, 4)) as u16;
            let height = (rows + 2).min(area.height / 3);
            (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
        };
        if sources.height > 0 {
            self.draw_sources(canvas, sources, wide, context);
        }
        if self.opened.is_none() {
            self.draw_groups(canvas, main, context);
            return;
        }
        let height = (main.height * 2 / 5).max(5).min(main.height);
        self.draw_files(canvas, Rect { height, ..main }, context);
        self.draw_detail(canvas, Rect { y: main.y + height, height: main.height - height, ..main }, context);
    }

    fn draw_sources(&self, canvas: &mut Canvas<'_>, area: Rect, tall: bool, context: &Context<'_>) {
        let inner = canvas.pane(area, "Sources", self.pane == Pane::Sources);
        let Some(sources) = self.sources.value.as_ref().filter(|sources| !sources.is_empty()) else {
            draw_absent(canvas, inner, &self.sources, context, "No folder is watched. + adds an inbox.");
            return;
        };
        let rows = if tall { 4 } else { 1 };
        let slots = Rect { height: (inner.height / rows).max(1), ..inner };
        let (first, end) = self.source_list.window(slots);
        for index in first..end {
            let Some(source) = sources.get(index as usize) else { continue };
            let y = inner.y + (index - first) as u16 * rows;
            let line = Rect { y, height: 1, ..inner };
            if tall {
                let height = inner.bottom().saturating_sub(y).min(3);
                draw_tall(canvas, Rect { y, height, ..inner }, source, context);
            } else {
                draw_source(canvas, line, source, context);
            }
            if index == self.source_list.selected {
                let style = canvas.theme.selected(Style::new(), self.pane == Pane::Sources);
                canvas.restyle(line, style);
            }
        }
    }

    fn draw_groups(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let inner = canvas.pane(area, "Quarantined and rejected", self.pane == Pane::Groups);
        let Some(groups) = self.groups.value.as_ref().filter(|groups| !groups.is_empty()) else {
            draw_absent(
                canvas,
                inner,
                &self.groups,
                context,
                "Nothing was quarantined or rejected: every file was stored.",
            );
            return;
        };
        let foot = u16::from(inner.height > 8) * 2;
        let list = Rect { height: inner.height - foot, ..inner };
        let theme = canvas.theme;
        let table = Table { columns: GROUPS, list: &self.group_list, focus: self.pane == Pane::Groups };
        table.draw(canvas, list, |index| {
            groups.get(index as usize).map(|group| {
                let (shape, style) = theme.severity(severity(group.status));
                vec![
                    (shape.to_string(), style).into(),
                    words::count(group.count).into(),
                    group.reason.replace('_', " ").into(),
                    group.site.clone().into(),
                    (group.day.clone(), theme.dim()).into(),
                    Cell::from(status(group.status)),
                    (words::ago(group.latest_ms, context.now_ms), theme.dim()).into(),
                ]
            })
        });
        if let Some(group) = self.group().filter(|_| foot > 0) {
            let place = Rect { y: inner.bottom() - foot, height: foot, ..inner };
            canvas.paragraph(place, &group.explanation, theme.dim());
        }
    }

    fn draw_files(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let title = self.opened.as_ref().map_or(String::new(), |group| {
            let count = self.files.total().unwrap_or(group.count);
            format!("{} × {} · {}", words::count(count), group.reason.replace('_', " "), group.site)
        });
        let inner = canvas.pane(area, &title, self.pane == Pane::Files);
        if self.files.total().is_none_or(|total| total == 0) {
            let value = self.files.total().map(|_| ());
            let state =
                Loadable { value, error: self.file_state.error.clone(), since_ms: self.file_state.since_ms };
            draw_absent(canvas, inner, &state, context, "Nothing is left in this group. Esc goes back.");
            return;
        }
        let theme = canvas.theme;
        let table = Table { columns: FILES, list: &self.file_list, focus: self.pane == Pane::Files };
        table.draw(canvas, inner, |index| {
            self.files.get(index).map(|file| {
                // A path may name a patient: only its hash is shown until somebody asks for more of this file.
                let shown = self.detail.value.as_ref().filter(|view| self.reveal && view.file.id == file.id);
                let path = shown.and_then(|view| view.file.path.clone());
                let name = path.unwrap_or_else(|| format!("file {} · {}", file.id, middle(&file.sha256, 13)));
                vec![
                    name.into(),
                    words::bytes(file.bytes).into(),
                    (file.detail.clone(), theme.dim()).into(),
                    (words::ago(file.at_ms, context.now_ms), theme.dim()).into(),
                ]
            })
        });
    }

    fn draw_detail(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let title = if self.reveal {
            "Attributes, as they stand (audited)"
        } else {
            "Attributes, masked · p shows them"
        };
        let mut inner = canvas.pane(area, title, false);
        let Some(view) = &self.detail.value else {
            draw_absent(canvas, inner, &self.detail, context, "");
            return;
        };
        if let Some((_, picture)) = self.picture.as_ref().filter(|(id, _)| *id == view.file.id) {
            let width = (inner.height * 2 + 2).min(inner.width / 2);
            let place = Rect { x: inner.right() - width, width, ..inner };
            inner.width = inner.width.saturating_sub(width + 1);
            draw_picture(canvas, place, view.file.id, picture);
        }
        if view.attributes.is_empty() {
            canvas
                .empty(inner, &format!("The file cannot be read: {} {}", view.file.reason, view.file.detail));
        }
        for (row, attribute) in
            view.attributes.iter().skip(usize::from(self.scroll)).take(usize::from(inner.height)).enumerate()
        {
            let y = inner.y + row as u16;
            let dim = canvas.theme.dim();
            let mut x = inner.x;
            if inner.width > 60 {
                canvas.text(x, y, 12, &attribute.tag, dim);
                x += 13;
            }
            canvas.text(x, y, 22, &attribute.keyword, canvas.theme.text());
            x += 23;
            let action = canvas.text_right(inner.right(), y, 10, &attribute.action, dim);
            let room = inner.right().saturating_sub(x + action + 1);
            canvas.text(
                x,
                y,
                room,
                &attribute.value,
                canvas.theme.style(if self.reveal { "warning" } else { "text" }),
            );
        }
    }
}

fn draw_picture(canvas: &mut Canvas<'_>, place: Rect, id: i64, picture: &Result<Arc<Slice>, String>) {
    match picture {
        Ok(slice) => {
            let Some(preset) = slice.presets().into_iter().next() else { return };
            let (window, slice) = (preset.window.resolve(slice), Arc::clone(slice));
            let size = Size { width: place.width, height: place.height };
            let painter = Arc::new(move |target: &Target| Some(compose(&slice, &Look::new(window), target)));
            canvas.picture(place, Want { pane: "ingest", size, content: id as u64, coarse: false, painter });
        }
        Err(why) => canvas.empty(place, &format!("no picture: {why}")),
    }
}

/// Shape and style of how a source stands.
fn standing(canvas: &Canvas<'_>, source: &SourceView) -> (&'static str, Style) {
    match (&source.problem, source.events) {
        (Some(_), false) => canvas.theme.severity(Severity::Warning),
        (Some(_), true) => canvas.theme.severity(Severity::Error),
        (None, _) => ("●", canvas.theme.style("ok")),
    }
}

/// How what a source brings is noticed.
fn way_in(source: &SourceView) -> &'static str {
    match (&*source.kind, source.events) {
        ("listener", _) => "C-STORE",
        ("remote", _) => "pull",
        ("bucket", _) => "bucket",
        (_, true) => "events",
        (_, false) => "rescan",
    }
}

/// A source on one line.
fn draw_source(canvas: &mut Canvas<'_>, line: Rect, source: &SourceView, context: &Context<'_>) {
    let (shape, style) = standing(canvas, source);
    canvas.text(line.x, line.y, 1, shape, style);
    let mut x = line.x + 2;
    let name = format!("{} · {}", source.name, source.site);
    x += canvas.text(x, line.y, line.width / 3, &name, canvas.theme.text()) + 2;
    let last = source.last_arrival_ms.map_or("nothing yet".into(), |at| words::ago(at, context.now_ms));
    let right = format!("{} files · {last} · {}", words::count(source.received), way_in(source));
    let room = line.right().saturating_sub(x);
    let used = canvas.text_right(line.right(), line.y, room, &right, canvas.theme.dim());
    if room >= used + 13 {
        canvas.text(x, line.y, 12, &sparkline(&source.slots), canvas.theme.style("data_1"));
    }
}

/// A source on three lines: how much, when and how, from where or what is wrong.
fn draw_tall(canvas: &mut Canvas<'_>, area: Rect, source: &SourceView, context: &Context<'_>) {
    let (shape, style) = standing(canvas, source);
    let (dim, x, room) = (canvas.theme.dim(), area.x + 2, area.width.saturating_sub(3));
    canvas.text(area.x, area.y, 1, shape, style);
    let files = words::plural(source.received, "file");
    let used = canvas.text_right(area.right() - 1, area.y, room, &files, canvas.theme.text());
    // A site's folder is often named after it.
    let name = if source.name == source.site {
        source.name.clone()
    } else {
        format!("{} · {}", source.name, source.site)
    };
    canvas.text(x, area.y, room.saturating_sub(used + 1), &name, canvas.theme.bold());
    if area.height > 1 {
        let last = source.last_arrival_ms.map_or("nothing yet".into(), |at| words::ago(at, context.now_ms));
        let mut parts = vec![match way_in(source) {
            way @ ("events" | "rescan") => format!("{last} by {way}"),
            _ => last,
        }];
        if source.associations > 0 {
            parts.push(words::plural(source.associations, "association"));
        }
        if !source.callers.is_empty() {
            parts.push(format!("calling: {}", source.callers.join(", ")));
        }
        if source.refused > 0 {
            parts.push(format!("{} refused", words::count(source.refused)));
        }
        for (number, what) in [(source.settling, "settling"), (source.waiting, "waiting")] {
            if number > 0 {
                parts.push(format!("{} {what}", words::count(number)));
            }
        }
        let used = canvas.text(x, area.y + 1, room, &parts.join(" · "), dim);
        if room >= used + 13 {
            let bars = sparkline(&source.slots);
            canvas.text_right(area.right() - 1, area.y + 1, 12, &bars, canvas.theme.style("data_1"));
        }
    }
    if area.height > 2 {
        let (text, style) = match &source.problem {
            Some(problem) => (problem, canvas.theme.style("warning")),
            None => (&source.path, dim),
        };
        canvas.text(x, area.y + 2, room, text, style);
    }
}

fn severity(status: IntakeStatus) -> Severity {
    match status {
        IntakeStatus::Quarantined => Severity::Warning,
        IntakeStatus::Rejected => Severity::Error,
        IntakeStatus::Deidentified | IntakeStatus::Duplicate | IntakeStatus::Discarded => Severity::Info,
    }
}

fn status(status: IntakeStatus) -> &'static str {
    match status {
        IntakeStatus::Deidentified => "stored",
        IntakeStatus::Quarantined => "quarantined",
        IntakeStatus::Rejected => "rejected",
        IntakeStatus::Duplicate => "duplicate",
        IntakeStatus::Discarded => "discarded",
    }
}
