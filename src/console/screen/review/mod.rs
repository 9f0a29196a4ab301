//! *Look and decide.* One series, as large as the terminal allows, with what the checks say beside it.

mod case;
mod draw;
mod drawn;
mod picture;

use std::cell::Cell;

use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, act, question};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::engine::EngineError;
use crate::engine::command::{Decision, Export, QuestionMasks, UnclaimTask};
use crate::engine::query::{DeepLink, Severity};
use case::{Case, ReviewAnswer};
use picture::Looking;

const ACTIONS: &[Action] = &[
    action("review.next_slice", &["j", "down", "right", "l"], "", "next slice"),
    action("review.previous_slice", &["k", "up", "left", "h"], "", "previous slice"),
    action("review.accept", &["a"], "accept", "accept the series; the next case comes"),
    action("review.return", &["x"], "return…", "return the series with a reason"),
    action("review.skip", &["n"], "skip", "leave the case undecided and take the next"),
    action("review.next_finding", &["f"], "finding", "to the next finding's slice"),
    action("review.previous_finding", &["F"], "", "to the finding before"),
    action("review.window", &["w"], "window", "next window"),
    action("review.window_back", &["W"], "", "window before"),
    action("review.plane", &["v"], "plane", "axial, coronal, sagittal: cut the stack another way"),
    action("review.cine", &["c", "space"], "cine", "play or stop"),
    action("review.zoom_in", &["+", "="], "", "zoom in"),
    action("review.zoom_out", &["-"], "", "zoom out"),
    action("review.fit", &["0"], "", "the whole slice, in its first window"),
    action("review.pan_left", &["H", "alt+left"], "", "move the view to the left"),
    action("review.pan_right", &["L", "alt+right"], "", "move the view to the right"),
    action("review.pan_up", &["K", "alt+up"], "", "move the view up"),
    action("review.pan_down", &["J", "alt+down"], "", "move the view down"),
    action("review.narrower", &["["], "", "narrower window: more contrast"),
    action("review.wider", &["]"], "", "wider window: less contrast"),
    action("review.darker", &["{"], "", "raise the window's level: darker"),
    action("review.brighter", &["}"], "", "lower the window's level: brighter"),
    action("review.invert", &["i"], "", "swap black and white"),
    action("review.stack", &["t"], "", "next stack or volume of the series"),
    action("review.drawn", &["o"], "", "what readers drew: everybody, each reader, nobody"),
    action("review.differ", &["d"], "", "to the slice on which readers differ most, and to the next"),
    action("review.ten_on", &["pagedown", "ctrl+d"], "", "ten slices on"),
    action("review.ten_back", &["pageup", "ctrl+u"], "", "ten slices back"),
    action("review.first", &["g", "home"], "", "first slice"),
    action("review.last", &["G", "end"], "", "last slice"),
    action("review.accept_comment", &["A"], "", "accept with a comment"),
    action("review.masks", &["m"], "", "draw the masks of this picture anew, in Ingest"),
    action("review.export", &["e"], "", "export the series as NIfTI with its JSON"),
    action("screen.copy", &["y"], "", "copy the series UID"),
];

/// The door to a series of which readers have said something: it is looked at, not claimed, and what was said of `item`
/// comes first.
pub(super) fn look_at(series_uid: &str, item: &str) -> DeepLink {
    let select = format!("{series_uid} {item}").trim().to_string();
    DeepLink { screen: "review".into(), filter: String::new(), select: Some(select) }
}

/// Pictures a second while playing.
const CINE_MS: i64 = 80;

/// The review screen.
#[derive(Default)]
pub struct Review {
    case: Loadable<Case>,
    looking: Looking,
    filter: String,
    skipped: Vec<i64>,
    next: Option<Case>,
    left: Option<u64>,
    deciding: bool,
    playing: Option<i64>,
    finding: Option<usize>,
    pointer: Option<(u16, u16)>,
    drag: Option<(MouseButton, u16, u16)>,
    picture: Cell<Rect>,
}

impl Review {
    fn show(&mut self, case: Option<Case>, context: &Context<'_>) -> Effects {
        self.playing = None;
        self.finding = None;
        self.deciding = false;
        self.case = Loadable::default();
        let Some(case) = case else {
            self.looking = Looking::default();
            return vec![Effect::Load(Vec::new())];
        };
        self.looking = Looking::at(&case);
        // Who only looks comes to see where readers differ.
        if !case.held && !case.drawn.is_empty() {
            self.looking.differ(&case);
        }
        let notice = case.notice.clone();
        self.case.set(Ok(case));
        let mut effects = self.load();
        effects.extend(self.look_ahead(context));
        effects.extend(notice.map(|why| Effect::Say(Severity::Warning, why)));
        effects
    }

