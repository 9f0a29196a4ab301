//! The console as a state: which screen is shown, what lies over it, what stands in the lines around it.

use std::any::Any;

use crossterm::event::{Event as Input, KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, fit};
use super::dialog::{OpenDialog, Outcome, draw_help};
use super::image::{Decoded, Graphics};
use super::keymap::{Action, COMMON, Key, Keymap, action, shown};
use super::screen::{self, Context, Dialog, Effect, Effects, Message, Screen};
use super::widget::words;
use crate::engine::EngineError;
use crate::engine::command::Decision;
use crate::engine::query::{Complete, Door, FrameRef, Severity, Status, StatusView};
use crate::model::What;

/// How long a decision can be taken back with one key.
const UNDO_MS: i64 = 10_000;
/// How long a message stands.
const MESSAGE_MS: i64 = 6_000;

/// Number keys and names of screens, as actions.
const SCREENS: &[Action] = &[
    action("go.1", &["1"], "", "to the first screen"),
    action("go.2", &["2"], "", "to the second screen"),
    action("go.3", &["3"], "", "to the third screen"),
    action("go.4", &["4"], "", "to the fourth screen"),
    action("go.5", &["5"], "", "to the fifth screen"),
    action("go.6", &["6"], "", "to the sixth screen"),
    action("go.7", &["7"], "", "to the seventh screen"),
    action("go.8", &["8"], "", "to the eighth screen"),
    action("go.9", &["9"], "", "to the ninth screen"),
];

/// The outcome of taking a decision back.
pub struct Undid(pub i64, pub Result<(), EngineError>);

/// Answers to what the frame itself asked.
enum Own {
    Status(Result<StatusView, EngineError>),
    Completions(String, Result<Vec<String>, EngineError>),
}

/// Something for the console from outside.
pub enum Signal {
    /// A key, the mouse, a paste, another size.
    Input(Input),
    /// An answer for a screen.
    Answer {
        /// The screen's number; the frame's own where there is none.
        screen: Option<usize>,
        /// The slot that it was asked in.
        slot: &'static str,
        /// The number of the question; an older one than the last is stale.
        number: u64,
        /// The answer.
        answer: Box<dyn Any + Send>,
    },
    /// The workspace changed.
    Changed(What),
    /// A slice was decoded.
    Slice,
    /// Time has passed.
    Tick,
    /// The process was asked to end.
    Terminate,
}

/// What is to be done outside: as a screen's effect, with the screen that asked.
pub struct Order {
    /// The screen's number; the frame's own where there is none.
    pub screen: Option<usize>,
    /// What.
    pub effect: Effect,
}

enum Overlay {
    None,
    Help(u16),
    Dialog(Box<OpenDialog>, Option<usize>),
    Palette(Box<OpenDialog>),
}

/// The console's state.
pub struct App {
    screens: Vec<Box<dyn Screen>>,
    current: usize,
    trail: Vec<usize>,
    overlay: Overlay,
    keymap: Keymap,
    status: Option<StatusView>,
    message: Option<(Severity, String, i64)>,
    undo: Option<(i64, String, i64)>,
    /// How pictures are shown.
    pub graphics: Graphics,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// The user has left.
    pub ended: bool,
    /// The whole screen is to be written anew.
    pub redraw: bool,
    height: std::cell::Cell<u16>,
}

impl App {
    /// The console before its first frame; [`App::start`] asks for what it shows.
    pub fn new(keymap: Keymap, graphics: Graphics, now_ms: i64) -> Self {
        Self {
            screens: screen::all(),
            current: 0,
            trail: Vec::new(),
            overlay: Overlay::None,
            keymap,
            status: None,
            message: None,
            undo: None,
            graphics,
            now_ms,
            ended: false,
            redraw: false,
            height: std::cell::Cell::new(20),
        }
    }

    /// Every action there is: for the check of configured keys.
    pub fn actions() -> Vec<Action> {
        let own = screen::all().into_iter().flat_map(|screen| screen.actions().to_vec());
        own.chain(COMMON.iter().copied()).chain(SCREENS.iter().copied()).collect()
    }

