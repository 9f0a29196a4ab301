//! The render loop and the threads around it. The loop never waits for anything but the next message: questions,
//! decoding, painting, encoding and writing happen elsewhere.

mod hook;
mod input;
mod threads;

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use crossterm::event::Event as Input;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{App, Order, Signal};
use super::canvas::{Canvas, Pictures};
use super::image::{self, Graphics, Protocol, Question, Shown, SliceStore, Want};
use super::keymap::Keymap;
use super::screen::Effect;
use super::terminal::{Composer, Frame, Session, clipboard};
use super::theme::{Depth, Theme};
use super::worker::Workers;
use crate::engine::Client;
use crate::engine::query::{DeepLink, FrameRef};
use hook::{Hook, provoke};
use threads::{spawn_events, spawn_signals, spawn_writer};

/// Pixels of decoded slices in memory beside those on screen.
const SLICE_BYTES: usize = 512 << 20;
/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(10);
/// Keys that come faster than this repeat.
const REPEAT: Duration = Duration::from_millis(160);
/// A picture that takes longer than this to paint or to send is rough while keys repeat.
const SLOW: Duration = Duration::from_millis(45);

/// How the console is to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Send pictures this way whatever the terminal says.
    pub protocol: Option<Protocol>,
    /// A theme's name, `dark` when empty.
    pub theme: String,
    /// A theme as TOML, instead of a name.
    pub theme_toml: Option<String>,
    /// Keys that the configuration changed: action → keys.
    pub keys: HashMap<String, Vec<String>>,
    /// Where to begin.
    pub door: Option<DeepLink>,
}

enum Inner {
    App(Signal),
    Painted(Shown, Duration),
    Written(Duration),
}

