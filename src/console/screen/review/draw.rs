//! How Review looks.

use ratatui::layout::{Rect, Size};
use unicode_width::UnicodeWidthStr;

use super::Review;
use super::case::Case;
use super::picture::Seen;
use crate::console::canvas::{Canvas, fit, wrap};
use crate::console::image::{Protocol, target};
use crate::console::screen::{Context, draw_absent, spinner};
use crate::console::widget::{draw_facts, words};
use crate::engine::query::RatedValue;
use crate::render::{Edges, Mapping, Slice, edges};

impl Review {
    pub(super) fn draw_all(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let Some(case) = &self.case.value else {
            let inner = canvas.pane(area, "Review", true);
            if self.case.error.is_some() || self.case.since_ms.is_some() {
                draw_absent(canvas, inner, &self.case, context, "");
            } else {
                canvas.empty(
                    inner,
                    "No case is open. Press n to take the most urgent one, or choose one in Queue (4).",
                );
            }
            return;
        };
        let side = match area.width {
            ..70 => 0,
            70..110 => 26,
            width => (width / 4).clamp(30, 52),
        };
        let left = Rect { width: area.width - side, ..area };
        self.draw_slice(canvas, left, case, context);
        if side > 0 {
            self.draw_side(canvas, Rect { x: left.right(), width: side, ..area }, case, context);
        }
    }

    fn draw_slice(&self, canvas: &mut Canvas<'_>, area: Rect, case: &Case, context: &Context<'_>) {
        // In half-blocks the upper orientation letter stands on the same line.
        let letters = context.graphics.protocol == Protocol::HalfBlocks;
        let room = area.width.saturating_sub(if letters { 9 } else { 4 });
        let inner = canvas.pane(area, &fit(&self.caption(case), room), true);
        let seen = self.looking.seen(case, context);
        self.picture.set(inner);
        match seen {
            Seen::Slice(slice, identity) => {
                let size = Size { width: inner.width, height: inner.height };
                let want = self.looking.want(case, &slice, identity, size, canvas.coarse);
                if !canvas.picture(inner, want) {
                    canvas.empty(inner, spinner(context.now_ms));
                }
                if letters {
                    draw_letters(canvas, area, &slice);
                }
                let mut line = self.reading(&slice, size, inner, context);
                if !case.drawn.is_empty() {
                    line = format!("{line} · o {}", self.looking.shown.words(&case.drawn));
                }
                Self::foot(canvas, area, &line);
            }
            Seen::Waiting => {
                if !canvas.keep(inner, "review") {
                    canvas.empty(inner, &format!("{} decoding", spinner(context.now_ms)));
                }
                Self::foot(canvas, area, &format!("{} decoding", spinner(context.now_ms)));
            }
            Seen::Failed(why) => canvas.empty(inner, &format!("▲ This slice cannot be shown: {why}")),
            Seen::Nothing => {
                canvas.empty(inner, "This series has no image; what refers to it stands beside.");
            }
        }
    }

    fn caption(&self, case: &Case) -> String {
        let row = &case.series.row;
        let stack = self.looking.stack(case);
        let plane = self.looking.plane.name(stack.and_then(|stack| stack.orientation.as_ref()));
        let mut parts = vec![format!("{} {}/{}", plane, self.looking.index() + 1, self.looking.count(case))];
        if let Some(volumes) = stack.map(|stack| stack.volumes).filter(|volumes| *volumes > 1) {
            parts.push(format!("volume {}/{volumes}", self.looking.volume + 1));
        }
        if case.series.stacks.len() > 1 {
            parts.push(format!("stack {}/{}", self.looking.stack + 1, case.series.stacks.len()));
        }
        parts.push(format!("{} · {}", row.site, row.subject));
        parts.push(row.description.clone().or_else(|| row.body_part.clone()).unwrap_or_default());
        parts.retain(|part| !part.is_empty());
        parts.join(" · ")
    }

    /// The line under the picture: window, zoom, value under the pointer.
    fn reading(&self, slice: &Slice, size: Size, inner: Rect, context: &Context<'_>) -> String {
        let (window, name) = self.looking.window(slice);
        let number = |value: f64| {
            let text = if window.width >= 20.0 { format!("{value:.0}") } else { format!("{value:.3}") };
            let short =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            short.replace('-', "−")
        };
        let mut parts = Vec::new();
        if matches!(slice.pixels, crate::render::Pixels::Grey(_)) {
            parts.push(format!("W {} L {} {name}", number(window.width), number(window.center)));
        }
        if self.looking.view.zoom > 1.001 {
            parts.push(format!("zoom {:.1}", self.looking.view.zoom));
        }
        if self.playing.is_some() {
            parts.push("▶ playing".into());
        }
        let target = target(&context.graphics, size, false);
        let mapping = Mapping::new(slice, &self.looking.view, &target);
        if let Some((x, y)) = self.pointer.filter(|(x, y)| inner.contains((*x, *y).into())) {
            let pixel = |cell: u16, origin: u16, cells: u16, pixels: u32| {
                (f64::from(cell - origin) + 0.5) * f64::from(pixels) / f64::from(cells.max(1))
            };
            let px = pixel(x, inner.x, inner.width, target.width);
            let py = pixel(y, inner.y, inner.height, target.height);
            let (column, row) = mapping.to_slice(px, py);
            if let Some(value) = slice.value(column, row) {
                let unit = if slice.unit.is_empty() { "value" } else { &slice.unit };
                let value = format!("{value}").replace('-', "−");
                parts.push(format!("{unit} {value} at {:.0},{:.0}", column.floor(), row.floor()));
            }
        }
        if context.graphics.protocol == Protocol::HalfBlocks
            && let Some([_, spacing]) = slice.spacing_mm
        {
            parts.push(format!("{:.0} mm across", mapping.step_x * spacing * f64::from(target.width)));
        }
        parts.join(" · ")
    }

