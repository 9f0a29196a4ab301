//! The console as a state: which screen is shown, what lies over it, what stands in the lines around it.

mod draw;
mod keys;

use std::any::Any;

use crossterm::event::{Event as Input, KeyEventKind};

use super::dialog::OpenDialog;
use super::image::{Decoded, Graphics};
use super::keymap::{Action, COMMON, Keymap, action};
use super::screen::{self, Context, Effect, Effects, Message, Screen};
use crate::engine::EngineError;
use crate::engine::command::Decision;
use crate::engine::query::{DeepLink, FrameRef, Severity, Status, StatusView};
use crate::model::ChangeKind;

/// How long a decision can be taken back with one key.
const UNDO_MS: i64 = 10_000;
/// How long a message stands.
const MESSAGE_MS: i64 = 6_000;

/// Number keys and names of screens, as actions.
const SCREENS: &[Action] = &[
    action("go.1", &["1"], "", "to screen 1"),
    action("go.2", &["2"], "", "to screen 2"),
    action("go.3", &["3"], "", "to screen 3"),
    action("go.4", &["4"], "", "to screen 4"),
    action("go.5", &["5"], "", "to screen 5"),
    action("go.6", &["6"], "", "to screen 6"),
    action("go.7", &["7"], "", "to screen 7"),
    action("go.8", &["8"], "", "to screen 8"),
    action("go.9", &["9"], "", "to screen 9"),
    action("go.0", &["0"], "", "to screen 0"),
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
    Changed(ChangeKind),
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
        let own = screen::all().into_iter().flat_map(|screen| screen.tables().concat());
        own.chain(COMMON.iter().copied()).chain(SCREENS.iter().copied()).collect()
    }

    /// Shows the first screen, or the one that `door` leads to.
    pub fn start(&mut self, door: Option<DeepLink>, slices: &Slices<'_>) -> Vec<Order> {
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

    /// The workspace has answered: more than an empty frame was drawn.
    pub fn is_answered(&self) -> bool {
        self.status.is_some()
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

    /// Whether the user's roles allow a screen; before they are known, every one.
    fn is_offered(&self, screen: &dyn Screen) -> bool {
        self.status
            .as_ref()
            .is_none_or(|status| status.may.is_empty() || status.may.contains(&screen.needs()))
    }

    /// Says for whom a screen is that the user's roles do not allow; whether there was something to say.
    fn refused(&mut self, index: usize) -> bool {
        let Some(screen) = self.screens.get(index).filter(|screen| !self.is_offered(&***screen)) else {
            return false;
        };
        let roles: Vec<&str> = screen.needs().roles().into_iter().map(|role| role.as_str()).collect();
        let text = format!("{} is for the role {}", screen.title(), roles.join(" or "));
        self.say(Severity::Info, text);
        true
    }

    /// Goes from a screen that turns out to be for others to the first that is not.
    fn leave_forbidden(&mut self, slices: &Slices<'_>) -> Vec<Order> {
        if self.screens.get(self.current).is_none_or(|screen| self.is_offered(&**screen)) {
            return Vec::new();
        }
        let offered = self.screens.iter().find(|screen| self.is_offered(&***screen));
        let Some(digit) = offered.map(|screen| screen.digit()) else { return Vec::new() };
        let orders = self.switch(digit, slices);
        self.trail.clear();
        orders
    }

    fn go(&mut self, door: DeepLink, slices: &Slices<'_>) -> Vec<Order> {
        let Some(index) = self.screens.iter().position(|screen| screen.name() == door.screen) else {
            self.say(Severity::Warning, format!("there is no screen {}", door.screen));
            return Vec::new();
        };
        if self.refused(index) {
            return Vec::new();
        }
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

    fn switch(&mut self, digit: usize, slices: &Slices<'_>) -> Vec<Order> {
        let Some(index) = self.screens.iter().position(|screen| screen.digit() == digit) else {
            self.say(Severity::Info, format!("no screen has the number {digit}"));
            return Vec::new();
        };
        if index == self.current || self.refused(index) {
            return Vec::new();
        }
        // What was said on another screen does not stand in the way of this one's keys.
        self.message = None;
        let mut orders = self.tell(self.current, Message::Leave, slices);
        self.trail.push(self.current);
        self.current = index;
        orders.extend(self.tell(index, Message::Enter(None), slices));
        orders
    }

    fn back(&mut self, slices: &Slices<'_>) -> Vec<Order> {
        let Some(index) = self.trail.pop() else { return Vec::new() };
        self.message = None;
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
                Own::Status(Ok(status)) => {
                    self.status = Some(status);
                    return self.leave_forbidden(slices);
                }
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
}

/// Looks decoded slices up.
pub type Slices<'a> = dyn Fn(&FrameRef) -> Option<Decoded> + 'a;

fn ask_status() -> Effect {
    screen::ask("status", Status {}, Own::Status)
}
