//! Pictures on a terminal: RGB from `render` becomes sixel, kitty, iTerm2 or half-blocks, off the render loop.

mod blocks;
mod detect;
mod sixel;
mod store;

pub use detect::{Graphics, Protocol, Question, detect, parse_reply};
pub use sixel::encode as encode_sixel;
pub use store::{Decoded, SliceStore};

use std::fmt::Write as _;
use std::sync::Arc;

use image::{DynamicImage, RgbImage};
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;
use ratatui::widgets::Widget;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;

use super::theme::Depth;
use crate::render::{LabelMask, Labels, Look, Rgb, Slice, Target, Window, compose};

/// Opacity of labels, so that what they lie on is seen through them.
const LABEL_FILL: f32 = 0.25;

/// Draws itself into a target; `None` when there is nothing to draw yet.
pub type Painter = Arc<dyn Fn(&Target) -> Option<Rgb> + Send + Sync>;

/// A picture that a screen wants at a place.
#[derive(Clone)]
pub struct Want {
    /// The place: a picture replaces the one before it at the same place.
    pub pane: &'static str,
    /// Cells to fill.
    pub size: Size,
    /// Identifies what is drawn; the same number gives the same picture.
    pub content: u64,
    /// Quick and rough, while keys repeat.
    pub coarse: bool,
    /// Draws it.
    pub painter: Painter,
}

impl Want {
    /// Whether `other` shows the same in the same size, no rougher.
    pub fn is_met_by(&self, other: &Shown) -> bool {
        self.content == other.content && self.size == other.size && (self.coarse || !other.coarse)
    }
}

/// A picture ready for the terminal.
#[derive(Clone)]
pub struct Shown {
    /// The place.
    pub pane: &'static str,
    /// Cells it fills.
    pub size: Size,
    /// What is drawn.
    pub content: u64,
    /// It is rough.
    pub coarse: bool,
    /// In the terminal's protocol; `None` when there was nothing to draw.
    pub picture: Option<Arc<Picture>>,
}

/// An encoded picture.
pub enum Picture {
    /// Two pixels a cell.
    Blocks(blocks::Blocks),
    /// An escape sequence that paints over the cells (sixel, iTerm2).
    Sequence(String),
    /// Unicode placeholders, and the data that goes before them once.
    Kitty(Box<ratatui_image::protocol::Protocol>),
}

impl Picture {
    /// Puts the picture's cells into the buffer; a sequence only reserves them.
    pub fn place(&self, area: Rect, buffer: &mut Buffer, depth: Depth) {
        match self {
            Self::Blocks(blocks) => blocks.place(area, buffer, depth),
            Self::Kitty(protocol) => ratatui_image::Image::new(protocol).render(area, buffer),
            Self::Sequence(_) => {
                for position in area.intersection(buffer.area).positions() {
                    buffer[position].reset();
                    buffer[position].set_diff_option(CellDiffOption::Skip);
                }
            }
        }
    }
}

/// The pixels that a place of this many cells has under a protocol.
pub fn target(graphics: &Graphics, size: Size, coarse: bool) -> Target {
    let (cell_width, cell_height) = graphics.cell_px;
    let (columns, rows) = (u32::from(size.width), u32::from(size.height));
    if graphics.protocol == Protocol::HalfBlocks {
        let aspect = f64::from(cell_height) / 2.0 / f64::from(cell_width.max(1));
        return Target { width: columns, height: rows * 2, aspect };
    }
    let (width, height) = (columns * u32::from(cell_width), rows * u32::from(cell_height));
    let shrink = if coarse { 2 } else { 1 };
    Target { width: (width / shrink).max(1), height: (height / shrink).max(1), aspect: 1.0 }
}

/// Paints and encodes: for a worker thread.
pub fn produce(want: &Want, graphics: &Graphics) -> Shown {
    let target = target(graphics, want.size, want.coarse);
    let picture = (want.painter)(&target).and_then(|image| encode(&image, want, graphics)).map(Arc::new);
    Shown { pane: want.pane, size: want.size, content: want.content, coarse: want.coarse, picture }
}

/// Grey levels of a rough picture.
const COARSE_GREYS: usize = 32;

fn encode(image: &Rgb, want: &Want, graphics: &Graphics) -> Option<Picture> {
    match graphics.protocol {
        Protocol::HalfBlocks => Some(Picture::Blocks(blocks::Blocks::new(image))),
        Protocol::Sixel => {
            let registers = if want.coarse { COARSE_GREYS } else { graphics.registers };
            let full = (
                u32::from(want.size.width * graphics.cell_px.0),
                u32::from(want.size.height * graphics.cell_px.1),
            );
            let doubled = if want.coarse { Some(double(image, full)) } else { None };
            let sixel = sixel::encode(doubled.as_ref().unwrap_or(image), registers.min(graphics.registers));
            Some(Picture::Sequence(format!("{}{sixel}", clear(want.size))))
        }
        Protocol::Iterm2 => {
            let iterm2 = Iterm2::new(dynamic(image)?, want.size, false).ok()?;
            Some(Picture::Sequence(iterm2.data))
        }
        Protocol::Kitty => {
            let id = kitty_id(want);
            let kitty = Kitty::new(dynamic(image)?, want.size, id, false, graphics.compresses).ok()?;
            Some(Picture::Kitty(Box::new(ratatui_image::protocol::Protocol::Kitty(kitty))))
        }
    }
}

