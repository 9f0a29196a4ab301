//! *What is stuck, why?* Sources, groups of what was not simply stored, the files of a group, and one file.

use std::sync::Arc;

use crossterm::event::MouseEventKind;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, Task, act, ask, draw_absent};
use crate::console::canvas::{Canvas, middle};
use crate::console::image::Want;
use crate::console::keymap::{Action, action};
use crate::console::widget::{Cell, Column, ListState, Pages, Table, sparkline, words};
use crate::engine::command::{
    AddInbox, DiscardIntake, IntakeChoice, Moved, ReleaseIntake, RemoveInbox, RetryIntake,
};
use crate::engine::query::{
    Door, IntakeDetail, IntakeDetailView, IntakeFile, IntakeFiles, IntakeGroup, IntakeGroups, IntakeStatus,
    Page, Rows, Severity, SourceView, Sources,
};
use crate::engine::{EngineError, tools};
use crate::render::{Look, Slice, Target, compose};

const ACTIONS: &[Action] = &[
    action(
        "ingest.open",
        &["enter", "l", "right"],
        "open",
        "open the group for its files, a file for its attributes",
    ),
    action("ingest.retry", &["r"], "retry", "process the marked groups or files again"),
    action("ingest.release", &["R"], "release", "you looked at the pixels: pass quarantined files on"),
    action("ingest.discard", &["d"], "discard", "discard the kept copies of quarantined files"),
    action("list.mark", &["space"], "mark", "mark or unmark the line"),
    action("list.mark_all", &["*"], "", "mark or unmark all that is shown"),
    action("ingest.reveal", &["p"], "", "show values that may identify a person; this is audited"),
    action(
        "ingest.csv",
        &["e"],
        "CSV",
        "write the list of what was refused as CSV, to send back to the site",
    ),
    action("ingest.add", &["+"], "", "watch one more folder"),
    action("ingest.remove", &["-"], "", "stop watching the selected source"),
    action("screen.filter", &["/"], "filter", "only some: status:quarantined reason:… site:…"),
    action("screen.refresh", &["f5"], "", "ask again"),
    action("screen.copy", &["y"], "", "copy the file's hash"),
];

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

/// Files in a list of refusals at most.
const CSV_ROWS: u64 = 1_000_000;