    fn foot(canvas: &mut Canvas<'_>, area: Rect, line: &str) {
        let y = area.bottom() - 1;
        canvas.text(area.x + 1, y, area.width.saturating_sub(2), &format!(" {line} "), canvas.theme.text());
    }

    /// What readers said, a structure's square in the colour of its label.
    fn draw_reads(&self, canvas: &mut Canvas<'_>, area: Rect, lines: &[Line]) {
        // Every reader once, so that a narrow pane can leave out what their names share.
        let mut readers: Vec<String> = Vec::new();
        for line in lines {
            if let Line::Reader(name, ..) = line
                && !readers.contains(name)
            {
                readers.push(name.clone());
            }
        }
        let shown_as = if area.width < 40 { words::short_names(&readers) } else { readers.clone() };
        let called = |name: &String| {
            let place = readers.iter().position(|reader| reader == name);
            place.and_then(|at| shown_as.get(at)).unwrap_or(name).clone()
        };
        let names = shown_as.iter().map(|name| name.width() as u16).max().unwrap_or(0).min(area.width / 3);
        let inner = canvas.pane(area, "Reads", false);
        let shown = usize::from(inner.height);
        for (row, line) in lines.iter().take(shown).enumerate() {
            let y = inner.y + row as u16;
            // The last line says how much there is below.
            if row + 1 == shown && lines.len() > shown {
                let place = if area.width < 40 { "" } else { " in  gantry label list" };
                let more = format!("… {} lines more{place}", lines.len() - row);
                canvas.text(inner.x + 1, y, inner.width.saturating_sub(1), &more, canvas.theme.dim());
                break;
            }
            match line {
                Line::Item(nth, name, heads) => {
                    let colour = canvas.theme.style(&format!("label_{}", nth % 12 + 1));
                    let bold = canvas.theme.bold();
                    let used = canvas.spans(inner.x, y, inner.width, &[("■ ", colour), (name, bold)]);
                    let place = Rect { x: inner.x + used, y, width: inner.width - used, height: 1 };
                    draw_values(canvas, place, inner.width.saturating_sub(names + 2), heads, true);
                }
                Line::Reader(name, values) => {
                    canvas.text(inner.x + 2, y, names, &called(name), canvas.theme.dim());
                    let place = Rect {
                        x: inner.x + names + 2,
                        y,
                        width: inner.width.saturating_sub(names + 2),
                        height: 1,
                    };
                    draw_values(canvas, place, place.width, values, false);
                }
            }
        }
    }

    fn draw_side(&self, canvas: &mut Canvas<'_>, area: Rect, case: &Case, context: &Context<'_>) {
        let findings = &case.series.findings;
        let wanted = findings.iter().map(|f| wrap(&f.message, area.width - 4).len() as u16);
        let height = (wanted.sum::<u16>().max(1) + 2).clamp(4, (area.height / 2).max(4));
        let top = Rect { height, ..area };
        let inner = canvas.pane(top, "Findings", false);
        if findings.is_empty() {
            canvas.text(inner.x + 1, inner.y, inner.width - 1, "✓ nothing found", canvas.theme.style("ok"));
        }
        let mut y = inner.y;
        let skip = self.finding.map_or(0, |at| at.saturating_sub(2));
        for (index, finding) in findings.iter().enumerate().skip(skip) {
            if y >= inner.bottom() {
                break;
            }
            let (shape, style) = canvas.theme.severity(finding.severity);
            canvas.text(inner.x, y, 1, shape, style);
            let room =
                Rect { x: inner.x + 2, y, width: inner.width.saturating_sub(2), height: inner.bottom() - y };
            let used = canvas.paragraph(room, &finding.message, canvas.theme.text());
            if self.finding == Some(index) {
                let line = Rect { y, height: used, ..inner };
                let selected = canvas.theme.selected(ratatui::style::Style::new(), true);
                canvas.restyle(line, selected);
            }
            y += used.max(1);
        }
        let mut rest = Rect { y: top.bottom(), height: area.height - height, ..area };
        let said = said(case);
        if !said.is_empty() && rest.height >= 8 {
            let height = (said.len() as u16 + 2).clamp(4, (rest.height * 3 / 5).max(4));
            self.draw_reads(canvas, Rect { height, ..rest }, &said);
            rest = Rect { y: rest.y + height, height: rest.height - height, ..rest };
        }
        if rest.height >= 3 {
            let pane = canvas.pane(rest, "Series", false);
            draw_facts(canvas, pane, &facts(case, context));
        }
    }
}

