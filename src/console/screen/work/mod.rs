//! Work on cases: who reads, reviews and decides what, and the people who do.

mod draw;

use crossterm::event::MouseEventKind;
use ratatui::layout::Rect;

use super::{Context, Dialog, Effect, Effects, Loadable, Message, Screen, act, ask, input, review};
use crate::console::canvas::Canvas;
use crate::console::keymap::{Action, action};
use crate::console::widget::{ListState, Pages, words};
use crate::engine::EngineError;
use crate::engine::command::{
    ActOnTask, SteerTask, Steering, SubmitTask, Submitted, TakeNext, TaskAct, TaskActed,
};
use crate::engine::query::{
    DeepLink, Page, PlanState, PlanView, ReaderView, Readers, Rows, Severity, TaskLine, Tasks,
};

const ACTIONS: &[Action] = &[
    action("work.look", &["enter", "o"], "look", "look at the case in Review; it is taken from nobody"),
    action("work.next", &["n"], "next", "take the best task that you may do"),
    action("work.claim", &["c"], "take", "take the selected task"),
    action("work.say", &["s"], "say", "hand a read in: values, and what was not found"),
    action("work.accept", &["a"], "accept", "second look: the read stands"),
    action("work.return", &["x"], "return", "second look: back to its reader, with a reason"),
    action("work.choose", &["v"], "choose", "adjudication: one of the reads stands"),
    action("work.release", &["U"], "give back", "give the task back"),
    action("work.refuse", &["X"], "", "the case cannot be read: to who coordinates, with a reason"),
    action("work.hold", &["h"], "hold", "let it wait, with a reason"),
    action("work.resume", &["H"], "", "let it go on"),
    action("work.assign", &["A"], "assign", "keep it for a reader"),
    action("work.cancel", &["D"], "", "it is not wanted, with a reason"),
    action("work.tab", &["tab"], "tab", "next tab: all, open, claimed, held, done, readers"),
    action("work.tab_back", &["shift+tab"], "", "to the tab before"),
    action("screen.filter", &["/"], "filter", "filter with the query language of `gantry search`"),
    action("screen.copy", &["y"], "", "copy the series UID"),
];

/// What the tabs show: a state of tasks, or people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    All,
    Open,
    Claimed,
    Held,
    Done,
    Readers,
}

const TABS: [(Tab, &str); 6] = [
    (Tab::All, "all"),
    (Tab::Open, "open"),
    (Tab::Claimed, "claimed"),
    (Tab::Held, "held"),
    (Tab::Done, "done"),
    (Tab::Readers, "readers"),
];

impl Tab {
    fn state(self) -> Option<String> {
        match self {
            Self::All | Self::Readers => None,
            Self::Open => Some("open".into()),
            Self::Claimed => Some("claimed".into()),
            Self::Held => Some("held".into()),
            Self::Done => Some("done".into()),
        }
    }
}

enum WorkAnswer {
    Page(Page, Result<Rows<TaskLine>, EngineError>),
    Readers(Result<Vec<ReaderView>, EngineError>),
    Plan(Box<Result<Option<PlanView>, EngineError>>),
    Taken(Result<Option<TaskLine>, EngineError>),
    Acted(Result<TaskActed, EngineError>),
    Submitted(Result<Submitted, EngineError>),
}

/// The worklist, and who reads.
#[derive(Default)]
pub struct Work {
    tab: Tab,
    filter: String,
    rows: Pages<TaskLine>,
    readers: Loadable<Vec<ReaderView>>,
    plan: Loadable<Option<PlanView>>,
    state: Loadable<()>,
    list: ListState,
}

impl Work {
    fn ask(&mut self, context: &Context<'_>) -> Effects {
        if self.tab == Tab::Readers {
            return Vec::new();
        }
        let Some(page) = self.rows.missing(self.list.selected) else { return Vec::new() };
        self.state.wait(context.now_ms);
        let question =
            Tasks { state: self.tab.state(), filter: self.filter.clone(), page, ..Tasks::default() };
        vec![ask("work", question, move |answer| WorkAnswer::Page(page, answer))]
    }

    fn refresh(&mut self, context: &Context<'_>) -> Effects {
        self.rows.forget();
        let mut effects = self.ask(context);
        self.readers.wait(context.now_ms);
        self.plan.wait(context.now_ms);
        effects.push(ask("readers", Readers {}, WorkAnswer::Readers));
        effects.push(ask("plan", PlanState {}, |answer| WorkAnswer::Plan(Box::new(answer))));
        effects
    }

    fn show_tab(&mut self, step: usize, context: &Context<'_>) -> Effects {
        let at = TABS.iter().position(|(tab, _)| *tab == self.tab).unwrap_or(0);
        self.tab = TABS[(at + step) % TABS.len()].0;
        self.list.reset();
        self.rows = Pages::default();
        self.resize_readers();
        self.refresh(context)
    }

    fn resize_readers(&mut self) {
        if self.tab == Tab::Readers {
            self.list.resize(self.readers.value.as_ref().map_or(0, |all| all.len() as u64));
        }
    }