    /// Shows the first screen, or the one that `door` leads to.
    pub fn start(&mut self, door: Option<Door>, slices: &Slices<'_>) -> Vec<Order> {
        let mut orders = Self::own(vec![ask_status()]);
        if let Some(door) = &door
            && let Some(index) = self.screens.iter().position(|screen| screen.name() == door.screen)
        {
            self.current = index;
        }
        orders.extend(self.tell(self.current, Message::Enter(door), slices));
        orders
    }

    /// The name of the screen that is shown.
    pub fn screen(&self) -> &'static str {
        self.screens.get(self.current).map_or("", |screen| screen.name())
    }

    /// Something moves, so that time must pass for the screen.
    pub fn is_animated(&self) -> bool {
        self.undo.is_some() || self.message.is_some()
    }

    /// The screen moves by itself (cine), so that time must pass for it quickly.
    pub fn moves(&self) -> bool {
        self.screens.get(self.current).is_some_and(|screen| screen.moves())
    }

    /// The console ends: what the screen held is given back.
    pub fn leave(&mut self, slices: &Slices<'_>) -> Vec<Order> {
        (0..self.screens.len()).flat_map(|index| self.tell(index, Message::End, slices)).collect()
    }

    /// Takes something in and says what is to be done.
    pub fn update(&mut self, signal: Signal, slices: &Slices<'_>) -> Vec<Order> {
        self.expire();
        match signal {
            Signal::Input(Input::Key(key)) if key.kind != KeyEventKind::Release => self.key(key, slices),
            Signal::Input(Input::Mouse(mouse)) => self.mouse(mouse, slices),
            Signal::Input(Input::Paste(text)) => self.paste(&text, slices),
            Signal::Input(Input::Resize(..)) => {
                self.redraw = true;
                Vec::new()
            }
            Signal::Input(_) => Vec::new(),
            Signal::Answer { screen, answer, .. } => self.answer(screen, answer, slices),
            Signal::Changed(what) => {
                let mut orders = Self::own(vec![ask_status()]);
                orders.extend(self.tell(self.current, Message::Changed(what), slices));
                orders
            }
            Signal::Slice => self.tell(self.current, Message::Slice, slices),
            Signal::Tick => self.tell(self.current, Message::Tick, slices),
            Signal::Terminate => {
                self.ended = true;
                Vec::new()
            }
        }
    }

    fn expire(&mut self) {
        let now = self.now_ms;
        self.undo.take_if(|(.., until)| now >= *until);
        self.message.take_if(|(.., until)| now >= *until);
    }

    fn own(effects: Effects) -> Vec<Order> {
        effects.into_iter().map(|effect| Order { screen: None, effect }).collect()
    }

    /// Gives a screen a message and carries out what concerns the frame itself.
    fn tell(&mut self, index: usize, message: Message, slices: &Slices<'_>) -> Vec<Order> {
        let context = Context {
            now_ms: self.now_ms,
            status: self.status.as_ref(),
            graphics: self.graphics,
            slice: slices,
            height: self.height.get(),
        };
        let Some(screen) = self.screens.get_mut(index) else { return Vec::new() };
        let effects = screen.update(message, &context);
        self.carry_out(index, effects, slices)
    }

    fn carry_out(&mut self, index: usize, effects: Effects, slices: &Slices<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        for effect in effects {
            match effect {
                Effect::Go(door) => orders.extend(self.go(door, slices)),
                Effect::Back => orders.extend(self.back(slices)),
                Effect::Say(severity, text) => self.say(severity, text),
                Effect::Decided { task, decision } => self.offer_undo(task, &decision),
                Effect::Dialog(dialog) => {
                    self.overlay = Overlay::Dialog(Box::new(OpenDialog::new(dialog)), Some(index));
                    orders.extend(self.complete());
                }
                effect => orders.push(Order { screen: Some(index), effect }),
            }
        }
        orders
    }

    fn offer_undo(&mut self, task: i64, decision: &Decision) {
        let text = match decision {
            Decision::Accept { .. } => "accepted".to_string(),
            Decision::Return { reason, .. } => format!("returned: {reason}"),
        };
        self.message = None;
        self.undo = Some((task, text, self.now_ms + UNDO_MS));
    }

    fn say(&mut self, severity: Severity, text: String) {
        self.message = Some((severity, text, self.now_ms + MESSAGE_MS));
    }

    fn go(&mut self, door: Door, slices: &Slices<'_>) -> Vec<Order> {
        let Some(index) = self.screens.iter().position(|screen| screen.name() == door.screen) else {
            self.say(Severity::Warning, format!("there is no screen {}", door.screen));
            return Vec::new();
        };
        let mut orders = Vec::new();
        if index != self.current {
            orders.extend(self.tell(self.current, Message::Leave, slices));
            self.trail.push(self.current);
            self.trail.drain(..self.trail.len().saturating_sub(50));
            self.current = index;
        }
        orders.extend(self.tell(index, Message::Enter(Some(door)), slices));
        orders
    }

    fn switch(&mut self, index: usize, slices: &Slices<'_>) -> Vec<Order> {
        if index >= self.screens.len() || index == self.current {
            return Vec::new();
        }
        let mut orders = self.tell(self.current, Message::Leave, slices);
        self.trail.push(self.current);
        self.current = index;
        orders.extend(self.tell(index, Message::Enter(None), slices));
        orders
    }

    fn back(&mut self, slices: &Slices<'_>) -> Vec<Order> {
        let Some(index) = self.trail.pop() else { return Vec::new() };
        let mut orders = self.tell(self.current, Message::Leave, slices);
        self.current = index;
        orders.extend(self.tell(index, Message::Enter(None), slices));
        orders
    }

    fn answer(
        &mut self,
        screen: Option<usize>,
        answer: Box<dyn Any + Send>,
        slices: &Slices<'_>,
    ) -> Vec<Order> {
        let answer = match answer.downcast::<Undid>() {
            Ok(undid) => return self.undid(*undid, slices),
            Err(answer) => answer,
        };
        if let Some(index) = screen {
            return self.tell(index, Message::Answer(answer), slices);
        }
        if let Ok(own) = answer.downcast::<Own>() {
            match *own {
                Own::Status(Ok(status)) => self.status = Some(status),
                Own::Status(Err(EngineError::Gone)) => {
                    self.say(
                        Severity::Error,
                        "the workspace is not served any more; start the console again".into(),
                    );
                }
                Own::Status(Err(_)) => {}
                Own::Completions(text, answer) => {
                    if let Overlay::Dialog(open, _) = &mut self.overlay
                        && open.text[..open.cursor] == text
                    {
                        open.completions = answer.unwrap_or_default();
                    }
                }
            }
        }
        Vec::new()
    }

    fn undid(&mut self, Undid(task, outcome): Undid, slices: &Slices<'_>) -> Vec<Order> {
        match outcome {
            Ok(()) => {
                self.say(Severity::Info, "the decision was taken back".into());
                self.tell(self.current, Message::Undone(task), slices)
            }
            Err(error) => {
                self.say(Severity::Error, format!("not taken back: {error}"));
                Vec::new()
            }
        }
    }

    fn key(&mut self, key: KeyEvent, slices: &Slices<'_>) -> Vec<Order> {
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
                Outcome::Answered(_, line) => {
                    let name = line.split_whitespace().next().unwrap_or_default();
                    let known = self.tables().iter().flat_map(|table| table.iter()).find(|a| a.name == name);
                    known.map(|a| a.name).map_or_else(Vec::new, |name| self.act(name, slices))
                }
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

    fn paste(&mut self, text: &str, _: &Slices<'_>) -> Vec<Order> {
        match &mut self.overlay {
            Overlay::Dialog(open, _) | Overlay::Palette(open) => open.paste(text),
            Overlay::None | Overlay::Help(_) => {}
        }
        self.complete()
    }

    fn complete(&mut self) -> Vec<Order> {
        let Overlay::Dialog(open, _) = &self.overlay else { return Vec::new() };
        if !open.completes() {
            return Vec::new();
        }
        let text = open.text[..open.cursor].to_string();
        let question = Complete { text: text.clone() };
        Self::own(vec![screen::ask("completions", question, move |answer| Own::Completions(text, answer))])
    }

    fn tables(&self) -> [&'static [Action]; 3] {
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
            return self.switch(number.saturating_sub(1), slices);
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
        let lines = self.tables().into_iter().flatten().map(|action| {
            let keys: Vec<String> = self.keymap.keys(action).iter().map(|key| shown(key)).collect();
            format!("{:<22} {} ({})", action.name, self.words(action), keys.join(" "))
        });
        Dialog::Choose { tag: "app.palette", title: "command".into(), options: lines.collect(), typed: false }
    }

    fn words(&self, action: &Action) -> String {
        let number = action.name.strip_prefix("go.").and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| self.screens.get(number - 1)) {
            Some(screen) => format!("to {}", screen.title()),
            None => action.help.to_string(),
        }
    }

    /// Asks only when it matters: the pipeline is this console's and has work in hand, or the screen has.
    fn quit(&mut self) {
        let runs_here = self.status.as_ref().is_some_and(|status| !status.attached && status.busy);
        let holds = self.screens.get(self.current).is_some_and(|screen| screen.holds_work());
        if !runs_here && !holds {
            self.ended = true;
            return;
        }
        let text = if runs_here {
            "The pipeline runs in this console and has work in hand; it goes on at the next start. Leave?"
        } else {
            "The case is not decided; it goes back to the queue. Leave?"
        };
        let dialog = Dialog::Confirm { tag: "app.quit", text: text.into() };
        self.overlay = Overlay::Dialog(Box::new(OpenDialog::new(dialog)), None);
    }

    fn mouse(&mut self, mouse: MouseEvent, slices: &Slices<'_>) -> Vec<Order> {
        match self.overlay {
            Overlay::None => {
                self.tell(self.current, Message::Mouse(mouse.kind, mouse.column, mouse.row), slices)
            }
            Overlay::Help(_) | Overlay::Dialog(..) | Overlay::Palette(_) => Vec::new(),
        }
    }

    /// Draws everything.
    pub fn draw(&self, canvas: &mut Canvas<'_>, slices: &Slices<'_>) {
        let area = canvas.buffer.area;
        canvas.clear(area);
        if area.height < 6 || area.width < 30 {
            canvas.text(0, 0, area.width, "gantry needs 30 × 6 cells", canvas.theme.text());
            return;
        }
        self.draw_header(canvas, Rect { height: 1, ..area });
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        self.height.set(body.height);
        let context = Context {
            now_ms: self.now_ms,
            status: self.status.as_ref(),
            graphics: self.graphics,
            slice: slices,
            height: body.height,
        };
        if let Some(screen) = self.screens.get(self.current) {
            screen.draw(canvas, body, &context);
        }
        self.draw_keys(canvas, Rect { y: area.bottom() - 1, height: 1, ..area });
        match &self.overlay {
            Overlay::None => {}
            Overlay::Help(skip) => self.draw_help(canvas, area, *skip),
            Overlay::Dialog(open, _) | Overlay::Palette(open) => open.draw(canvas, area),
        }
    }

    fn draw_header(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let theme = canvas.theme;
        let bar = Style::new().bg(theme.colour("surface"));
        canvas.restyle(area, bar);
        let Some(screen) = self.screens.get(self.current) else { return };
        let place = screen.place().map(|place| format!(" ▸ {place}")).unwrap_or_default();
        let wanted = (10 + screen.title().width() + place.width()) as u16;
        // What can be left out when the place needs the room, the least important last in the list.
        let full = self.header_parts(canvas.theme);
        let is_shown = |level: u8| full.iter().filter(move |(_, _, part)| *part <= level);
        let width_at = |level: u8| is_shown(level).map(|(text, ..)| text.width() as u16 + 2).sum::<u16>();
        let level = (0..=3).rev().find(|level| width_at(*level) + wanted < area.width).unwrap_or(0);
        let width = width_at(level);
        let mut x = area.right().saturating_sub(width);
        for (text, style, _) in is_shown(level) {
            canvas.text(x, area.y, area.right() - x, text, style.bg(theme.colour("surface")));
            x += text.width() as u16 + 2;
        }
        let room = area.width.saturating_sub(width + 1);
        let strong = theme.bold().bg(theme.colour("surface"));
        let plain = theme.text().bg(theme.colour("surface"));
        let accent = theme.style("accent").bg(theme.colour("surface")).add_modifier(Modifier::BOLD);
        canvas.spans(
            area.x,
            area.y,
            room,
            &[(" gantry", accent), (" ▸ ", plain), (screen.title(), strong), (&place, plain)],
        );
    }

    /// What stands at the right of the header line: text, style, and how readily it goes (0 never).
    fn header_parts(&self, theme: &super::theme::Theme) -> Vec<(String, Style, u8)> {
        let mut parts = Vec::new();
        if let Some(status) = &self.status {
            if status.errors > 0 {
                parts.push((format!("▲{}", status.errors), theme.severity(Severity::Error).1, 0));
            }
            if status.warnings > 0 {
                parts.push((format!("◆{}", status.warnings), theme.severity(Severity::Warning).1, 0));
            }
            let (shape, word, role) =
                if status.busy { ("●", "running", "ok") } else { ("○", "idle", "text_dim") };
            let word = if status.attached { format!("attached, {word}") } else { word.to_string() };
            parts.push((shape.into(), theme.style(role), 0));
            parts.push((word, theme.style(role), 1));
            parts.push((fit(&status.project, 24), theme.text(), 3));
            parts.push((fit(&format!("{}·{}", status.user, status.role), 24), theme.dim(), 2));
        }
        parts.push((words::clock(self.now_ms), theme.dim(), 1));
        parts
    }

    fn draw_keys(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let theme = canvas.theme;
        let Some(screen) = self.screens.get(self.current) else { return };
        let note = screen.note().unwrap_or_default();
        let noted = canvas.text_right(area.right() - 1, area.y, area.width / 2, &note, theme.dim());
        let room = area.width.saturating_sub(noted + 3);
        if let Some((severity, text, _)) = &self.message {
            let (shape, style) = theme.severity(*severity);
            canvas.spans(area.x + 1, area.y, room, &[(shape, style), (" ", style), (text, theme.text())]);
            return;
        }
        let mut x = area.x + 1;
        if let Some((_, text, until)) = &self.undo {
            let left = (until - self.now_ms).max(0) / 1000 + 1;
            let offer = format!("{text} · u takes it back ({left} s)  ");
            x += canvas.spans(x, area.y, room, &[("✓ ", theme.style("ok")), (&offer, theme.text())]);
        }
        let mut told: Vec<String> = Vec::new();
        for action in self.tables().into_iter().flatten().filter(|action| !action.brief.is_empty()) {
            let keys = self.keymap.keys(action);
            // A key that the screen has taken does nothing else.
            let taken = keys.iter().all(|key| told.contains(key));
            told.extend(keys);
            if taken || screen.refuses(action.name).is_some() {
                continue;
            }
            let Some(key) = self.keymap.keys(action).first().map(|key| shown(key)) else { continue };
            let width = (key.width() + action.brief.width() + 3) as u16;
            if x + width > area.x + room {
                break;
            }
            x += canvas.spans(
                x,
                area.y,
                width,
                &[
                    (&key, theme.style("accent")),
                    (" ", theme.text()),
                    (action.brief, theme.dim()),
                    ("  ", theme.text()),
                ],
            );
        }
    }

    fn draw_help(&self, canvas: &mut Canvas<'_>, area: Rect, skip: u16) {
        let Some(screen) = self.screens.get(self.current) else { return };
        let mut lines = vec![(String::new(), screen.title().to_string())];
        let describe = |action: &Action| {
            let keys: Vec<String> = self.keymap.keys(action).iter().map(|key| shown(key)).collect();
            let why = screen.refuses(action.name).map(|why| format!(" — now: {why}")).unwrap_or_default();
            (keys.join(" "), format!("{}{why}", self.words(action)))
        };
        lines.extend(screen.actions().iter().map(describe));
        lines.push((String::new(), String::new()));
        lines.push((String::new(), "everywhere".into()));
        lines.extend(COMMON.iter().map(describe));
        lines.extend(SCREENS.iter().take(self.screens.len()).map(describe));
        draw_help(canvas, area, "keys — j k to scroll, any other key to close", &lines, skip);
    }
}

/// Looks decoded slices up.
pub type Slices<'a> = dyn Fn(&FrameRef) -> Option<Decoded> + 'a;

fn ask_status() -> Effect {
    screen::ask("status", Status {}, Own::Status)
}
