//! *What is stuck, why?* Sources, groups of what was quarantined or rejected, the files of a group, and one file.

mod acts;
mod draw;
mod masks;

use std::sync::Arc;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, ask, input};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, Pages, words};
use crate::engine::EngineError;
use crate::engine::command::{IntakeChoice, Moved};
use crate::engine::query::{
    DeepLink, IntakeDetail, IntakeDetailView, IntakeFile, IntakeFiles, IntakeGroup, IntakeGroups,
    IntakeMasksView, IntakeStatus, Page, Rows, Severity, SourceView, Sources,
};
use crate::render::Slice;
use acts::{look, report, word};
use masks::{FrameSeen, Masking};

const ACTIONS: &[Action] = &[
    action(
        "ingest.open",
        &["enter", "l", "right"],
        "open",
        "open the group for its files, a file for its attributes",
    ),
    action("ingest.retry", &["r"], "retry", "process the marked groups or files again"),
    action("ingest.release", &["R"], "release", "you looked at the pixels: pass quarantined files on"),
    action("ingest.masks", &["m"], "masks", "look at the picture, draw what must be masked, and pass it on"),
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
    action(
        "ingest.csv_names",
        &["E"],
        "",
        "the same with file names, which may name patients; this is audited",
    ),
    action("ingest.add", &["+"], "", "watch one more folder"),
    action("ingest.remove", &["-"], "", "stop watching the selected source"),
    action("screen.filter", &["/"], "filter", "only some: status:quarantined reason:… site:…"),
    action("screen.refresh", &["f5"], "", "ask again"),
    action("screen.copy", &["y"], "", "copy the file's hash"),
];

enum IngestAnswer {
    Sources(Result<Vec<SourceView>, EngineError>),
    Groups(Result<Vec<IntakeGroup>, EngineError>),
    Files(Page, Result<Rows<IntakeFile>, EngineError>),
    Detail(Result<IntakeDetailView, EngineError>),
    Picture(i64, Result<Arc<Slice>, String>),
    Masks(i64, Result<IntakeMasksView, EngineError>),
    Frame(FrameSeen),
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
    masking: Option<Masking>,
}

impl Ingest {
    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.sources.wait(context.now_ms);
        self.groups.wait(context.now_ms);
        let mut effects = vec![
            ask("sources", Sources {}, IngestAnswer::Sources),
            ask("groups", IntakeGroups { filter: self.filter.clone() }, IngestAnswer::Groups),
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
            let question = IntakeFiles { group: group.key.clone(), page, names: false };
            effects.push(ask("files", question, move |answer| IngestAnswer::Files(page, answer)));
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
        vec![ask("detail", IntakeDetail { id, reveal: false }, IngestAnswer::Detail)]
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
                self.filter = site.map_or_else(String::new, |site| word("site", &site));
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
        if self.masking.is_some() {
            return self.mask_action(name);
        }
        match name {
            "ingest.masks" => self.begin_masks(context),
            "ingest.open" | "list.open" | "list.right" => self.open(context),
            "list.left" if self.pane == Pane::Files => self.back(context),
            "app.back" => self.back(context),
            "ingest.retry" => self.start("retry"),
            "ingest.release" => self.start("release"),
            "ingest.discard" => self.start("discard"),
            "ingest.reveal" => self.toggle_reveal(context),
            "ingest.csv" => vec![input("csv", "write the list of what was refused (CSV) to", "refused.csv")],
            "ingest.csv_names" => {
                let title = "write the list of what was refused, with file names (CSV; audited), to";
                vec![input("csv_names", title, "refused.csv")]
            }
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
                    stays if self.sources.is_forbidden() => stays,
                    Pane::Groups | Pane::Files => Pane::Sources,
                };
                Vec::new()
            }
            "screen.filter" => vec![Effect::Dialog(Dialog::Input {
                tag: "filter",
                title: "filter — status:quarantined reason:pixels_unchecked site:A".into(),
                text: self.filter.clone(),
                complete: false,
                offers: self.offers(),
            })],
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

    fn is_quarantined(&self) -> bool {
        self.opened.as_ref().is_some_and(|group| group.status == IntakeStatus::Quarantined)
    }

    fn toggle_reveal(&mut self, context: &Context<'_>) -> Effects {
        let Some(id) = self.detail.value.as_ref().map(|view| view.file.id) else { return Vec::new() };
        self.reveal = !self.reveal;
        self.detail.wait(context.now_ms);
        vec![ask("detail", IntakeDetail { id, reveal: self.reveal }, IngestAnswer::Detail)]
    }

