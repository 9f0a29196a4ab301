//! Screens: each owns its state, changes it by messages alone, and draws it. One line in [`all`] registers one.

mod agreement;
mod audit;
mod catalog;
mod datasets;
mod drift;
mod form;
mod ingest;
mod overview;
mod question;
mod queue;
mod review;
mod work;

use std::any::Any;

use crossterm::event::MouseEventKind;

use super::canvas::Canvas;
use super::image::{Decoded, Graphics};
use super::keymap::Action;
use crate::access::Permission;
use crate::engine::command::{Decision, UndoDecision};
use crate::engine::query::{DeepLink, FrameRef, Severity, StatusView};
use crate::engine::{Act, Client, EngineError, Question};
use crate::model::ChangeKind;

/// Every screen, in the order of their digits.
pub fn all() -> Vec<Box<dyn Screen>> {
    vec![
        Box::new(overview::Overview::default()),
        Box::new(ingest::Ingest::default()),
        Box::new(catalog::Catalog::default()),
        Box::new(queue::Queue::default()),
        Box::new(review::Review::default()),
        Box::new(agreement::Agreement::default()),
        Box::new(drift::Drift::default()),
        Box::new(datasets::Datasets::default()),
        Box::new(audit::Audit::default()),
        Box::new(work::Work::default()),
    ]
}

/// Where a screen stands within itself: its filter, then what is open.
fn place(filter: &str, open: Option<String>) -> Option<String> {
    let filter = (!filter.is_empty()).then(|| filter.to_string());
    let parts: Vec<String> = filter.into_iter().chain(open).collect();
    (!parts.is_empty()).then(|| parts.join(" ▸ "))
}

/// A screen.
pub trait Screen {
    /// Its name in doors and configuration, such as `ingest`.
    fn name(&self) -> &'static str;
    /// The digit that leads to it; the same for good, whatever screens come.
    fn digit(&self) -> usize;
    /// Its name for people.
    fn title(&self) -> &'static str;
    /// What one must be allowed for the screen to show anything.
    fn needs(&self) -> Permission {
        Permission::SeeImages
    }
    /// Where in the screen the user is, for the header line.
    fn place(&self) -> Option<String> {
        None
    }
    /// What its keys do, the most useful first.
    fn actions(&self) -> &'static [Action];
    /// Every table of keys that it has, now or at other times.
    fn tables(&self) -> Vec<&'static [Action]> {
        vec![self.actions()]
    }
    /// Why an action cannot be done now, in a person's words.
    fn refuses(&self, action: &str) -> Option<String> {
        let _ = action;
        None
    }
    /// What the key line says of an action now.
    fn brief(&self, action: &Action) -> &'static str {
        action.brief
    }
    /// What stands at the right end of the key line, such as `12 left`.
    fn note(&self) -> Option<String> {
        None
    }
    /// Something is done here that leaving would lose.
    fn holds_work(&self) -> bool {
        false
    }
    /// It moves by itself.
    fn moves(&self) -> bool {
        false
    }
    /// Something happened; changes the state and says what is to be done.
    fn update(&mut self, message: Message, context: &Context<'_>) -> Effects;
    /// Draws the state.
    fn draw(&self, canvas: &mut Canvas<'_>, area: ratatui::layout::Rect, context: &Context<'_>);
}

/// What a screen may know beside its own state.
pub struct Context<'a> {
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// Who and what.
    pub status: Option<&'a StatusView>,
    /// How pictures are shown.
    pub graphics: Graphics,
    /// Decoded slices.
    pub slice: &'a dyn Fn(&FrameRef) -> Option<Decoded>,
    /// Cells of the screen's area at the last drawing.
    pub height: u16,
}

