//! The render loop and the threads around it. The loop never waits for anything but the next message: questions,
//! decoding, painting, encoding and writing happen elsewhere.

use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use crossterm::event::{self, Event as Input, KeyCode, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::broadcast::error::RecvError;

use super::app::{App, Order, Signal};
use super::canvas::{Canvas, Pictures};
use super::image::{self, Graphics, Protocol, Question, Shown, SliceStore, Want};
use super::keymap::Keymap;
use super::screen::Effect;
use super::terminal::{Composer, Frame, Session, restore};
use super::theme::{Depth, Theme};
use super::worker::Workers;
use crate::engine::Client;
use crate::engine::query::{Door, FrameRef};
use crate::model::{Event, What};

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
    pub door: Option<Door>,
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
        spawn_input(sender.clone(), Arc::clone(&stop), graphics.answered)?;
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

    fn work(&mut self, door: Option<Door>) -> io::Result<()> {
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
            let answer = task(client.as_ref());
            let _ = sender.send(Inner::App(Signal::Answer { screen, slot, number, answer }));
        }
    }

    fn frame(&mut self) -> io::Result<()> {
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

/// OSC 52: the terminal puts the text on the clipboard, over SSH too.
fn clipboard(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = b"\x1b]52;c;".to_vec();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if digit > chunk.len() { b'=' } else { DIGITS[index] });
        }
    }
    out.push(7);
    out
}

fn spawn_writer(frames: Receiver<Vec<u8>>, sender: Sender<Inner>) -> io::Result<()> {
    let work = move || {
        while let Ok(bytes) = frames.recv() {
            let begun = Instant::now();
            let mut out = io::stdout().lock();
            let written = out.write_all(&bytes).and_then(|()| out.flush());
            drop(out);
            let gone = written.is_err();
            let message = if gone { Inner::App(Signal::Terminate) } else { Inner::Written(begun.elapsed()) };
            if sender.send(message).is_err() || gone {
                return;
            }
        }
    };
    thread::Builder::new().name("writer".into()).spawn(work).map(drop)
}

fn spawn_input(sender: Sender<Inner>, stop: Arc<AtomicBool>, answered: bool) -> io::Result<()> {
    let work = move || {
        // An answer to the question about graphics that comes too late looks like keys.
        let mut late = Late { expected: !answered, inside: false };
        while !stop.load(Ordering::SeqCst) {
            let input = match event::poll(Duration::from_millis(100)) {
                Ok(false) => continue,
                Ok(true) => event::read(),
                Err(error) => Err(error),
            };
            let signal = match input {
                Ok(input) if late.swallows(&input) => continue,
                Ok(input) => Signal::Input(input),
                Err(_) => Signal::Terminate,
            };
            let ends = matches!(signal, Signal::Terminate);
            if sender.send(Inner::App(signal)).is_err() || ends {
                return;
            }
        }
    };
    thread::Builder::new().name("input".into()).spawn(work).map(drop)
}

/// Swallows an application program command (`ESC _ … ESC \`) that arrives as keys.
struct Late {
    expected: bool,
    inside: bool,
}

impl Late {
    fn swallows(&mut self, input: &Input) -> bool {
        let Input::Key(key) = input else { return false };
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('_') if alt && self.expected => self.inside = true,
            KeyCode::Char('\\') if alt && self.inside => {
                (self.inside, self.expected) = (false, false);
                return true;
            }
            _ => {}
        }
        self.inside
    }
}

fn spawn_events(
    mut events: tokio::sync::broadcast::Receiver<Event>,
    sender: Sender<Inner>,
) -> io::Result<()> {
    let work = move || {
        loop {
            let mut changed = Vec::new();
            let mut note = |what: What| {
                if !changed.contains(&what) && changed.len() < 64 {
                    changed.push(what);
                }
            };
            match events.blocking_recv() {
                Ok(event) => note(event.what),
                Err(RecvError::Lagged(_)) => note(What::Idle),
                Err(RecvError::Closed) => return,
            }
            // A storm of events is one change for those who look at it.
            thread::sleep(Duration::from_millis(150));
            while let Ok(event) = events.try_recv() {
                note(match event.what {
                    What::Intake { .. } => What::Intake { files: 0 },
                    what => what,
                });
            }
            for what in changed {
                if sender.send(Inner::App(Signal::Changed(what))).is_err() {
                    return;
                }
            }
        }
    };
    thread::Builder::new().name("events".into()).spawn(work).map(drop)
}

fn spawn_signals(sender: Sender<Inner>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let work = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
            let [Ok(mut term), Ok(mut hang), Ok(mut interrupt)] = kinds.map(signal) else { return };
            tokio::select! { _ = term.recv() => {} _ = hang.recv() => {} _ = interrupt.recv() => {} }
            let _ = sender.send(Inner::App(Signal::Terminate));
        });
    };
    thread::Builder::new().name("signals".into()).spawn(work).map(drop)
}

type PanicHook = Box<dyn Fn(&std::panic::PanicHookInfo<'_>) + Sync + Send + 'static>;

/// While the console runs, a panic is told after the terminal is restored: at once when the render loop fails, at the
/// end when a worker did.
struct Hook {
    told: Arc<Mutex<Vec<String>>>,
    before: Arc<PanicHook>,
}

impl Hook {
    fn install() -> Self {
        let before = Arc::new(std::panic::take_hook());
        let told = Arc::new(Mutex::new(Vec::new()));
        let (render, list, tell) = (thread::current().id(), Arc::clone(&told), Arc::clone(&before));
        std::panic::set_hook(Box::new(move |info| {
            if thread::current().id() == render {
                restore();
                tell(info);
            } else {
                list.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }));
        Self { told, before }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if !thread::panicking() {
            let before = Arc::clone(&self.before);
            std::panic::set_hook(Box::new(move |info| before(info)));
        }
        for line in self.told.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(io::stderr(), "gantry: {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyEvent;

    use super::*;

    #[test]
    fn clipboard_text_is_base64() {
        assert_eq!(clipboard("abcd"), b"\x1b]52;c;YWJjZA==\x07");
        assert_eq!(clipboard("abc"), b"\x1b]52;c;YWJj\x07");
    }

    #[test]
    fn late_answer_is_no_key() {
        let mut late = Late { expected: true, inside: false };
        let key = |c, modifiers| Input::Key(KeyEvent::new(KeyCode::Char(c), modifiers));
        assert!(!late.swallows(&key('a', KeyModifiers::NONE)));
        assert!(late.swallows(&key('_', KeyModifiers::ALT)));
        assert!(late.swallows(&key('a', KeyModifiers::NONE)));
        assert!(late.swallows(&key('\\', KeyModifiers::ALT)));
        assert!(!late.swallows(&key('a', KeyModifiers::NONE)));
    }
}