/// Two identifiers for each place in turn: the terminal keeps no more than two pictures of it.
fn kitty_id(want: &Want) -> u32 {
    let place = want
        .pane
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (place & 0x00ff_fffe) | (want.content as u32 & 1) | u32::from(want.coarse) << 24
}

fn dynamic(image: &Rgb) -> Option<DynamicImage> {
    RgbImage::from_raw(image.width, image.height, image.data.clone()).map(DynamicImage::ImageRgb8)
}

/// Each pixel as four, to the full size.
fn double(image: &Rgb, (width, height): (u32, u32)) -> Rgb {
    let mut out = Rgb::new(width, height);
    let line = width as usize * 3;
    for y in 0..height {
        let from = (y / 2).min(image.height.saturating_sub(1));
        for x in 0..width {
            let pixel = image.get((x / 2).min(image.width.saturating_sub(1)), from);
            let at = y as usize * line + x as usize * 3;
            out.data[at..at + 3].copy_from_slice(&pixel);
        }
    }
    out
}

/// Erases the cells first, so that no text stays under a picture, and comes back to the first of them.
fn clear(size: Size) -> String {
    let mut out = String::from("\x1b7");
    for row in 0..size.height {
        let _ = write!(out, "\x1b[{}X", size.width);
        if row + 1 < size.height {
            out.push_str("\x1b[1B");
        }
    }
    out.push_str("\x1b8");
    out
}

/// As [`detect`], for a command that prints and leaves: raw mode only while the terminal answers.
pub fn detect_raw(question: &Question) -> Graphics {
    if crossterm::terminal::enable_raw_mode().is_err() {
        return Graphics {
            protocol: question.protocol.unwrap_or(Protocol::HalfBlocks),
            ..Graphics::default()
        };
    }
    let graphics = detect(question);
    let _ = crossterm::terminal::disable_raw_mode();
    graphics
}

/// A slice with labels over it as lines for a terminal, at most as high and wide as it is, ready to print.
pub fn inline(
    slice: &Slice,
    window: Option<Window>,
    labels: Option<&LabelMask>,
    graphics: &Graphics,
) -> String {
    let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
    let (columns, rows) = (columns.clamp(10, 400), rows.saturating_sub(2).clamp(4, 200));
    let cell = graphics.cell_px;
    // As many cells as the slice fills, keeping its proportions.
    let height = f64::from(slice.rows) * slice.aspect;
    let fit = (f64::from(columns) * f64::from(cell.0) / f64::from(slice.columns.max(1)))
        .min(f64::from(rows) * f64::from(cell.1) / height.max(1.0));
    let cells = |side: f64, cell: u16| (side * fit / f64::from(cell.max(1))).round().max(1.0) as u16;
    let size = Size { width: cells(f64::from(slice.columns), cell.0), height: cells(height, cell.1) };
    let preset = slice.presets().into_iter().next();
    let window = window.or_else(|| preset.map(|preset| preset.window.resolve(slice)));
    let labels = labels.map(|mask| Labels { mask, fill: LABEL_FILL });
    let look = Look { labels, ..Look::new(window.unwrap_or(Window::between(0.0, 255.0))) };
    let image = compose(slice, &look, &target(graphics, size, false));
    let painter: Painter = Arc::new(|_| None);
    let want = Want { pane: "view", size, content: 0, coarse: false, painter };
    match encode(&image, &want, graphics) {
        // Room is made first: a picture at the foot of the screen must not scroll half away.
        Some(Picture::Sequence(data)) => {
            let room = "\n".repeat(usize::from(size.height));
            let up = format!("\x1b[{}A\r", size.height);
            format!("{room}{up}\x1b7{data}\x1b8\x1b[{}B\r", size.height)
        }
        Some(picture) => cells_as_text(&picture, size),
        None => String::new(),
    }
}

fn cells_as_text(picture: &Picture, size: Size) -> String {
    let area = Rect::new(0, 0, size.width, size.height);
    let mut buffer = Buffer::empty(area);
    let depth = Depth::from_env(|name| std::env::var(name).ok());
    picture.place(area, &mut buffer, depth);
    let mut out = String::new();
    for y in 0..size.height {
        for x in 0..size.width {
            let cell = &buffer[(x, y)];
            let colour = |colour: Color, base: u8| match colour {
                Color::Rgb(r, g, b) => format!("\x1b[{};2;{r};{g};{b}m", base + 8),
                Color::Indexed(index) => format!("\x1b[{};5;{index}m", base + 8),
                Color::Black => format!("\x1b[{base}m"),
                Color::DarkGray => format!("\x1b[{}m", base + 60),
                Color::Gray => format!("\x1b[{}m", base + 7),
                Color::White => format!("\x1b[{}m", base + 67),
                _ => String::new(),
            };
            let _ = write!(out, "{}{}{}", colour(cell.fg, 30), colour(cell.bg, 40), cell.symbol());
        }
        out.push_str("\x1b[0m\n");
    }
    out
}