    fn answer(&mut self, answer: IngestAnswer, context: &Context<'_>) -> Effects {
        match answer {
            IngestAnswer::Sources(answer) => {
                self.sources.set(answer);
                self.source_list.resize(self.sources.value.as_ref().map_or(0, Vec::len) as u64);
                Vec::new()
            }
            IngestAnswer::Groups(answer) => {
                self.groups.set(answer);
                self.group_list.resize(self.groups.value.as_ref().map_or(0, Vec::len) as u64);
                Vec::new()
            }
            IngestAnswer::Files(page, Ok(rows)) => {
                self.file_list.resize(rows.total);
                self.files.put(page, rows);
                self.file_state.set(Ok(()));
                self.ask_files(context)
            }
            IngestAnswer::Files(_, Err(error)) => {
                self.file_state.set(Err(error));
                Vec::new()
            }
            IngestAnswer::Detail(answer) => {
                self.detail.set(answer);
                let view = self.detail.value.as_ref().filter(|view| view.has_picture);
                let id = view
                    .map(|view| view.file.id)
                    .filter(|id| self.picture.as_ref().is_none_or(|(of, _)| of != id));
                id.map(|id| Effect::Ask("picture", look(id))).into_iter().collect()
            }
            IngestAnswer::Picture(id, picture) => {
                self.picture = Some((id, picture));
                Vec::new()
            }
            IngestAnswer::Masks(id, answer) => {
                self.masking.as_mut().map(|masking| masking.answer(id, answer)).unwrap_or_default()
            }
            IngestAnswer::Frame(seen) => {
                if let Some(masking) = &mut self.masking {
                    masking.seen(seen);
                }
                Vec::new()
            }
            IngestAnswer::Moved(word, Ok(moved)) => {
                let list = self.list();
                list.marks.clear();
                let mut effects = vec![report(word, &moved)];
                effects.extend(self.refresh(context));
                effects
            }
            IngestAnswer::Moved(_, Err(error)) | IngestAnswer::Done(_, Err(error)) => {
                vec![Effect::Say(Severity::Error, error.to_string())]
            }
            IngestAnswer::Done(said, Ok(())) => {
                let mut effects = vec![Effect::Say(Severity::Info, said)];
                effects.extend(self.refresh(context));
                effects
            }
            IngestAnswer::Written(Ok((path, rows))) => {
                vec![Effect::Say(Severity::Info, format!("{} in {path}", words::plural(rows, "file")))]
            }
            IngestAnswer::Written(Err(why)) => vec![Effect::Say(Severity::Error, why)],
        }
    }
}

impl Screen for Ingest {
    fn name(&self) -> &'static str {
        "ingest"
    }

    fn digit(&self) -> usize {
        2
    }

    fn title(&self) -> &'static str {
        "Ingest"
    }

    fn place(&self) -> Option<String> {
        super::place(
            &self.filter,
            self.opened.as_ref().map(|group| format!("{} · {}", group.reason, group.site)),
        )
    }

    fn actions(&self) -> &'static [Action] {
        if self.masking.is_some() { masks::ACTIONS } else { ACTIONS }
    }

    fn tables(&self) -> Vec<&'static [Action]> {
        vec![ACTIONS, masks::ACTIONS]
    }

    fn holds_work(&self) -> bool {
        self.masking.is_some()
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
            "ingest.masks" if self.pane != Pane::Files => {
                Some("open the group and choose a file first".into())
            }
            "ingest.masks" if !self.is_quarantined() => Some("only quarantined files can be masked".into()),
            "ingest.reveal" if self.pane != Pane::Files => Some("open a file first".into()),
            "ingest.remove" if self.pane != Pane::Sources => Some("choose a source first".into()),
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        if let Some(masking) = &self.masking {
            return Some(masking.note());
        }
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
                if let Some(DeepLink { filter, .. }) = door {
                    self.filter = filter;
                    (self.pane, self.opened, self.masking) = (Pane::Groups, None, None);
                    self.group_list.reset();
                }
                self.refresh(context)
            }
            Message::Changed(_) => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog(tag, text) => self.dialog(tag, text, context),
            Message::Answer(answer) => match answer.downcast::<IngestAnswer>() {
                Ok(answer) => self.answer(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(kind, x, y) if self.masking.is_some() => {
                if let Some(masking) = &mut self.masking {
                    masking.mouse(kind, x, y, context);
                }
                Vec::new()
            }
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
        match &self.masking {
            Some(masking) => masking.draw(canvas, area, context),
            None => self.draw_all(canvas, area, context),
        }
    }
}
