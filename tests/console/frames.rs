//! Frames of every screen, compared with text files that a person has looked at (`UPDATE_SNAPSHOTS=1` rewrites them).

use std::path::Path;
use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use gantry::console::app::{App, Order, Signal};
use gantry::console::canvas::{Canvas, Pictures};
use gantry::console::image::{Decoded, Graphics, produce};
use gantry::console::keymap::Keymap;
use gantry::console::screen::Effect;
use gantry::console::theme::{Depth, Theme};
use gantry::console::widget::words;
use gantry::engine::Client;
use gantry::engine::query::FrameRef;
use gantry::model::ChangeKind;
use gantry::render::{Pixels, Slice};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::stub::{NOW, Stub};

/// A console whose threads are this one.
pub struct Driver {
    pub app: App,
    pub stub: Arc<Stub>,
    pub pictures: Pictures,
    pub loads: Vec<Vec<FrameRef>>,
    size: (u16, u16),
}

/// A disc that is brighter from slice to slice; slice 23 of any series cannot be decoded.
fn slice(frame: &FrameRef) -> Option<Decoded> {
    if frame.frame == 23 {
        return Some(Err("the pixels end too early".into()));
    }
    let value = |x: i32, y: i32| {
        if (x - 32).pow(2) + (y - 32).pow(2) < 400 { frame.frame as f32 * 10.0 } else { -1000.0 }
    };
    Some(Ok(Arc::new(Slice {
        columns: 64,
        rows: 64,
        pixels: Pixels::Grey((0..64).flat_map(|y| (0..64).map(move |x| value(x, y))).collect()),
        inverted: false,
        spacing_mm: Some([0.7, 0.7]),
        aspect: 1.0,
        orientation: Some([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        windows: Vec::new(),
        modality: "CT".into(),
        unit: "HU".into(),
    })))
}

impl Driver {
    pub fn new(stub: Stub, size: (u16, u16)) -> Self {
        words::use_zone(jiff::tz::TimeZone::UTC);
        let app = App::new(Keymap::default(), Graphics::default(), NOW);
        let mut driver =
            Self { app, stub: Arc::new(stub), pictures: Pictures::new(), loads: Vec::new(), size };
        let orders = driver.app.start(None, &slice);
        driver.carry_out(orders);
        driver
    }

    /// Does what the console wants done until it wants no more.
    fn carry_out(&mut self, orders: Vec<Order>) {
        let mut waiting: std::collections::VecDeque<Order> = orders.into();
        let mut done = 0;
        while let Some(Order { screen, effect }) = waiting.pop_front() {
            done += 1;
            assert!(done < 500, "the console asks without end");
            let client: &dyn Client = self.stub.as_ref();
            let (slot, answer) = match effect {
                Effect::Ask(slot, task) => (slot, task(client)),
                Effect::Act(task) | Effect::Run(task) => ("", task(client)),
                Effect::Load(frames) => {
                    self.loads.push(frames);
                    continue;
                }
                _ => continue,
            };
            waiting.extend(self.app.update(Signal::Answer { screen, slot, number: 0, answer }, &slice));
        }
    }

    pub fn input(&mut self, event: Event) {
        let orders = self.app.update(Signal::Input(event), &slice);
        self.carry_out(orders);
    }

    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            let code = match key {
                "enter" => KeyCode::Enter,
                "esc" => KeyCode::Esc,
                "tab" => KeyCode::Tab,
                "end" => KeyCode::End,
                "space" => KeyCode::Char(' '),
                key => KeyCode::Char(key.chars().next().unwrap()),
            };
            self.input(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
        }
        self
    }

    /// The workspace changed.
    pub fn changed(&mut self, what: ChangeKind) -> &mut Self {
        let orders = self.app.update(Signal::Changed(what), &slice);
        self.carry_out(orders);
        self
    }

    pub fn buffer(&mut self, theme: &Theme) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        for _ in 0..2 {
            buffer.reset();
            let mut canvas = Canvas::new(&mut buffer, theme, &self.pictures);
            self.app.draw(&mut canvas, &slice);
            for want in canvas.wanted {
                let shown = produce(&want, &self.app.graphics);
                self.pictures.insert(want.pane, shown);
            }
        }
        buffer
    }

    pub fn text(&mut self) -> String {
        let buffer = self.buffer(&Theme::named("dark", Depth::Full).unwrap());
        let mut text = String::new();
        for y in 0..self.size.1 {
            let line: String = (0..self.size.0).map(|x| buffer[(x, y)].symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs\n--- expected\n{expected}\n--- drawn\n{text}");
}

const SCREENS: [(&str, &str); 31] = [
    ("overview", ""),
    ("ingest", "2"),
    ("ingest-file", "2 enter"),
    ("ingest-confirm", "2 R"),
    ("ingest-masks", "2 enter m n"),
    ("catalog", "3"),
    ("catalog-filter", "3 /  m o d"),
    ("queue", "4"),
    ("review", "4 enter f"),
    ("review-reason", "4 enter x"),
    ("agreement", "6"),
    ("agreement-readers", "6 tab j"),
    ("agreement-said", "6 tab tab"),
    ("agreement-cases", "6 enter"),
    ("drift", "7"),
    ("drift-stable", "7 j j"),
    ("overview-figures", "tab j"),
    ("datasets", "8"),
    ("datasets-exports", "8 tab j"),
    ("datasets-withdrawn", "8 tab tab"),
    ("datasets-series", "8 enter j"),
    ("datasets-new", "8 n"),
    ("datasets-export", "8 e"),
    ("datasets-compare", "8 d j"),
    ("datasets-provenance", "8 p"),
    ("audit", "9"),
    ("work", "0 j j j"),
    ("work-say", "0 j s"),
    ("work-readers", "0 tab tab tab tab tab j"),
    ("help", "4 ?"),
    ("palette", "5 :"),
];

#[test]
fn every_screen_at_both_sizes() {
    for (width, height) in [(80, 24), (200, 60)] {
        for (name, keys) in SCREENS {
            let mut driver = Driver::new(Stub::default(), (width, height));
            let text = driver.press(keys).text();
            compare(&format!("{name}-{width}x{height}"), &text);
        }
    }
}

#[test]
fn empty_panes_say_what_would_fill_them() {
    let mut driver = Driver::new(Stub { empty: true, ..Stub::default() }, (80, 24));
    for (keys, words) in [
        ("2", "Nothing was quarantined or rejected"),
        ("3", "There are no series yet"),
        ("4", "No case waits"),
        ("5", "No case is open. Press n"),
        ("6", "No reads yet."),
        ("7", "nothing can drift"),
        ("8", "There is no snapshot yet."),
        ("0", "There is no plan."),
    ] {
        let text = driver.press(keys).text();
        assert!(text.contains(words), "{keys}: {text}");
    }
}

#[test]
fn no_frame_holds_a_control_character_or_overflows_at_any_size() {
    let theme = Theme::named("dark", Depth::Full).unwrap();
    for (width, height) in [(1, 1), (10, 3), (30, 6), (40, 12), (80, 24), (81, 25), (131, 33), (300, 90)] {
        for (_, keys) in SCREENS {
            let mut driver = Driver::new(Stub::default(), (width, height));
            driver.press(keys);
            let buffer = driver.buffer(&theme);
            for cell in &buffer.content {
                assert!(!cell.symbol().chars().any(gantry::model::text::is_control), "{:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn without_colour_nothing_is_lost() {
    let mut driver = Driver::new(Stub::default(), (80, 24));
    let coloured = driver.press("4").text();
    let plain = driver.buffer(&Theme::named("sixteen", Depth::None).unwrap());
    let reversed =
        plain.content.iter().filter(|c| c.modifier.contains(ratatui::style::Modifier::REVERSED)).count();
    assert!(coloured.contains('▲') && reversed >= 60, "the selected line is seen without colour: {reversed}");
}
