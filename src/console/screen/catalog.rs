//! The catalog: facets, the tree of subjects, studies and series, and what is known of the selected one.

use std::cell::Cell as View;
use std::sync::Arc;

use crossterm::event::MouseEventKind;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::{
    Context, Dialog, Effect, Effects, Loadable, Message, Screen, act, ask, audit, datasets, draw_absent,
    question,
};
use crate::console::canvas::{Canvas, middle};
use crate::console::image::Want;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, Pages, draw_facts, words};
use crate::engine::EngineError;
use crate::engine::command::{Moved, QuestionMasks};
use crate::engine::query::{
    DeepLink, Facet, Facets, FrameRef, Page, Rows, SeriesDetail, SeriesPage, SeriesRow, SeriesSort,
    SeriesView, Severity,
};
use crate::render::{Look, Target, compose};

const ACTIONS: &[Action] = &[
    action("catalog.review", &["o", "enter"], "look", "open the series in Review"),
    action("screen.filter", &["/"], "filter", "filter with the query language of `gantry search`"),
    action("screen.sort", &["s"], "sort", "order: subject, newest, severity, size"),
    action("pane.next", &["tab"], "pane", "to the facets and back"),
    action("catalog.masks", &["m"], "", "draw the masks of the series anew, in Ingest"),
    action(
        "catalog.provenance",
        &["p"],
        "",
        "where the series came from: sources, reader, guideline, decision",
    ),
    action("catalog.audit", &["H"], "history", "the series' history in Audit"),
    action("screen.copy", &["y"], "", "copy the series UID"),
    action("catalog.clear", &["X"], "", "clear the filter"),
];

const SORTS: [(SeriesSort, &str); 4] = [
    (SeriesSort::Subject, "subject"),
    (SeriesSort::Newest, "newest"),
    (SeriesSort::Severity, "severity"),
    (SeriesSort::Size, "size"),
];

enum CatalogAnswer {
    Page(Page, Result<Rows<SeriesRow>, EngineError>),
    Facets(Result<Vec<Facet>, EngineError>),
    Detail(Box<Result<SeriesView, EngineError>>),
    Questioned(Result<Moved, EngineError>),
}

/// The catalog screen.
#[derive(Default)]
pub struct Catalog {
    filter: String,
    sort: SeriesSort,
    rows: Pages<SeriesRow>,
    state: Loadable<()>,
    list: ListState,
    facets: Loadable<Vec<Facet>>,
    facet_list: ListState,
    in_facets: bool,
    detail: Loadable<SeriesView>,
    select: Option<String>,
    picture: View<Rect>,
}