    /// What is to be decoded: from the slice on screen outwards, then the next case from its middle.
    fn load(&self) -> Effects {
        let Some(case) = &self.case.value else { return Vec::new() };
        let mut frames = self.looking.wanted(case);
        if let Some(next) = &self.next {
            frames.extend(Looking::at(next).wanted(next).into_iter().take(48));
        }
        vec![Effect::Load(frames)]
    }

    fn look_ahead(&self, context: &Context<'_>) -> Effects {
        let current = self.case.value.as_ref().and_then(Case::task);
        vec![case::ask_next(current, self.filter.clone(), self.skipped.clone(), context.now_ms)]
    }

    fn take_next(&mut self, context: &Context<'_>) -> Effects {
        self.case.wait(context.now_ms);
        vec![case::claim_next(self.filter.clone(), self.skipped.clone())]
    }

    fn enter(&mut self, door: Option<DeepLink>, context: &Context<'_>) -> Effects {
        match door {
            Some(DeepLink { filter, select: Some(select), .. }) => {
                self.filter = filter;
                self.skipped.clear();
                self.case.wait(context.now_ms);
                let known = self
                    .next
                    .as_ref()
                    .filter(|case| case.task().map(|t| t.to_string()) == Some(select.clone()));
                if known.is_none() {
                    self.case.value = None;
                }
                vec![case::open(select)]
            }
            Some(DeepLink { filter, select: None, .. }) => {
                self.filter = filter;
                self.skipped.clear();
                self.take_next(context)
            }
            None => self.load(),
        }
    }

    fn decide(&mut self, decision: Decision, context: &Context<'_>) -> Effects {
        let Some(task) = self.case.value.as_ref().and_then(Case::task) else { return Vec::new() };
        self.deciding = true;
        self.playing = None;
        vec![case::decide(task, decision, self.filter.clone(), self.skipped.clone(), context.now_ms)]
    }

    fn moved(&mut self) -> Effects {
        self.load()
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        if self.case.value.is_none() {
            return match name {
                "review.skip" | "list.open" => self.take_next(context),
                "app.back" => vec![Effect::Back],
                _ => Vec::new(),
            };
        }
        match name {
            "review.accept" => return self.decide(Decision::Accept { comment: None }, context),
            "review.accept_comment" => {
                return vec![Effect::Dialog(Dialog::Input {
                    tag: "comment",
                    title: "accept with a comment".into(),
                    text: String::new(),
                    complete: false,
                    offers: Vec::new(),
                })];
            }
            "review.return" => return self.ask_reason(),
            "review.skip" => return self.skip(context),
            "review.masks" => return question::confirm(None, true),
            "review.export" => {
                return vec![Effect::Dialog(Dialog::Input {
                    tag: "export",
                    title: "export this series as NIfTI and JSON to the folder".into(),
                    text: String::new(),
                    complete: false,
                    offers: Vec::new(),
                })];
            }
            "screen.copy" => {
                let uid = self.case.value.as_ref().map(|case| case.series.row.series_uid.clone());
                let said = Effect::Say(Severity::Info, "series UID copied".into());
                return uid.map(|uid| vec![Effect::Copy(uid), said]).unwrap_or_default();
            }
            "screen.refresh" => return self.reopen(context),
            "app.back" => return vec![Effect::Back],
            "review.cine" => self.playing = if self.playing.is_some() { None } else { Some(context.now_ms) },
            "review.differ" => {
                let Some(case) = &self.case.value else { return Vec::new() };
                let said = self.looking.differ(case);
                let mut effects = self.load();
                effects.push(Effect::Say(Severity::Info, said));
                return effects;
            }
            "review.next_finding" => return self.show_finding(1),
            "review.previous_finding" => return self.show_finding(-1),
            name => self.look(name, context),
        }
        self.moved()
    }

    fn look(&mut self, name: &str, context: &Context<'_>) {
        let Some(case) = &self.case.value else { return };
        self.looking.act(name, case, context);
    }

    fn ask_reason(&self) -> Effects {
        let reasons = self.case.value.as_ref().map(|case| &*case.reasons).unwrap_or_default();
        let typed = reasons.is_empty();
        let title = if typed { "return: type a reason" } else { "return: choose a reason, or its number" };
        let options = reasons.iter().enumerate().map(|(i, reason)| format!("{} {reason}", i + 1)).collect();
        vec![Effect::Dialog(Dialog::Choose { tag: "reason", title: title.into(), options, typed })]
    }