/// Something that happened.
pub enum Message {
    /// The screen is shown, maybe through a door.
    Enter(Option<DeepLink>),
    /// Another screen is shown.
    Leave,
    /// The console ends; only acts are still carried out.
    End,
    /// A key or the palette asks for an action.
    Action(&'static str),
    /// The answer to what this screen asked: its own type.
    Answer(Box<dyn Any + Send>),
    /// The workspace changed.
    Changed(ChangeKind),
    /// A dialog was answered.
    Dialog(&'static str, String),
    /// A slice was decoded.
    Slice,
    /// The mouse did something at a cell.
    Mouse(MouseEventKind, u16, u16),
    /// A decision was taken back.
    Undone(i64),
    /// Time has passed (about ten times a second while something moves).
    Tick,
}

/// What a screen wants done.
pub enum Effect {
    /// Ask the engine; a later question in the same slot replaces it.
    Ask(&'static str, Task),
    /// Have the engine act.
    Act(Task),
    /// Have the engine do something that takes long, beside its acts.
    Run(Task),
    /// Go to another screen.
    Go(DeepLink),
    /// Go back.
    Back,
    /// Say something on the last line.
    Say(Severity, String),
    /// A decision was made that can be taken back for ten seconds.
    Decided {
        /// The task.
        task: i64,
        /// What was decided.
        decision: Decision,
    },
    /// Ask the user.
    Dialog(Dialog),
    /// Put text on the clipboard.
    Copy(String),
    /// Decode these slices in this order.
    Load(Vec<FrameRef>),
}

/// What a screen wants done, in order.
pub type Effects = Vec<Effect>;

/// Work with the engine on a worker thread; its result comes back as [`Message::Answer`].
pub type Task = Box<dyn FnOnce(&dyn Client) -> Box<dyn Any + Send> + Send>;

/// A question to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialog {
    /// Yes or no, in one line that says what will happen to how many.
    Confirm {
        /// Comes back with the answer.
        tag: &'static str,
        /// The question.
        text: String,
    },
    /// A line of text.
    Input {
        /// Comes back with the answer.
        tag: &'static str,
        /// What is asked for.
        title: String,
        /// What stands there at first.
        text: String,
        /// Offer completions of the query language.
        complete: bool,
        /// Words to offer besides.
        offers: Vec<String>,
    },
    /// One of a list, or a typed text.
    Choose {
        /// Comes back with the answer.
        tag: &'static str,
        /// What is asked for.
        title: String,
        /// What to choose from.
        options: Vec<String>,
        /// A text that is in no list will do.
        typed: bool,
    },
}

/// Asks the user for a line of text; `text` stands there at first.
pub fn input(tag: &'static str, title: &str, text: &str) -> Effect {
    Effect::Dialog(Dialog::Input {
        tag,
        title: title.into(),
        text: text.into(),
        complete: false,
        offers: Vec::new(),
    })
}

/// Asks a question whose answer comes back as what `wrap` makes of it.
pub fn ask<Q: Question, M: Any + Send>(
    slot: &'static str,
    question: Q,
    wrap: impl FnOnce(Result<Q::Answer, EngineError>) -> M + Send + 'static,
) -> Effect {
    Effect::Ask(slot, Box::new(move |client| Box::new(wrap(client.ask(question)))))
}

/// Acts; the outcome comes back as what `wrap` makes of it.
pub fn act<A: Act, M: Any + Send>(
    command: A,
    wrap: impl FnOnce(Result<A::Outcome, EngineError>) -> M + Send + 'static,
) -> Effect {
    Effect::Act(Box::new(move |client| Box::new(wrap(client.act(command)))))
}

/// Takes a decision back.
pub fn undo(task: i64) -> Effect {
    act(UndoDecision { task }, move |outcome| super::app::Undid(task, outcome))
}

/// Something that is asked for: keeps the old content while new is on its way.
#[derive(Debug, Clone)]
pub struct Loadable<T> {
    /// What came last.
    pub value: Option<T>,
    /// Why nothing came.
    pub error: Option<EngineError>,
    /// Since when it is waited for, in milliseconds since 1970.
    pub since_ms: Option<i64>,
}

impl<T> Default for Loadable<T> {
    fn default() -> Self {
        Self { value: None, error: None, since_ms: None }
    }
}

impl<T> Loadable<T> {
    /// It was asked for.
    pub fn wait(&mut self, now_ms: i64) {
        self.since_ms.get_or_insert(now_ms);
    }

    /// It came.
    pub fn set(&mut self, answer: Result<T, EngineError>) {
        self.since_ms = None;
        match answer {
            Ok(value) => (self.value, self.error) = (Some(value), None),
            Err(error) => self.error = Some(error),
        }
    }

    /// Whether the user's roles do not allow what was asked.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.error, Some(EngineError::Forbidden { .. }))
    }

    /// Whether the wait is long enough to be shown.
    pub fn is_slow(&self, now_ms: i64) -> bool {
        self.since_ms.is_some_and(|since| now_ms - since > 150)
    }
}

/// A spinner for a pane that waits.
pub fn spinner(now_ms: i64) -> &'static str {
    ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"][(now_ms / 100).rem_euclid(8) as usize]
}

/// Draws what stands in place of content: an error and what to do, a spinner, or how the pane is filled.
pub fn draw_absent<T>(
    canvas: &mut Canvas<'_>,
    area: ratatui::layout::Rect,
    what: &Loadable<T>,
    context: &Context<'_>,
    empty: &str,
) {
    match &what.error {
        // Asking again does not help: the role is what is missing.
        Some(error @ EngineError::Forbidden { .. }) => canvas.empty(area, &format!("not for you: {error}")),
        Some(error) => canvas.empty(area, &format!("▲ {error} — press r to ask again")),
        None if what.value.is_none() && what.since_ms.is_none() => {}
        None if what.value.is_none() => {
            if what.is_slow(context.now_ms) {
                canvas.empty(area, &format!("{} asking the workspace", spinner(context.now_ms)));
            }
        }
        None => canvas.empty(area, empty),
    }
}