/// Runs the console until the user leaves.
///
/// # Errors
/// The terminal is none or cannot be used; the theme or the keys are not valid; a defect (the terminal is restored).
pub fn run(client: Arc<dyn Client>, options: Options) -> io::Result<()> {
    let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
    let depth = Depth::from_env(|name| std::env::var(name).ok());
    let theme = match (&options.theme_toml, options.theme.as_str()) {
        (Some(text), _) => Theme::parse(text, depth),
        (None, "") => Theme::named(if depth <= Depth::Sixteen { "sixteen" } else { "dark" }, depth),
        (None, name) => Theme::named(name, depth),
    }
    .map_err(|error| invalid(error.to_string()))?;
    let keymap = Keymap::new(options.keys, &App::actions()).map_err(|error| invalid(error.to_string()))?;

    let hook = Hook::install();
    let session = Session::enter()?;
    let question = Question { protocol: options.protocol, ..Question::default() };
    let graphics = image::detect(&question);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut runtime = Runtime::new(client, theme, keymap, graphics)?;
        runtime.work(options.door)
    }));
    drop(session);
    drop(hook);
    match result {
        Ok(result) => result,
        Err(_) => Err(io::Error::other("the console failed; this is a defect of Gantry")),
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

struct Runtime {
    client: Arc<dyn Client>,
    app: App,
    theme: Theme,
    composer: Composer,
    slices: SliceStore,
    pictures: Pictures,
    painting: HashMap<&'static str, (u64, ratatui::layout::Size, bool)>,
    questions: Workers,
    acts: Workers,
    long: Workers,
    painters: Workers,
    latest: HashMap<(Option<usize>, &'static str), u64>,
    number: u64,
    pending: usize,
    sender: Sender<Inner>,
    receiver: Receiver<Inner>,
    writer: Sender<Vec<u8>>,
    writing: bool,
    extra: Vec<u8>,
    size: (u16, u16),
    pace: Pace,
    stop: Arc<AtomicBool>,
}

/// How fast keys come and pictures go.
struct Pace {
    last_key: Option<Instant>,
    repeats: bool,
    slow: bool,
}

impl Pace {
    fn key(&mut self) {
        let now = Instant::now();
        self.repeats = self.last_key.is_some_and(|last| now - last < REPEAT);
        self.last_key = Some(now);
    }

    fn is_coarse(&self) -> bool {
        self.slow && self.repeats && self.last_key.is_some_and(|last| last.elapsed() < REPEAT)
    }
}

impl Runtime {
    fn new(client: Arc<dyn Client>, theme: Theme, keymap: Keymap, graphics: Graphics) -> io::Result<Self> {
        let (sender, receiver) = bounded(4096);
        let (writer, to_write) = bounded::<Vec<u8>>(1);
        let stop = Arc::new(AtomicBool::new(false));
        spawn_writer(to_write, sender.clone())?;
        input::spawn(sender.clone(), Arc::clone(&stop), graphics.answered)?;
        spawn_events(client.subscribe(), sender.clone())?;
        spawn_signals(sender.clone())?;
        let ready = {
            let sender = sender.clone();
            // Where the loop is behind, it will look at what is decoded anyhow.
            move || drop(sender.try_send(Inner::App(Signal::Slice)))
        };
        let slices = SliceStore::new(&client, 2, SLICE_BYTES, ready);
        Ok(Self {
            app: App::new(keymap, graphics, now_ms()),
            composer: Composer::new(theme.depth),
            theme,
            slices,
            pictures: Pictures::new(),
            painting: HashMap::new(),
            questions: Workers::new("questions", 2)?,
            acts: Workers::new("acts", 1)?,
            long: Workers::new("long work", 2)?,
            painters: Workers::new("painters", 1)?,
            latest: HashMap::new(),
            number: 0,
            pending: 0,
            sender,
            receiver,
            writer,
            writing: false,
            extra: Vec::new(),
            size: crossterm::terminal::size()?,
            pace: Pace { last_key: None, repeats: false, slow: false },
            stop,
            client,
        })
    }

    fn work(&mut self, door: Option<DeepLink>) -> io::Result<()> {
        let orders = self.app.start(door, &|frame: &FrameRef| self.slices.get(frame));
        self.carry_out(orders);
        let (mut dirty, mut last_frame, mut last_tick) = (true, Instant::now(), Instant::now());
        while !self.app.ended {
            let wait = self.wait(dirty, last_frame, last_tick);
            match self.receiver.recv_timeout(wait) {
                Ok(inner) => dirty |= self.take(inner),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // What has come in the meantime belongs into the same frame.
            for _ in 0..4096 {
                let Ok(inner) = self.receiver.try_recv() else { break };
                dirty |= self.take(inner);
            }
            if last_tick.elapsed() >= self.tick() {
                last_tick = Instant::now();
                dirty |= self.take(Inner::App(Signal::Tick));
            }
            if dirty && !self.writing && last_frame.elapsed() >= FRAME {
                self.frame()?;
                (dirty, last_frame) = (false, Instant::now());
            }
        }
        self.leave();
        Ok(())
    }

    /// What the user held goes back before the console ends.
    fn leave(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let orders = self.app.leave(&|frame: &FrameRef| self.slices.get(frame));
        for order in orders {
            if let Effect::Act(task) = order.effect {
                drop(task(self.client.as_ref()));
            }
        }
    }

    /// How often time passes.
    fn tick(&self) -> Duration {
        if self.app.moves() {
            Duration::from_millis(40)
        } else if self.app.is_animated() || self.pending > 0 || self.pace.is_coarse() {
            Duration::from_millis(100)
        } else {
            Duration::from_secs(1)
        }
    }

    fn wait(&self, dirty: bool, last_frame: Instant, last_tick: Instant) -> Duration {
        let tick = self.tick().saturating_sub(last_tick.elapsed());
        if dirty && !self.writing { tick.min(FRAME.saturating_sub(last_frame.elapsed())) } else { tick }
    }

    /// Takes a message in; whether the screen may have changed.
    fn take(&mut self, inner: Inner) -> bool {
        match inner {
            Inner::Written(took) => {
                self.writing = false;
                if took > SLOW {
                    self.pace.slow = true;
                }
                false
            }
            Inner::Painted(shown, took) => {
                self.painting.remove(shown.pane);
                if !shown.coarse {
                    self.pace.slow = took > SLOW;
                }
                if shown.picture.is_some() || !self.pictures.contains_key(shown.pane) {
                    self.pictures.insert(shown.pane, shown);
                }
                true
            }
            Inner::App(signal) => {
                if !self.is_current(&signal) {
                    return false;
                }
                self.app.now_ms = now_ms();
                if let Signal::Input(Input::Resize(columns, rows)) = signal {
                    self.resize(columns, rows);
                }
                if matches!(signal, Signal::Input(Input::Key(_))) {
                    self.pace.key();
                }
                let orders = self.app.update(signal, &|frame: &FrameRef| self.slices.get(frame));
                self.carry_out(orders);
                true
            }
        }
    }

    /// Answers to questions that were asked anew since are dropped.
    fn is_current(&mut self, signal: &Signal) -> bool {
        let Signal::Answer { screen, slot, number, .. } = signal else { return true };
        self.pending = self.pending.saturating_sub(1);
        slot.is_empty() || self.latest.get(&(*screen, *slot)) == Some(number)
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.size = (columns, rows);
        let pixels = crossterm::terminal::window_size().ok();
        if let Some(size) = pixels.filter(|size| size.width > 0 && size.height > 0) {
            let cell = (size.width / size.columns.max(1), size.height / size.rows.max(1));
            if cell.0 > 1 && cell.1 > 1 {
                self.app.graphics.cell_px = cell;
            }
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        for Order { screen, effect } in orders {
            match effect {
                Effect::Ask(slot, task) => {
                    self.number += 1;
                    self.latest.insert((screen, slot), self.number);
                    let name = format!("{screen:?} {slot}");
                    let job = self.job(screen, slot, task);
                    self.questions.submit(&name, job);
                }
                Effect::Act(task) => {
                    self.number += 1;
                    let name = self.number.to_string();
                    let job = self.job(screen, "", task);
                    self.acts.submit(&name, job);
                }
                Effect::Run(task) => {
                    self.number += 1;
                    let name = self.number.to_string();
                    let job = self.job(screen, "", task);
                    self.long.submit(&name, job);
                }
                Effect::Load(frames) => self.slices.want(frames),
                Effect::Copy(text) => self.extra.extend(clipboard(&text)),
                Effect::Go(_)
                | Effect::Back
                | Effect::Say(..)
                | Effect::Decided { .. }
                | Effect::Dialog(_) => {}
            }
        }
    }

    fn job(
        &mut self,
        screen: Option<usize>,
        slot: &'static str,
        task: super::screen::Task,
    ) -> impl FnOnce() + Send + 'static {
        self.pending += 1;
        let (client, sender, number) = (Arc::clone(&self.client), self.sender.clone(), self.number);
        move || {
            provoke("worker");
            let answer = task(client.as_ref());
            let _ = sender.send(Inner::App(Signal::Answer { screen, slot, number, answer }));
        }
    }

    fn frame(&mut self) -> io::Result<()> {
        if self.app.is_answered() {
            provoke("render");
        }
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let mut buffer = Buffer::empty(area);
        let mut canvas = Canvas::new(&mut buffer, &self.theme, &self.pictures);
        canvas.coarse = self.pace.is_coarse();
        self.app.now_ms = now_ms();
        self.app.draw(&mut canvas, &|frame: &FrameRef| self.slices.get(frame));
        let (placements, wanted, cursor) = (canvas.placements, canvas.wanted, canvas.cursor);
        for want in wanted {
            self.paint(want);
        }
        if std::mem::take(&mut self.app.redraw) {
            self.composer.forget();
        }
        let mut bytes = self.composer.compose(Frame { buffer, placements, cursor })?;
        bytes.append(&mut self.extra);
        if !bytes.is_empty() {
            self.writing = self.writer.send(bytes).is_ok();
        }
        Ok(())
    }

    fn paint(&mut self, want: Want) {
        let key = (want.content, want.size, want.coarse);
        if self.painting.get(want.pane) == Some(&key) {
            return;
        }
        self.painting.insert(want.pane, key);
        let (sender, graphics) = (self.sender.clone(), self.app.graphics);
        self.painters.submit(want.pane, move || {
            let begun = Instant::now();
            let shown = image::produce(&want, &graphics);
            let _ = sender.send(Inner::Painted(shown, begun.elapsed()));
        });
    }
}