    fn skip(&mut self, context: &Context<'_>) -> Effects {
        let mut effects = Vec::new();
        if let Some(case) = &self.case.value
            && let Some(task) = case.task()
        {
            self.skipped.push(task);
            if case.held {
                effects.push(act(UnclaimTask { task }, |_| ReviewAnswer::GivenBack));
            }
        }
        effects.extend(self.take_next(context));
        effects
    }

    fn reopen(&mut self, context: &Context<'_>) -> Effects {
        self.case.wait(context.now_ms);
        let select = self.case.value.as_ref().map(Case::select);
        select.map(case::open).into_iter().collect()
    }

    fn show_finding(&mut self, step: isize) -> Effects {
        let Some(case) = &self.case.value else { return Vec::new() };
        let count = case.series.findings.len() as isize;
        if count == 0 {
            return Vec::new();
        }
        let at = match self.finding {
            Some(at) => (at as isize + step).rem_euclid(count),
            None if step > 0 => 0,
            None => count - 1,
        };
        self.finding = Some(at as usize);
        let finding = &case.series.findings[at as usize];
        let (number, check) = (at + 1, finding.check.replace('_', " "));
        let said = |what: &str| {
            vec![Effect::Say(Severity::Info, format!("finding {number} of {count} {what} ({check})"))]
        };
        let Some(frame) = finding.slices.first() else {
            return said("is about the whole series");
        };
        if !self.looking.show_native(finding.stack, *frame, case) {
            return said("is on this slice");
        }
        self.load()
    }

    fn answer(&mut self, answer: ReviewAnswer, context: &Context<'_>) -> Effects {
        match answer {
            ReviewAnswer::Opened(Ok(case)) => self.show(Some(*case), context),
            ReviewAnswer::Opened(Err(error)) => {
                self.case.value = None;
                self.case.set(Err(error));
                Vec::new()
            }
            ReviewAnswer::Next(Ok(Some(case))) => self.show(Some(*case), context),
            ReviewAnswer::Next(Ok(None)) => {
                let mut effects = self.show(None, context);
                let words = if self.skipped.is_empty() {
                    "no case waits"
                } else {
                    "no case waits but those you skipped"
                };
                self.skipped.clear();
                effects.push(Effect::Say(Severity::Info, words.into()));
                effects
            }
            ReviewAnswer::Next(Err(error)) => {
                self.case.set(Err(error));
                Vec::new()
            }
            ReviewAnswer::Decided { task, decision, outcome: Ok(()), next } => {
                let mut effects = vec![Effect::Decided { task, decision }];
                effects.extend(self.answer(ReviewAnswer::Next(next), context));
                effects
            }
            ReviewAnswer::Decided { outcome: Err(error), .. } => {
                self.deciding = false;
                vec![Effect::Say(Severity::Error, format!("not decided: {error}"))]
            }
            ReviewAnswer::Ahead(next, left) => {
                self.next = next.map(|case| *case);
                self.left = left;
                self.load()
            }
            ReviewAnswer::Questioned(outcome) => question::told(outcome),
            ReviewAnswer::GivenBack => Vec::new(),
            ReviewAnswer::Exported(Ok(outcome)) => {
                let text = format!("{} files in {}", outcome.files, outcome.to);
                vec![Effect::Say(Severity::Info, text)]
            }
            ReviewAnswer::Exported(Err(error)) => {
                vec![Effect::Say(Severity::Error, format!("not exported: {error}"))]
            }
        }
    }

    fn dialog(&mut self, tag: &str, text: String, context: &Context<'_>) -> Effects {
        match tag {
            "reason" => {
                let reasons = self.case.value.as_ref().map(|case| &*case.reasons).unwrap_or_default();
                let numbered = |(i, reason): (usize, &String)| {
                    (text == format!("{} {reason}", i + 1)).then(|| reason.clone())
                };
                let reason = reasons.iter().enumerate().find_map(numbered).unwrap_or(text);
                self.decide(Decision::Return { reason, comment: None }, context)
            }
            "comment" => {
                let comment = Some(text).filter(|text| !text.is_empty());
                self.decide(Decision::Accept { comment }, context)
            }
            question::TAG => self.question_masks(),
            "export" if !text.is_empty() => self.export(&text),
            _ => Vec::new(),
        }
    }

    fn question_masks(&self) -> Effects {
        let Some(case) = &self.case.value else { return Vec::new() };
        let Some(frame) = self.looking.shown(case) else { return Vec::new() };
        let (series_uid, instances) = (case.series.row.series_uid.clone(), vec![frame.sop_uid.clone()]);
        vec![act(QuestionMasks { series_uid, instances }, ReviewAnswer::Questioned)]
    }