impl Catalog {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        let mut effects = Vec::new();
        if let Some(page) = self.rows.missing(self.list.selected) {
            self.state.wait(context.now_ms);
            let question = SeriesPage { filter: self.filter.clone(), sort: self.sort, page };
            effects.push(ask("series", question, move |answer| CatalogAnswer::Page(page, answer)));
        }
        effects.extend(self.ask_detail(context));
        effects
    }

    fn ask_detail(&mut self, context: &Context<'_>) -> Effects {
        if self.rows.total() == Some(0) {
            // Nothing is selected: what was shown is not what a key would act on.
            self.detail = Loadable::default();
        }
        let Some(row) = self.rows.get(self.list.selected) else { return Vec::new() };
        let shown = self.detail.value.as_ref().map(|view| &view.row);
        if shown == Some(row) {
            return Vec::new();
        }
        self.detail.wait(context.now_ms);
        vec![ask("detail", SeriesDetail { series_uid: row.series_uid.clone() }, |answer| {
            CatalogAnswer::Detail(Box::new(answer))
        })]
    }

    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.rows.forget();
        self.facets.wait(context.now_ms);
        let mut effects = vec![ask("facets", Facets { filter: self.filter.clone() }, CatalogAnswer::Facets)];
        effects.extend(self.ask(context));
        effects
    }

    fn refilter(&mut self, filter: String, context: &Context<'_>) -> Effects {
        self.filter = filter;
        self.list.reset();
        self.refresh(context)
    }

    /// The lines of the facet pane: a facet's name, or one of its values.
    fn facet_lines(&self) -> Vec<(&Facet, Option<&(String, u64)>)> {
        let facets = self.facets.value.iter().flatten();
        facets
            .flat_map(|facet| {
                std::iter::once((facet, None)).chain(facet.values.iter().map(move |v| (facet, Some(v))))
            })
            .collect()
    }

    fn toggle_facet(&mut self, context: &Context<'_>) -> Effects {
        let lines = self.facet_lines();
        let Some((facet, Some((value, _)))) = lines.get(self.facet_list.selected as usize) else {
            return Vec::new();
        };
        let quoted = if value.contains([' ', '"', '<', '>', '=']) {
            format!("{}:\"{}\"", facet.name, value.replace('"', ""))
        } else {
            format!("{}:{value}", facet.name)
        };
        let filter = if let Some(at) = self.filter.find(&quoted) {
            let rest = format!("{} {}", &self.filter[..at], &self.filter[at + quoted.len()..]);
            rest.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            format!("{} {quoted}", self.filter).trim().to_string()
        };
        self.refilter(filter, context)
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "pane.next" | "pane.previous" => self.in_facets = !self.in_facets,
            "list.left" => self.in_facets = true,
            "list.right" => self.in_facets = false,
            "screen.filter" => {
                return vec![Effect::Dialog(Dialog::Input {
                    tag: "filter",
                    title: "filter — modality:CT body:chest slice<=1.5 site:A \"free text\"".into(),
                    text: self.filter.clone(),
                    complete: true,
                    offers: Vec::new(),
                })];
            }
            "screen.sort" => {
                let at = SORTS.iter().position(|(sort, _)| *sort == self.sort).unwrap_or(0);
                self.sort = SORTS[(at + 1) % SORTS.len()].0;
                self.list.reset();
                return self.refresh(context);
            }
            "screen.refresh" => return self.refresh(context),
            "catalog.clear" => return self.refilter(String::new(), context),
            "app.back" if !self.filter.is_empty() => return self.refilter(String::new(), context),
            "app.back" => return vec![Effect::Back],
            "catalog.review" | "list.open" | "list.mark" if self.in_facets => {
                return self.toggle_facet(context);
            }
            "catalog.review" | "list.open" => return self.open("review"),
            "catalog.masks" => {
                let masks = self.detail.value.as_ref().and_then(|view| view.masks.as_ref());
                return question::confirm(masks, false);
            }
            "catalog.audit" => return self.open("audit"),
            "catalog.provenance" => {
                let row = self.rows.get(self.list.selected);
                return row
                    .map(|row| Effect::Go(datasets::lineage_of(&row.series_uid)))
                    .into_iter()
                    .collect();
            }
            "screen.copy" => {
                let Some(row) = self.rows.get(self.list.selected) else { return Vec::new() };
                return vec![
                    Effect::Copy(row.series_uid.clone()),
                    Effect::Say(Severity::Info, "series UID copied".into()),
                ];
            }
            name if self.in_facets => {
                self.facet_list.act(name);
            }
            name => {
                self.list.act(name);
                return self.ask(context);
            }
        }
        Vec::new()
    }

    fn question_masks(&self) -> Effects {
        let Some(row) = self.rows.get(self.list.selected) else { return Vec::new() };
        let command = QuestionMasks { series_uid: row.series_uid.clone(), instances: Vec::new() };
        vec![act(command, CatalogAnswer::Questioned)]
    }

    fn open(&self, screen: &str) -> Effects {
        let Some(row) = self.rows.get(self.list.selected) else { return Vec::new() };
        let select = Some(row.series_uid.clone());
        vec![Effect::Go(DeepLink { screen: screen.into(), filter: String::new(), select })]
    }

    fn answer(&mut self, answer: CatalogAnswer, context: &Context<'_>) -> Effects {
        match answer {
            CatalogAnswer::Page(page, Ok(rows)) => {
                self.list.resize(rows.total);
                self.rows.put(page, rows);
                self.state.set(Ok(()));
                if let Some(uid) = self.select.take()
                    && let Some((at, _)) = self.rows.iter().find(|(_, row)| row.series_uid == uid)
                {
                    self.list.selected = at;
                }
                self.ask(context)
            }
            CatalogAnswer::Page(_, Err(error)) => {
                self.state.set(Err(error));
                Vec::new()
            }
            CatalogAnswer::Facets(answer) => {
                self.facets.set(answer);
                self.facet_list.resize(self.facet_lines().len() as u64);
                Vec::new()
            }
            CatalogAnswer::Questioned(outcome) => question::told(outcome),
            CatalogAnswer::Detail(_) if self.rows.total() == Some(0) => Vec::new(),
            CatalogAnswer::Detail(answer) => {
                self.detail.set(*answer);
                self.middle_frame().cloned().map(|frame| Effect::Load(vec![frame])).into_iter().collect()
            }
        }
    }

    fn middle_frame(&self) -> Option<&FrameRef> {
        let stack = self.detail.value.as_ref()?.stacks.first()?;
        stack.frames.get(stack.slices as usize / 2).or_else(|| stack.frames.first())
    }
}