enum Answer {
    Sources(Result<Vec<SourceView>, EngineError>),
    Groups(Result<Vec<IntakeGroup>, EngineError>),
    Files(Page, Result<Rows<IntakeFile>, EngineError>),
    Detail(Result<IntakeDetailView, EngineError>),
    Picture(i64, Result<Arc<Slice>, String>),
    Moved(&'static str, Result<Moved, EngineError>),
    Done(String, Result<(), EngineError>),
    Written(Result<(String, u64), String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Pane {
    Sources,
    #[default]
    Groups,
    Files,
}

/// The ingest screen.
#[derive(Default)]
pub struct Ingest {
    pane: Pane,
    filter: String,
    sources: Loadable<Vec<SourceView>>,
    source_list: ListState,
    groups: Loadable<Vec<IntakeGroup>>,
    group_list: ListState,
    opened: Option<IntakeGroup>,
    files: Pages<IntakeFile>,
    file_state: Loadable<()>,
    file_list: ListState,
    detail: Loadable<IntakeDetailView>,
    reveal: bool,
    picture: Option<(i64, Result<Arc<Slice>, String>)>,
    scroll: u16,
    pending: Option<(&'static str, IntakeChoice)>,
    adding: Vec<String>,
}

impl Ingest {
    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.sources.wait(context.now_ms);
        self.groups.wait(context.now_ms);
        let mut effects = vec![
            ask("sources", Sources {}, Answer::Sources),
            ask("groups", IntakeGroups { filter: self.filter.clone() }, Answer::Groups),
        ];
        if self.opened.is_some() {
            self.files.forget();
            effects.extend(self.ask_files(context));
        }
        effects
    }

    fn ask_files(&mut self, context: &Context<'_>) -> Effects {
        let Some(group) = &self.opened else { return Vec::new() };
        let mut effects = Vec::new();
        if let Some(page) = self.files.missing(self.file_list.selected) {
            self.file_state.wait(context.now_ms);
            let question = IntakeFiles { group: group.key.clone(), page };
            effects.push(ask("files", question, move |answer| Answer::Files(page, answer)));
        }
        effects.extend(self.ask_detail(context));
        effects
    }

    fn ask_detail(&mut self, context: &Context<'_>) -> Effects {
        let Some(file) = self.files.get(self.file_list.selected) else { return Vec::new() };
        if self.detail.value.as_ref().is_some_and(|view| view.file.id == file.id) {
            return Vec::new();
        }
        let id = file.id;
        (self.reveal, self.scroll) = (false, 0);
        self.detail.wait(context.now_ms);
        vec![ask("detail", IntakeDetail { id, reveal: false }, Answer::Detail)]
    }

    fn list(&mut self) -> &mut ListState {
        match self.pane {
            Pane::Sources => &mut self.source_list,
            Pane::Groups => &mut self.group_list,
            Pane::Files => &mut self.file_list,
        }
    }

    fn group(&self) -> Option<&IntakeGroup> {
        self.groups.value.as_ref()?.get(self.group_list.selected as usize)
    }

    fn source(&self) -> Option<&SourceView> {
        self.sources.value.as_ref()?.get(self.source_list.selected as usize)
    }

    /// What a command would be about: the marks, else the line under the cursor; and how many files.
    fn choice(&self) -> Option<(IntakeChoice, u64)> {
        if self.pane == Pane::Files {
            let marked: Vec<i64> = self
                .file_list
                .marks
                .iter()
                .filter_map(|at| self.files.get(*at))
                .map(|file| file.id)
                .collect();
            let all = self.file_list.marks.len() as u64 == self.file_list.total && self.file_list.total > 0;
            if let Some(group) = self.opened.as_ref().filter(|_| all) {
                return Some((IntakeChoice::Groups(vec![group.key.clone()]), group.count));
            }
            let here = || self.files.get(self.file_list.selected).map(|file| vec![file.id]);
            let files = if marked.is_empty() { here()? } else { marked };
            let count = files.len() as u64;
            return Some((IntakeChoice::Files(files), count));
        }
        let groups = self.groups.value.as_ref()?;
        let marked: Vec<&IntakeGroup> =
            self.group_list.marks.iter().filter_map(|at| groups.get(*at as usize)).collect();
        let chosen = if marked.is_empty() { vec![self.group()?] } else { marked };
        let count = chosen.iter().map(|group| group.count).sum();
        Some((IntakeChoice::Groups(chosen.into_iter().map(|group| group.key.clone()).collect()), count))
    }

    fn start(&mut self, name: &'static str) -> Effects {
        let Some((choice, count)) = self.choice() else { return Vec::new() };
        let files = words::plural(count, "file");
        let question = match name {
            "release" => {
                format!("Pass {files} on: somebody has looked at every picture and none shows a name?")
            }
            "discard" => format!("Discard the kept copies of {files}? The record stays; the copies do not."),
            _ => return vec![command(name, choice)],
        };
        self.pending = Some((name, choice));
        vec![Effect::Dialog(Dialog::Confirm { tag: "confirm", text: question })]
    }

    fn open(&mut self, context: &Context<'_>) -> Effects {
        match self.pane {
            Pane::Groups => {
                self.opened = self.group().cloned();
                self.files = Pages::default();
                self.file_list.reset();
                self.detail = Loadable::default();
                self.picture = None;
                if self.opened.is_some() {
                    self.pane = Pane::Files;
                }
                self.ask_files(context)
            }
            Pane::Files => {
                self.scroll = self.scroll.saturating_add(5);
                Vec::new()
            }
            Pane::Sources => {
                let site = self.source().map(|source| source.site.clone());
                self.filter = site.map_or_else(String::new, |site| format!("site:{site}"));
                self.pane = Pane::Groups;
                self.refresh(context)
            }
        }
    }

    fn back(&mut self, context: &Context<'_>) -> Effects {
        match self.pane {
            Pane::Files => {
                (self.pane, self.opened, self.picture) = (Pane::Groups, None, None);
                Vec::new()
            }
            _ if !self.filter.is_empty() => {
                self.filter.clear();
                self.refresh(context)
            }
            _ => vec![Effect::Back],
        }
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "ingest.open" | "list.open" | "list.right" => self.open(context),
            "list.left" if self.pane == Pane::Files => self.back(context),
            "app.back" => self.back(context),
            "ingest.retry" => self.start("retry"),
            "ingest.release" => self.start("release"),
            "ingest.discard" => self.start("discard"),
            "ingest.reveal" => self.toggle_reveal(context),
            "ingest.csv" => vec![input("csv", "write the list of what was refused (CSV) to", "refused.csv")],
            "ingest.add" => {
                self.adding.clear();
                vec![input("add.path", "watch the folder (absolute path)", "")]
            }
            "ingest.remove" => match self.source() {
                Some(source) => {
                    let text = format!("Stop watching {}? What came from it stays.", source.name);
                    vec![Effect::Dialog(Dialog::Confirm { tag: "remove", text })]
                }
                None => Vec::new(),
            },
            "pane.next" | "pane.previous" => {
                self.pane = match self.pane {
                    Pane::Sources if self.opened.is_some() => Pane::Files,
                    Pane::Sources => Pane::Groups,
                    Pane::Groups | Pane::Files => Pane::Sources,
                };
                Vec::new()
            }
            "screen.filter" => vec![input(
                "filter",
                "filter — status:quarantined reason:pixels_unchecked site:A",
                &self.filter,
            )],
            "screen.refresh" => self.refresh(context),
            "screen.copy" => match self.files.get(self.file_list.selected) {
                Some(file) if self.pane == Pane::Files => {
                    vec![Effect::Copy(file.sha256.clone()), Effect::Say(Severity::Info, "hash copied".into())]
                }
                _ => Vec::new(),
            },
            "list.mark_all" => {
                let list = self.list();
                list.mark_all(list.total);
                Vec::new()
            }
            name => {
                self.list().act(name);
                if self.pane == Pane::Files { self.ask_files(context) } else { Vec::new() }
            }
        }
    }

    fn toggle_reveal(&mut self, context: &Context<'_>) -> Effects {
        let Some(id) = self.detail.value.as_ref().map(|view| view.file.id) else { return Vec::new() };
        self.reveal = !self.reveal;
        self.detail.wait(context.now_ms);
        vec![ask("detail", IntakeDetail { id, reveal: self.reveal }, Answer::Detail)]
    }

    fn dialog(&mut self, tag: &str, text: String, context: &Context<'_>) -> Effects {
        match tag {
            "confirm" => {
                self.pending.take().map(|(name, choice)| command(name, choice)).into_iter().collect()
            }
            "filter" => {
                self.filter = text;
                self.group_list.reset();
                self.refresh(context)
            }
            "csv" if !text.is_empty() => vec![write_csv(self.filter.clone(), text)],
            "add.path" if !text.is_empty() => {
                let name = text.trim_end_matches('/').rsplit('/').next().unwrap_or("inbox").to_string();
                self.adding = vec![text];
                vec![input("add.site", "the site whose data it brings", &name)]
            }
            "add.site" if !text.is_empty() => {
                let Some(path) = self.adding.pop() else { return Vec::new() };
                let said = format!("{path} is watched");
                let name = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
                vec![act(AddInbox { name, path, site: text }, move |outcome| Answer::Done(said, outcome))]
            }
            "remove" => match self.source() {
                Some(source) => {
                    let name = source.name.clone();
                    let said = format!("{name} is not watched any more");
                    vec![act(RemoveInbox { name }, move |outcome| Answer::Done(said, outcome))]
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn answer(&mut self, answer: Answer, context: &Context<'_>) -> Effects {
        match answer {
            Answer::Sources(answer) => {
                self.sources.set(answer);
                self.source_list.resize(self.sources.value.as_ref().map_or(0, Vec::len) as u64);
                Vec::new()
            }
            Answer::Groups(answer) => {
                self.groups.set(answer);
                self.group_list.resize(self.groups.value.as_ref().map_or(0, Vec::len) as u64);
                Vec::new()
            }
            Answer::Files(page, Ok(rows)) => {
                self.file_list.resize(rows.total);
                self.files.put(page, rows);
                self.file_state.set(Ok(()));
                self.ask_files(context)
            }
            Answer::Files(_, Err(error)) => {
                self.file_state.set(Err(error));
                Vec::new()
            }
            Answer::Detail(answer) => {
                self.detail.set(answer);
                let view = self.detail.value.as_ref().filter(|view| view.has_picture);
                let id = view
                    .map(|view| view.file.id)
                    .filter(|id| self.picture.as_ref().is_none_or(|(of, _)| of != id));
                id.map(|id| Effect::Ask("picture", look(id))).into_iter().collect()
            }
            Answer::Picture(id, picture) => {
                self.picture = Some((id, picture));
                Vec::new()
            }
            Answer::Moved(word, Ok(moved)) => {
                let list = self.list();
                list.marks.clear();
                let mut effects = vec![report(word, &moved)];
                effects.extend(self.refresh(context));
                effects
            }
            Answer::Moved(_, Err(error)) | Answer::Done(_, Err(error)) => {
                vec![Effect::Say(Severity::Error, error.to_string())]
            }
            Answer::Done(said, Ok(())) => {
                let mut effects = vec![Effect::Say(Severity::Info, said)];
                effects.extend(self.refresh(context));
                effects
            }
            Answer::Written(Ok((path, rows))) => {
                vec![Effect::Say(Severity::Info, format!("{} in {path}", words::plural(rows, "file")))]
            }
            Answer::Written(Err(why)) => vec![Effect::Say(Severity::Error, why)],
        }
    }
}

fn input(tag: &'static str, title: &str, text: &str) -> Effect {
    Effect::Dialog(Dialog::Input { tag, title: title.into(), text: text.into(), complete: false })
}

fn command(name: &'static str, choice: IntakeChoice) -> Effect {
    match name {
        "release" => act(ReleaseIntake { choice }, |outcome| Answer::Moved("released", outcome)),
        "discard" => act(DiscardIntake { choice }, |outcome| Answer::Moved("discarded", outcome)),
        _ => act(RetryIntake { choice }, |outcome| Answer::Moved("went through", outcome)),
    }
}

/// The outcome in counts.
fn report(word: &str, moved: &Moved) -> Effect {
    let went = format!("{} {word}", words::plural(moved.moved, "file"));
    if moved.refused.is_empty() {
        return Effect::Say(Severity::Info, went);
    }
    let refused: Vec<String> =
        moved.refused.iter().map(|(n, why)| format!("{} not: {why}", words::count(*n))).collect();
    Effect::Say(Severity::Warning, format!("{went}; {}", refused.join("; ")))
}

/// Decodes the first frame of a quarantined file.
fn look(id: i64) -> Task {
    Box::new(move |client| {
        let picture = client.quarantined(id).map_err(|error| error.to_string());
        let slice = picture.and_then(|bytes| tools::picture(&bytes, 0).map_err(|error| error.to_string()));
        Box::new(Answer::Picture(id, slice.map(Arc::new)))
    })
}

/// Writes what was refused as CSV: hashes, sizes and reasons; of a path only its last part.
fn write_csv(filter: String, to: String) -> Effect {
    Effect::Act(Box::new(move |client| {
        let written = refused(client, &filter).and_then(|(text, rows)| {
            let path = std::path::absolute(&to).map_err(|error| error.to_string())?;
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok((path.display().to_string(), rows))
        });
        Box::new(Answer::Written(written))
    }))
}

fn refused(client: &dyn crate::engine::Client, filter: &str) -> Result<(String, u64), String> {
    let mut text = String::from("site,day,status,reason,explanation,file,bytes,sha256,where\n");
    let mut rows = 0;
    let groups = client.ask(IntakeGroups { filter: filter.into() }).map_err(|error| error.to_string())?;
    let is_refusal = |group: &&IntakeGroup| {
        matches!(group.status, IntakeStatus::Quarantined | IntakeStatus::Rejected | IntakeStatus::Discarded)
    };
    for group in groups.iter().filter(is_refusal) {
        let mut offset = 0;
        while rows < CSV_ROWS {
            let page = Page { offset, limit: 1000 };
            let files = client
                .ask(IntakeFiles { group: group.key.clone(), page })
                .map_err(|error| error.to_string())?;
            for file in &files.rows {
                let bytes = file.bytes.to_string();
                let status = format!("{:?}", file.status).to_lowercase();
                let fields = [
                    &group.site,
                    &group.day,
                    &status,
                    &file.reason,
                    &group.explanation,
                    &file.path,
                    &bytes,
                    &file.sha256,
                    &file.detail,
                ];
                let line: Vec<String> = fields.into_iter().map(|field| csv_field(field)).collect();
                text.push_str(&line.join(","));
                text.push('\n');
                rows += 1;
            }
            offset += files.rows.len() as u64;
            if files.rows.is_empty() || offset >= files.total {
                break;
            }
        }
    }
    Ok((text, rows))
}

/// A CSV field (RFC 4180) that no spreadsheet takes for a formula.
fn csv_field(text: &str) -> String {
    let safe = crate::model::text::visible(text);
    let safe = if safe.starts_with(['=', '+', '-', '@']) { format!("'{safe}") } else { safe };
    if safe.contains([',', '"', '\'']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

impl Screen for Ingest {
    fn name(&self) -> &'static str {
        "ingest"
    }

    fn title(&self) -> &'static str {
        "Ingest"
    }

    fn place(&self) -> Option<String> {
        let group = self.opened.as_ref().map(|group| format!("{} · {}", group.reason, group.site));
        let filter = (!self.filter.is_empty()).then(|| self.filter.clone());
        let parts: Vec<String> = filter.into_iter().chain(group).collect();
        (!parts.is_empty()).then(|| parts.join(" ▸ "))
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        match action {
            "ingest.retry" | "ingest.release" | "ingest.discard" => {
                if self.pane == Pane::Sources || self.choice().is_none() {
                    return Some("choose a group or a file first".into());
                }
                let status = match self.pane {
                    Pane::Files => self.opened.as_ref().map(|group| group.status),
                    _ => self.group().map(|group| group.status),
                };
                let kept = status == Some(IntakeStatus::Quarantined) || !self.group_list.marks.is_empty();
                (action != "ingest.retry" && !kept)
                    .then(|| "only quarantined files can be released or discarded".into())
            }
            "ingest.reveal" if self.pane != Pane::Files => Some("open a file first".into()),
            "ingest.remove" if self.pane != Pane::Sources => Some("choose a source first".into()),
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        let marked = if self.pane == Pane::Files { &self.file_list } else { &self.group_list }.marks.len();
        if marked > 0 {
            return Some(format!("{marked} marked"));
        }
        let groups = self.groups.value.as_ref()?;
        let waiting = groups.iter().filter(|group| group.status == IntakeStatus::Quarantined);
        Some(format!("{} quarantined", words::count(waiting.map(|group| group.count).sum())))
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(Door { filter, .. }) = door {
                    self.filter = filter;
                    (self.pane, self.opened) = (Pane::Groups, None);
                    self.group_list.reset();
                }
                self.refresh(context)
            }
            Message::Changed(_) => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog(tag, text) => self.dialog(tag, text, context),
            Message::Answer(answer) => match answer.downcast::<Answer>() {
                Ok(answer) => self.answer(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => {
                let lists = [
                    (Pane::Sources, &self.source_list),
                    (Pane::Groups, &self.group_list),
                    (Pane::Files, &self.file_list),
                ];
                let open = self.opened.is_some();
                let shown = |pane: Pane| pane == Pane::Sources || (pane == Pane::Files) == open;
                let hit = lists
                    .into_iter()
                    .filter(|(pane, _)| shown(*pane))
                    .find_map(|(pane, list)| Some((pane, list.line_at(x, y)?)));
                let Some((pane, line)) = hit else { return Vec::new() };
                let again = pane == self.pane && line == self.list().selected;
                self.pane = pane;
                self.list().selected = line;
                if again { self.open(context) } else { self.ask_files(context) }
            }
            _ => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let wide = area.width >= 120;
        let (sources, main) = if wide {
            let width = (area.width / 4).clamp(34, 50);
            (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
        } else {
            let rows = self.sources.value.as_ref().map_or(1, |sources| sources.len().clamp(1, 4)) as u16;
            let height = (rows + 2).min(area.height / 3);
            (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
        };
        self.draw_sources(canvas, sources, wide, context);
        if self.opened.is_none() {
            self.draw_groups(canvas, main, context);
            return;
        }
        let height = (main.height * 2 / 5).max(5).min(main.height);
        self.draw_files(canvas, Rect { height, ..main }, context);
        self.draw_detail(canvas, Rect { y: main.y + height, height: main.height - height, ..main }, context);
    }
}

impl Ingest {
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
            draw_source(canvas, line, source, context);
            if tall {
                draw_source_more(
                    canvas,
                    Rect { y: y + 1, height: inner.bottom().saturating_sub(y + 1).min(2), ..inner },
                    source,
                );
            }
            if index == self.source_list.selected {
                let style = canvas.theme.selected(Style::new(), self.pane == Pane::Sources);
                canvas.restyle(line, style);
            }
        }
    }

    fn draw_groups(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        let inner = canvas.pane(area, "Not simply stored", self.pane == Pane::Groups);
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
            format!("{} × {} · {}", words::count(group.count), group.reason.replace('_', " "), group.site)
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
                // A path may name a patient: only its hash is shown until somebody asks for more.
                let name = if self.reveal {
                    file.path.clone()
                } else {
                    format!("file {} · {}", file.id, middle(&file.sha256, 13))
                };
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

fn draw_source(canvas: &mut Canvas<'_>, line: Rect, source: &SourceView, context: &Context<'_>) {
    let theme = canvas.theme;
    let (shape, style) = match (&source.problem, source.events) {
        (Some(_), false) => theme.severity(Severity::Warning),
        (Some(_), true) => theme.severity(Severity::Error),
        (None, _) => ("●", theme.style("ok")),
    };
    canvas.text(line.x, line.y, 1, shape, style);
    let mut x = line.x + 2;
    let name = format!("{} · {}", source.name, source.site);
    x += canvas.text(x, line.y, line.width / 3, &name, theme.text()) + 2;
    let last = source.last_arrival_ms.map_or("nothing yet".into(), |at| words::ago(at, context.now_ms));
    let how = if source.events { "events" } else { "rescan" };
    let right = format!("{} files · {last} · {how}", words::count(source.received));
    let used = canvas.text_right(line.right(), line.y, line.right().saturating_sub(x), &right, theme.dim());
    let room = line.right().saturating_sub(x + used + 1);
    if room >= 12 {
        canvas.text(x, line.y, 12, &sparkline(&source.slots), theme.style("data_1"));
    }
}

fn draw_source_more(canvas: &mut Canvas<'_>, area: Rect, source: &SourceView) {
    let dim = canvas.theme.dim();
    let waiting = format!(
        "{} settling · {} waiting · {} by event · {} by rescan",
        source.settling, source.waiting, source.by_event, source.by_rescan
    );
    if area.height > 0 {
        canvas.text(area.x + 2, area.y, area.width.saturating_sub(2), &waiting, dim);
    }
    if area.height > 1 {
        match &source.problem {
            Some(problem) => canvas.text(
                area.x + 2,
                area.y + 1,
                area.width.saturating_sub(2),
                problem,
                canvas.theme.style("warning"),
            ),
            None => canvas.text(area.x + 2, area.y + 1, area.width.saturating_sub(2), &source.path, dim),
        };
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