    fn row(&self) -> Option<&TaskLine> {
        if self.tab == Tab::Readers { None } else { self.rows.get(self.list.selected) }
    }

    fn does(&self, what: impl FnOnce(&TaskLine) -> TaskAct) -> Effects {
        match self.row() {
            Some(row) => vec![act(ActOnTask { task: row.task, act: what(row) }, WorkAnswer::Acted)],
            None => Vec::new(),
        }
    }

    fn steers(&self, to: Steering) -> Effects {
        match self.row() {
            Some(row) => vec![act(SteerTask { task: row.task, to }, WorkAnswer::Acted)],
            None => Vec::new(),
        }
    }

    /// What is to be said of a case, in one line.
    fn wanted(&self) -> String {
        let structures = self.plan.value.iter().flatten().flat_map(|p| &p.plan.structures);
        let spoken = structures.map(|s| {
            if s.kind.is_drawn() { format!("none={}", s.name) } else { format!("{}={}", s.name, short(s)) }
        });
        spoken.collect::<Vec<_>>().join(" ")
    }

    fn action(&mut self, name: &'static str, context: &Context<'_>) -> Effects {
        match name {
            "work.look" | "list.open" => match self.row() {
                Some(row) => vec![Effect::Go(review::look_at(&row.series_uid, ""))],
                None => Vec::new(),
            },
            "work.next" => vec![act(TakeNext { step: None }, WorkAnswer::Taken)],
            "work.claim" => self.does(|_| TaskAct::Claim),
            "work.release" => self.does(|_| TaskAct::Release),
            "work.resume" => self.does(|_| TaskAct::Resume),
            "work.accept" => self.does(|_| TaskAct::Accept),
            "work.say" => vec![input("say", &format!("say — {}", self.wanted()), "")],
            "work.return" => vec![input("return", "return to its reader — why", "")],
            "work.refuse" => vec![input("refuse", "cannot be read — why", "")],
            "work.hold" => vec![input("hold", "hold — for what", "")],
            "work.cancel" => vec![input("cancel", "not wanted — why", "")],
            "work.choose" => vec![input("choose", "the read that stands, by its number", "")],
            "work.assign" => vec![Effect::Dialog(Dialog::Choose {
                tag: "assign",
                title: "keep it for".into(),
                options: self.names(),
                typed: true,
            })],
            "work.tab" | "list.right" | "pane.next" => self.show_tab(1, context),
            "work.tab_back" | "list.left" | "pane.previous" => self.show_tab(TABS.len() - 1, context),
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
                    Effect::Say(Severity::Info, "series UID copied".into()),
                ],
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

    /// Readers who may be given something.
    fn names(&self) -> Vec<String> {
        let all = self.readers.value.iter().flatten();
        all.filter(|r| r.active && !r.away).map(|r| r.reader.clone()).collect()
    }

    fn answered(&mut self, tag: &'static str, text: String, context: &Context<'_>) -> Effects {
        match tag {
            "filter" => {
                self.filter = text;
                self.list.reset();
                self.refresh(context)
            }
            "return" => self.does(|_| TaskAct::Return { reason: text }),
            "refuse" => self.does(|_| TaskAct::Refuse { reason: text }),
            "hold" => self.does(|_| TaskAct::Hold { reason: text }),
            "cancel" => self.steers(Steering::Nobody { reason: text }),
            "assign" => self.steers(Steering::Reader { reader: text }),
            "choose" => match text.trim().parse() {
                Ok(read) => self.does(|_| TaskAct::Choose { read }),
                Err(_) => vec![Effect::Say(Severity::Warning, "a read is named by its number".into())],
            },
            "say" => match (self.row().map(|row| row.task), spoken(&text)) {
                (Some(task), Ok(said)) => {
                    vec![act(SubmitTask { task, ..said }, WorkAnswer::Submitted)]
                }
                (_, Err(why)) => vec![Effect::Say(Severity::Warning, why)],
                (None, _) => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn take(&mut self, answer: WorkAnswer, context: &Context<'_>) -> Effects {
        match answer {
            WorkAnswer::Page(page, Ok(rows)) => {
                self.list.resize(rows.total);
                self.rows.put(page, rows);
                self.state.set(Ok(()));
                self.ask(context)
            }
            WorkAnswer::Page(_, Err(error)) => {
                self.state.set(Err(error));
                Vec::new()
            }
            WorkAnswer::Readers(answer) => {
                self.readers.set(answer);
                self.resize_readers();
                Vec::new()
            }
            WorkAnswer::Plan(answer) => {
                self.plan.set(*answer);
                Vec::new()
            }
            WorkAnswer::Taken(Ok(None)) => {
                vec![Effect::Say(Severity::Info, "there is no task for you now".into())]
            }
            WorkAnswer::Taken(Ok(Some(line))) => {
                let mut effects = self.refresh(context);
                let text = format!("task {} is yours: {}", line.task, line.why.join("; "));
                effects.push(Effect::Say(Severity::Info, text));
                effects
            }
            WorkAnswer::Acted(Ok(done)) => {
                let mut effects = self.refresh(context);
                let text = format!("task {} is {}", done.line.task, done.line.state);
                effects.push(Effect::Say(Severity::Info, text));
                effects
            }
            WorkAnswer::Submitted(Ok(done)) => {
                let mut effects = self.refresh(context);
                let state = done.case_state.as_str().replace('_', " ");
                effects.push(Effect::Say(Severity::Info, format!("read {} is in: {state}", done.read)));
                effects
            }
            WorkAnswer::Taken(Err(error))
            | WorkAnswer::Acted(Err(error))
            | WorkAnswer::Submitted(Err(error)) => {
                vec![Effect::Say(Severity::Warning, error.to_string())]
            }
        }
    }
}

/// What may be said of a structure, short.
fn short(structure: &crate::workflow::StructurePlan) -> String {
    match (structure.scale.first(), structure.scale.last(), structure.values.is_empty()) {
        (Some(first), Some(last), _) => format!("{first}..{last}"),
        (_, _, false) => structure.values.join("|"),
        _ => "…".into(),
    }
}

/// `quality=good malignancy@2=4 none=nodule`; a value with blanks stands in quotes.
fn spoken(text: &str) -> Result<SubmitTask, String> {
    let mut said = SubmitTask::default();
    for token in crate::engine::query::tokens(text) {
        let (name, value) =
            token.split_once('=').ok_or_else(|| format!("{token:?} is not NAME=VALUE, or none=STRUCTURE"))?;
        if name == "none" {
            said.none.push(value.into());
            continue;
        }
        let (name, instance) = match name.rsplit_once('@') {
            Some((name, number)) => {
                let number = number.parse().ok().filter(|n| *n > 0);
                (name, Some(number.ok_or_else(|| format!("{token:?}: an instance is a number from 1"))?))
            }
            None => (name, None),
        };
        said.values.push((name.into(), instance, value.into()));
    }
    Ok(said)
}

impl Screen for Work {
    fn name(&self) -> &'static str {
        "work"
    }

    fn digit(&self) -> usize {
        0
    }

    fn title(&self) -> &'static str {
        "Work"
    }

    fn place(&self) -> Option<String> {
        let tab = TABS.iter().find(|(tab, _)| *tab == self.tab).map(|(_, name)| *name)?;
        Some(if self.filter.is_empty() { tab.into() } else { format!("{tab} ▸ {}", self.filter) })
    }

    fn actions(&self) -> &'static [Action] {
        ACTIONS
    }

    fn refuses(&self, action: &str) -> Option<String> {
        let on_task =
            action.starts_with("work.") && !["work.next", "work.tab", "work.tab_back"].contains(&action);
        if on_task && self.row().is_none() {
            return Some("no task is selected".into());
        }
        let step = self.row().map(|row| row.step.as_str()).unwrap_or_default();
        match action {
            "work.accept" | "work.return" if step == "read" || step == "adjudicate" => {
                Some("this is for a second look".into())
            }
            "work.choose" if step != "adjudicate" => Some("this is for an adjudication".into()),
            "work.say" if step == "review" || step == "series_review" => {
                Some("a second look ends by accept or return".into())
            }
            _ => None,
        }
    }

    fn note(&self) -> Option<String> {
        if self.tab == Tab::Readers {
            return self.readers.value.as_ref().map(|all| words::plural(all.len() as u64, "reader"));
        }
        self.rows.total().map(|total| words::plural(total, "task"))
    }

    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects {
        match message {
            Message::Enter(door) => {
                if let Some(DeepLink { filter, select, .. }) = door {
                    self.filter = filter;
                    if let Some(select) = &select {
                        self.tab =
                            TABS.iter().find(|(_, name)| name == select).map_or(self.tab, |(tab, _)| *tab);
                    }
                    self.list.reset();
                }
                self.refresh(context)
            }
            Message::Changed(_) | Message::Undone(_) => self.refresh(context),
            Message::Action(name) => self.action(name, context),
            Message::Dialog(tag, text) => self.answered(tag, text, context),
            Message::Answer(answer) => match answer.downcast::<WorkAnswer>() {
                Ok(answer) => self.take(*answer, context),
                Err(_) => Vec::new(),
            },
            Message::Mouse(MouseEventKind::ScrollDown, ..) => self.action("list.down", context),
            Message::Mouse(MouseEventKind::ScrollUp, ..) => self.action("list.up", context),
            Message::Mouse(MouseEventKind::Down(_), x, y) => match self.list.line_at(x, y) {
                Some(line) if line == self.list.selected => self.action("work.look", context),
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
        self.draw_all(canvas, area, context);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_what_is_said() {
        let said = spoken("quality=good malignancy@2=4 none=nodule none=effusion").unwrap();
        assert_eq!(said.none, ["nodule", "effusion"]);
        let values = [("quality".into(), None, "good".into()), ("malignancy".into(), Some(2), "4".into())];
        assert_eq!(said.values, values);
        assert!(spoken("good").is_err() && spoken("malignancy@0=4").is_err());
    }
}