impl Screen for Catalog {
    fn name(&self) -> &'static str {
        "catalog"
    }

    fn digit(&self) -> usize {
        3
    }

    fn title(&self) -> &'static str {
        "Catalog"
    }

    fn place(&self) -> Option<String> {
        super::place(&self.filter, None)
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        let on_series =
            ["catalog.review", "catalog.audit", "catalog.masks"].contains(&action) && !self.in_facets;
        (on_series && self.rows.get(self.list.selected).is_none()).then(|| "no series is selected".into())
    }

    fn note(&self) -> Option<String> {
        let sort = SORTS.iter().find(|(sort, _)| *sort == self.sort).map_or("", |(_, name)| name);
        self.rows.total().map(|total| format!("{} series by {sort}", words::count(total)))
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(Some(door)) => {
                self.select = door.select;
                self.in_facets = false;
                self.refilter(door.filter, context)
            }
            Message::Enter(None) | Message::Changed(_) => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog("filter", text) => self.refilter(text, context),
            Message::Dialog(question::TAG, _) => self.question_masks(),
            Message::Answer(answer) => match answer.downcast::<CatalogAnswer>() {
                Ok(answer) => self.answer(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => {
                if let Some(line) = self.facet_list.line_at(x, y) {
                    (self.in_facets, self.facet_list.selected) = (true, line);
                    return self.toggle_facet(context);
                }
                let Some(line) = self.list.line_at(x, y) else { return Vec::new() };
                let again = line == self.list.selected && !self.in_facets;
                (self.in_facets, self.list.selected) = (false, line);
                if again { self.open("review") } else { self.ask(context) }
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let facets = if area.width >= 64 { (area.width / 6).clamp(18, 30) } else { 0 };
        let detail = if area.width >= 110 { (area.width / 3).clamp(36, 60) } else { 0 };
        let (mut tree, mut below) =
            (Rect { x: area.x + facets, width: area.width - facets - detail, ..area }, None);
        if detail == 0 && area.height >= 16 {
            let height = (area.height * 2 / 5).clamp(7, 12);
            tree.height -= height;
            below = Some(Rect { y: tree.bottom(), height, ..tree });
        }
        if facets > 0 {
            self.draw_facets(canvas, Rect { width: facets, ..area }, context);
        }
        self.draw_tree(canvas, tree, context);
        let pane = if detail > 0 { Some(Rect { x: tree.right(), width: detail, ..area }) } else { below };
        if let Some(pane) = pane {
            self.draw_detail(canvas, pane, context);
        }
    }
}

impl Catalog {
    fn draw_facets(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let inner = canvas.pane(area, "Facets", self.in_facets);
        let lines = self.facet_lines();
        if lines.is_empty() {
            draw_absent(canvas, inner, &self.facets, context, "Values of the series appear here.");
            return;
        }
        let (first, end) = self.facet_list.window(inner);
        for index in first..end {
            let Some((facet, value)) = lines.get(index as usize) else { continue };
            let line = Rect { y: inner.y + (index - first) as u16, height: 1, ..inner };
            match value {
                None => {
                    canvas.text(line.x, line.y, line.width, &facet.name, canvas.theme.dim());
                }
                Some((name, count)) => {
                    let chosen = self.filter.contains(&format!("{}:{name}", facet.name))
                        || self.filter.contains(&format!("{}:\"{name}\"", facet.name));
                    let style = if chosen { canvas.theme.style("accent") } else { canvas.theme.text() };
                    let count = words::count(*count);
                    let used = canvas.text_right(line.right(), line.y, 8, &count, canvas.theme.dim());
                    let mark = if chosen { "✓" } else { " " };
                    canvas.text(line.x, line.y, 1, mark, style);
                    let name = if name.is_empty() { "–" } else { name };
                    canvas.text(line.x + 1, line.y, line.width.saturating_sub(used + 2), name, style);
                }
            }
            if self.in_facets && index == self.facet_list.selected {
                let style = canvas.theme.selected(Style::new(), true);
                canvas.restyle(line, style);
            }
        }
    }

    fn draw_tree(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let inner = canvas.pane(area, "Subject › study › series", !self.in_facets);
        if self.state.error.is_some() || self.rows.total().is_none_or(|total| total == 0) {
            let value = self.rows.total().map(|_| ());
            let state = Loadable { value, error: self.state.error.clone(), since_ms: self.state.since_ms };
            let empty = if self.filter.is_empty() {
                "There are no series yet. `gantry ingest PATH` brings some, or an inbox (Ingest, 2)."
            } else {
                "No series matches the filter. Esc clears it."
            };
            draw_absent(canvas, inner, &state, context, empty);
            return;
        }
        let (first, end) = self.list.window(inner);
        for index in first..end {
            let line = Rect { y: inner.y + (index - first) as u16, height: 1, ..inner };
            let Some(row) = self.rows.get(index) else {
                canvas.text(line.x, line.y, line.width, "…", canvas.theme.dim());
                continue;
            };
            let above = (index > first).then(|| self.rows.get(index - 1)).flatten();
            draw_series(canvas, line, row, above);
            if index == self.list.selected {
                let style = canvas.theme.selected(Style::new(), !self.in_facets);
                canvas.restyle(line, style);
            }
        }
    }

    fn draw_detail(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let title = self
            .detail
            .value
            .as_ref()
            .map_or(String::new(), |view| middle(&view.row.series_uid, area.width / 2));
        let mut inner = canvas.pane(area, &title, false);
        let Some(view) = &self.detail.value else {
            draw_absent(canvas, inner, &self.detail, context, "");
            return;
        };
        if let Some(frame) = self.middle_frame() {
            let beside = area.width > 2 * area.height + 20;
            let place = if beside {
                let width = (inner.height * 2).min(inner.width / 2);
                let place = Rect { x: inner.right() - width, width, ..inner };
                inner.width = inner.width.saturating_sub(width + 1);
                place
            } else {
                let height = (inner.height / 2).min(inner.width / 2).min(20);
                let place = Rect { height, ..inner };
                inner = Rect { y: inner.y + height, height: inner.height - height, ..inner };
                place
            };
            self.draw_thumbnail(canvas, place, frame, context);
        }
        for finding in view.findings.iter().take(usize::from(inner.height / 2)) {
            let (shape, style) = canvas.theme.severity(finding.severity);
            canvas.text(inner.x, inner.y, 1, shape, style);
            let room = Rect {
                x: inner.x + 2,
                width: inner.width.saturating_sub(2),
                height: inner.height.min(2),
                ..inner
            };
            let used = canvas.paragraph(room, &finding.message, canvas.theme.text()).max(1);
            inner = Rect { y: inner.y + used, height: inner.height.saturating_sub(used), ..inner };
        }
        draw_facts(canvas, inner, &facts(view, context));
    }

    fn draw_thumbnail(&self, canvas: &mut Canvas<'_>, place: Rect, frame: &FrameRef, context: &Context<'_>) {
        self.picture.set(place);
        match (context.slice)(frame) {
            Some(Ok(slice)) => {
                let window = slice.presets().first().map(|preset| preset.window.resolve(&slice));
                let Some(window) = window else { return };
                let content = frame.sop_uid.bytes().fold(u64::from(frame.frame), |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                });
                let size = Size { width: place.width, height: place.height };
                let painter =
                    Arc::new(move |target: &Target| Some(compose(&slice, &Look::new(window), target)));
                canvas.picture(place, Want { pane: "catalog", size, content, coarse: false, painter });
            }
            Some(Err(why)) => canvas.empty(place, &format!("▲ {why}")),
            None => {
                canvas.keep(place, "catalog");
            }
        }
    }
}

/// A series in the tree; subject and study only where they differ from the line above.
fn draw_series(canvas: &mut Canvas<'_>, line: Rect, row: &SeriesRow, above: Option<&SeriesRow>) {
    let new_subject = above.is_none_or(|above| above.subject != row.subject);
    let new_study = above.is_none_or(|above| above.study_uid != row.study_uid);
    let wide = line.width >= 70;
    let (subject, study) = if wide { (14, 20) } else { (10, 0) };
    let mut x = line.x;
    if new_subject {
        canvas.text(x, line.y, subject, &row.subject, canvas.theme.bold());
    }
    x += subject + 1;
    if study > 0 {
        if new_study {
            let date = row.study_date.clone().unwrap_or_default();
            let name = row.study_description.clone().unwrap_or_default();
            canvas.text(x, line.y, study, format!("{date} {name}").trim(), canvas.theme.dim());
        }
        x += study + 1;
    }
    let (errors, warnings, notes) = row.findings;
    let worst = [(errors, Severity::Error), (warnings, Severity::Warning), (notes, Severity::Info)];
    if let Some((_, severity)) = worst.into_iter().find(|(count, _)| *count > 0) {
        let (shape, style) = canvas.theme.severity(severity);
        canvas.text(x, line.y, 1, shape, style);
    }
    x += 2;
    let state = canvas.text_right(line.right(), line.y, 10, &row.state, canvas.theme.dim());
    let count = format!("{} im", words::count(row.frames));
    let counted = canvas.text_right(
        line.right().saturating_sub(state.max(9) + 1),
        line.y,
        8,
        &count,
        canvas.theme.text(),
    );
    let room = line.right().saturating_sub(x + state.max(9) + counted.max(6) + 2);
    let number = row.series_number.map_or(String::new(), |number| format!("#{number} "));
    let name = row.description.clone().or_else(|| row.body_part.clone()).unwrap_or_default();
    let site = if wide { format!(" · {}", row.site) } else { String::new() };
    canvas.text(x, line.y, room, &format!("{} {number}{name}{site}", row.modality), canvas.theme.text());
}

fn facts(view: &SeriesView, context: &Context<'_>) -> Vec<(String, String)> {
    let row = &view.row;
    let mut facts = vec![
        ("series".to_string(), row.series_uid.clone()),
        ("subject".into(), format!("{} · {}", row.subject, row.site)),
        ("state".into(), row.state.clone()),
        (
            "objects".into(),
            format!("{} in {}", words::plural(row.frames, "frame"), words::plural(row.instances, "instance")),
        ),
    ];
    for (index, stack) in view.stacks.iter().enumerate() {
        let name = if view.stacks.len() > 1 { format!("stack {}", index + 1) } else { "grid".into() };
        let volumes =
            if stack.volumes > 1 { format!(" × {} volumes", stack.volumes) } else { String::new() };
        facts.push((name, format!("{} × {} × {}{volumes}", stack.columns, stack.rows, stack.slices)));
        if let Some(spacing) = stack.spacing_mm {
            facts.push(("voxel".into(), words::spacing(spacing)));
        }
    }
    facts.extend(view.facts.iter().cloned());
    for (modality, uid) in &view.linked {
        facts.push(("linked".into(), format!("{modality} {}", middle(uid, 24))));
    }
    facts.extend(
        view.history.iter().take(6).map(|entry| ("history".into(), audit::line(entry, context.now_ms))),
    );
    facts
}
