//! Keys, the mouse and pasted text: to the dialog that is open, else to the action that has the key.

use crossterm::event::{KeyEvent, MouseEvent};

use super::super::dialog::{OpenDialog, Outcome};
use super::super::keymap::{Action, COMMON, Key, shown};
use super::super::screen::{self, Dialog, Message};
use super::{App, Order, Overlay, Own, SCREENS, Slices};
use crate::engine::query::{Complete, DeepLink, Severity};

/// What the palette takes.
const PALETTE: &str = "command — or a screen and its filter, such as  catalog modality:CT";

impl App {
    pub(super) fn key(&mut self, key: KeyEvent, slices: &Slices<'_>) -> Vec<Order> {
        match std::mem::replace(&mut self.overlay, Overlay::None) {
            Overlay::None => self.plain_key(key, slices),
            Overlay::Help(skip) => {
                let name = self.keymap.find(Key::from_event(&key), &[COMMON]);
                match name {
                    Some("list.down") => self.overlay = Overlay::Help(skip.saturating_add(1)),
                    Some("list.up") => self.overlay = Overlay::Help(skip.saturating_sub(1)),
                    Some("list.page_down") => self.overlay = Overlay::Help(skip.saturating_add(10)),
                    Some("list.page_up") => self.overlay = Overlay::Help(skip.saturating_sub(10)),
                    _ => {}
                }
                Vec::new()
            }
            Overlay::Palette(mut open) => match open.key(key) {
                Outcome::Answered(_, line) => self.command(&line, slices),
                Outcome::Cancelled => Vec::new(),
                Outcome::Open | Outcome::Edited => {
                    self.overlay = Overlay::Palette(open);
                    Vec::new()
                }
            },
            Overlay::Dialog(mut open, screen) => match open.key(key) {
                Outcome::Answered("app.quit", _) => {
                    self.ended = true;
                    Vec::new()
                }
                Outcome::Answered(tag, text) => match screen {
                    Some(index) => self.tell(index, Message::Dialog(tag, text), slices),
                    None => Vec::new(),
                },
                Outcome::Cancelled => Vec::new(),
                Outcome::Open => {
                    self.overlay = Overlay::Dialog(open, screen);
                    Vec::new()
                }
                Outcome::Edited => {
                    self.overlay = Overlay::Dialog(open, screen);
                    self.complete()
                }
            },
        }
    }

    /// What was chosen or typed in the palette: an action, or a screen with a filter.
    fn command(&mut self, line: &str, slices: &Slices<'_>) -> Vec<Order> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some(action) = self.tables().iter().flat_map(|table| table.iter()).find(|a| a.name == name) {
            return self.act(action.name, slices);
        }
        if self.screens.iter().any(|screen| screen.name() == name) {
            let door = DeepLink { screen: name.into(), filter: rest.trim().into(), select: None };
            return self.go(door, slices);
        }
        self.say(Severity::Warning, format!("there is no command {name}"));
        Vec::new()
    }

    pub(super) fn paste(&mut self, text: &str, _: &Slices<'_>) -> Vec<Order> {
        match &mut self.overlay {
            Overlay::Dialog(open, _) | Overlay::Palette(open) => open.paste(text),
            Overlay::None | Overlay::Help(_) => {}
        }
        self.complete()
    }

    pub(super) fn complete(&mut self) -> Vec<Order> {
        let Overlay::Dialog(open, _) = &self.overlay else { return Vec::new() };
        if !open.completes() {
            return Vec::new();
        }
        let text = open.text[..open.cursor].to_string();
        let question = Complete { text: text.clone() };
        Self::own(vec![screen::ask("completions", question, move |answer| Own::Completions(text, answer))])
    }

    pub(super) fn tables(&self) -> [&'static [Action]; 3] {
        let own = self.screens.get(self.current).map_or(&[][..], |screen| screen.actions());
        [own, COMMON, SCREENS]
    }

    fn plain_key(&mut self, key: KeyEvent, slices: &Slices<'_>) -> Vec<Order> {
        match self.keymap.find(Key::from_event(&key), &self.tables()) {
            Some(name) => self.act(name, slices),
            None => Vec::new(),
        }
    }

    fn act(&mut self, name: &'static str, slices: &Slices<'_>) -> Vec<Order> {
        if let Some(number) = name.strip_prefix("go.").and_then(|number| number.parse::<usize>().ok()) {
            return self.switch(number, slices);
        }
        match name {
            "app.help" => self.overlay = Overlay::Help(0),
            "app.palette" => self.overlay = Overlay::Palette(Box::new(OpenDialog::new(self.palette()))),
            "app.redraw" => self.redraw = true,
            "app.quit" => self.quit(),
            "app.undo" => {
                if let Some((task, ..)) = self.undo.take() {
                    return Self::own(vec![screen::undo(task)]);
                }
                self.say(Severity::Info, "nothing to take back".into());
            }
            _ => {
                if let Some(why) = self.screens.get(self.current).and_then(|screen| screen.refuses(name)) {
                    self.say(Severity::Warning, why);
                    return Vec::new();
                }
                return self.tell(self.current, Message::Action(name), slices);
            }
        }
        Vec::new()
    }

    fn palette(&self) -> Dialog {
        let known = self.tables().into_iter().flatten().filter(|action| self.is_known(action));
        let lines = known.map(|action| {
            let keys: Vec<String> = self.keymap.keys(action).iter().map(|key| shown(key)).collect();
            format!("{:<22} {} ({})", action.name, self.words(action), keys.join(" "))
        });
        Dialog::Choose { tag: "app.palette", title: PALETTE.into(), options: lines.collect(), typed: true }
    }

    /// Whether an action leads anywhere: there are more digits than screens, and screens for others.
    pub(super) fn is_known(&self, action: &Action) -> bool {
        let digit = action.name.strip_prefix("go.").and_then(|number| number.parse::<usize>().ok());
        let leads =
            |screen: &dyn screen::Screen| screen.digit() == digit.unwrap_or(0) && self.is_offered(screen);
        digit.is_none() || self.screens.iter().any(|screen| leads(&**screen))
    }

    pub(super) fn words(&self, action: &Action) -> String {
        let number = action.name.strip_prefix("go.").and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| self.screens.iter().find(|screen| screen.digit() == number)) {
            Some(screen) => format!("to {}", screen.title()),
            None => action.help.to_string(),
        }
    }

    /// Asks only when it matters: the pipeline is this console's and has work in hand, or the screen has.
    fn quit(&mut self) {
        let runs_here = self.status.as_ref().is_some_and(|status| !status.attached && status.busy);
        let holds = self.screens.iter().any(|screen| screen.holds_work());
        if !runs_here && !holds {
            self.ended = true;
            return;
        }
        let text = if runs_here {
            "The pipeline runs in this console and has work in hand; it goes on at the next start. Leave?"
        } else {
            "What is begun here (a case, a drawing, an export) is not finished, and may be undone. Leave?"
        };
        let dialog = Dialog::Confirm { tag: "app.quit", text: text.into() };
        self.overlay = Overlay::Dialog(Box::new(OpenDialog::new(dialog)), None);
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent, slices: &Slices<'_>) -> Vec<Order> {
        match self.overlay {
            Overlay::None => {
                self.tell(self.current, Message::Mouse(mouse.kind, mouse.column, mouse.row), slices)
            }
            Overlay::Help(_) | Overlay::Dialog(..) | Overlay::Palette(_) => Vec::new(),
        }
    }
}