    fn export(&self, folder: &str) -> Effects {
        let Some(case) = &self.case.value else { return Vec::new() };
        let filter = Some(format!("series:{}", case.series.row.series_uid));
        let to =
            std::path::absolute(folder).map_or_else(|_| folder.into(), |path| path.display().to_string());
        let command =
            Export { formats: vec!["nifti".into(), "json".into()], to, filter, ..Export::default() };
        vec![Effect::Say(Severity::Info, "exporting".into()), act(command, ReviewAnswer::Exported)]
    }

    fn mouse(&mut self, kind: MouseEventKind, x: u16, y: u16, context: &Context<'_>) -> Effects {
        let inside = self.picture.get().contains((x, y).into());
        self.pointer = inside.then_some((x, y));
        match kind {
            MouseEventKind::ScrollDown => return self.action("review.next_slice", context),
            MouseEventKind::ScrollUp => return self.action("review.previous_slice", context),
            MouseEventKind::Down(button) if inside => self.drag = Some((button, x, y)),
            MouseEventKind::Up(_) => self.drag = None,
            MouseEventKind::Drag(_) => {
                let Some((button, from_x, from_y)) = self.drag else { return Vec::new() };
                let area = self.picture.get();
                let share =
                    |to: u16, from: u16, of: u16| (f64::from(to) - f64::from(from)) / f64::from(of.max(1));
                let (right, down) = (share(x, from_x, area.width), share(y, from_y, area.height));
                self.drag = Some((button, x, y));
                if button == MouseButton::Left {
                    self.looking.view.pan_by(-right, -down);
                } else if let Some(case) = &self.case.value {
                    self.looking.adjust(case, context, 2.0_f64.powf(right * 4.0), down);
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Screen for Review {
    fn name(&self) -> &'static str {
        "review"
    }

    fn digit(&self) -> usize {
        5
    }

    fn title(&self) -> &'static str {
        "Review"
    }

    fn place(&self) -> Option<String> {
        let case = self.case.value.as_ref()?;
        Some(format!("{} {}", case.series.row.subject, case.series.row.modality))
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        let case = self.case.value.as_ref();
        match action {
            "review.skip" => None,
            "list.open" => case.is_some().then(|| "there is nothing deeper".into()),
            _ if !action.starts_with("review.") => None,
            _ if case.is_none() => Some("no case is open".into()),
            "review.accept" | "review.return" | "review.accept_comment" => {
                let case = case?;
                if self.deciding {
                    Some("the decision before is on its way".into())
                } else if case.task().is_none() {
                    Some("this series has no review task".into())
                } else {
                    case.refusal.clone()
                }
            }
            "review.masks" if self.looking.shown(case?).is_none() => {
                Some("a slice as it was acquired must be shown".into())
            }
            "review.next_finding" | "review.previous_finding" if case?.series.findings.is_empty() => {
                Some("the checks found nothing".into())
            }
            _ => None,
        }
    }

    fn brief(&self, action: &Action) -> &'static str {
        match action.name {
            "review.skip" if self.case.value.is_none() => "take a case",
            _ => action.brief,
        }
    }

    fn note(&self) -> Option<String> {
        self.left.map(|left| format!("{left} left"))
    }

    fn moves(&self) -> bool {
        self.playing.is_some()
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => self.enter(door, context),
            Message::Leave => {
                self.playing = None;
                vec![Effect::Load(Vec::new())]
            }
            Message::End => match &self.case.value {
                Some(case) if case.held => {
                    let give_back = |task| act(UnclaimTask { task }, |_| ReviewAnswer::GivenBack);
                    case.task().map(give_back).into_iter().collect()
                }
                _ => Vec::new(),
            },
            Message::Action(name) => self.action(name, context),
            Message::Dialog(tag, text) => self.dialog(tag, text, context),
            Message::Answer(answer) => match answer.downcast::<ReviewAnswer>() {
                Ok(answer) => self.answer(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Changed(_) => self.look_ahead(context),
            Message::Undone(task) => {
                self.case.wait(context.now_ms);
                vec![case::open(task.to_string())]
            }
            Message::Mouse(kind, x, y) => self.mouse(kind, x, y, context),
            Message::Tick => match self.playing {
                Some(last) if context.now_ms - last >= CINE_MS => {
                    self.playing = Some(context.now_ms);
                    if let Some(case) = &self.case.value {
                        self.looking.play(case, context);
                    }
                    self.moved()
                }
                _ => Vec::new(),
            },
            Message::Slice => Vec::new(),
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, context: &Context<'_>) {
        self.draw_all(canvas, area, context);
    }
}

/// Used by the answers of [`case`].
type Outcome<T> = Result<T, EngineError>;