/// A line of what readers said: an item with the names of its values, or a reader with the values.
enum Line {
    Item(usize, String, Vec<String>),
    Reader(String, Vec<String>),
}

/// Cells of a value and the gap before it.
const LEAST_COLUMN: u16 = 5;

/// Values in columns that end where `line` ends and share `width`; what does not fit beside a title is left out.
fn draw_values(canvas: &mut Canvas<'_>, line: Rect, width: u16, values: &[String], head: bool) {
    // A number that is cut is another number: what has no room goes whole.
    let count = (values.len() as u16).min(width / LEAST_COLUMN);
    if !head && values.len() == 1 && values[0].starts_with('∅') {
        canvas.text(line.x + 1, line.y, line.width.saturating_sub(1), &values[0], canvas.theme.text());
        return;
    }
    let column = width.checked_div(count).unwrap_or(0).min(12);
    let style = if head { canvas.theme.dim() } else { canvas.theme.text() };
    for (at, value) in values.iter().take(usize::from(count)).enumerate() {
        let right = line.right() - column * (count - 1 - at as u16);
        // A title in the way takes the first columns' names.
        let room = right.saturating_sub(line.x + u16::from(head)).min(column.saturating_sub(1));
        if room >= 3 || !head {
            canvas.text_right(right, line.y, room, value, style);
        }
    }
}

/// What readers said of the case, item by item.
fn said(case: &Case) -> Vec<Line> {
    let mut lines = Vec::new();
    let items = case.reads.chunk_by(|a, b| a.item == b.item && a.structure == b.structure);
    for (nth, reads) in items.enumerate() {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in reads.iter().flat_map(|read| &read.values) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        let title = format!("{} {}", reads[0].structure, reads[0].item).trim().to_string();
        lines.push(Line::Item(nth, title, names.iter().map(|name| words::measure(name)).collect()));
        for read in reads {
            let value = |name: &&str| {
                let said = read.values.iter().find(|(known, _)| known == *name);
                said.and_then(|(_, said)| spoken(said)).unwrap_or_default()
            };
            let nothing = read.state == "nothing";
            let words =
                if nothing { vec!["∅ found nothing".into()] } else { names.iter().map(value).collect() };
            lines.push(Line::Reader(read.reader.clone(), words));
        }
    }
    lines
}

fn spoken(said: &RatedValue) -> Option<String> {
    match said {
        RatedValue::Number { value } if value.fract() == 0.0 || value.abs() >= 100.0 => {
            Some(format!("{value:.0}"))
        }
        RatedValue::Number { value } if value.abs() >= 10.0 => Some(format!("{value:.1}")),
        RatedValue::Number { value } => Some(format!("{value:.2}")),
        RatedValue::Category { value } => Some(value.clone()),
        RatedValue::Nothing => Some("∅".into()),
        RatedValue::Unsaid | RatedValue::NotLooked => None,
    }
}

/// Orientation letters on the pane's border: half-blocks have no room for them in the picture.
fn draw_letters(canvas: &mut Canvas<'_>, area: Rect, slice: &Slice) {
    let Some(orientation) = &slice.orientation else { return };
    let Edges { left, right, top, bottom } = edges(orientation);
    let style = canvas.theme.style("warning");
    let middle = area.y + area.height / 2;
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    canvas.text(area.x, middle, 1, &first(&left), style);
    canvas.text(area.right() - 1, middle, 1, &first(&right), style);
    canvas.text(area.right().saturating_sub(3), area.y, 1, &first(&top), style);
    canvas.text(area.right().saturating_sub(3), area.bottom() - 1, 1, &first(&bottom), style);
}

fn facts(case: &Case, context: &Context<'_>) -> Vec<(String, String)> {
    let row = &case.series.row;
    let mut facts = Vec::new();
    if let Some(task) = &case.row {
        facts.push(("why here".to_string(), task.why.clone()));
        if let Some(due) = task.due_ms {
            facts.push(("due".into(), words::ago(due, context.now_ms)));
        }
        if let Some(decision) = &task.decision {
            facts.push(("decision".into(), decision.clone()));
        }
    }
    facts.push((
        "series".into(),
        format!("{} {}", row.modality, row.series_number.map_or(String::new(), |n| format!("#{n}"))),
    ));
    if let Some(study) = &row.study_description {
        facts.push(("study".into(), study.clone()));
    }
    if let Some(date) = &row.study_date {
        facts.push(("date".into(), format!("{date} (shifted)")));
    }
    if let Some((rows, columns)) = row.matrix {
        facts.push(("matrix".into(), format!("{columns} × {rows} × {}", row.frames)));
    }
    if let Some(spacing) = row.spacing_mm {
        facts.push(("voxel".into(), words::spacing(spacing)));
    }
    facts.extend(case.series.facts.iter().cloned());
    for (modality, _) in &case.series.linked {
        facts.push(("linked".into(), modality.clone()));
    }
    facts
}
