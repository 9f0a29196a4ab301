//! Pages being filled from top to bottom.

use std::collections::BTreeSet;

use pdf_writer::types::StructRole;
use pdf_writer::{Content, Name, Str};

use super::super::Align;
use super::super::face::{Faces, Weight};
use super::super::text::clean;
use super::super::wrap::{fit, wrap};
use super::fonts::{self, Fonts};
use super::surface::Surface;
use super::tags::Tags;

/// The width of an A4 page, in points.
pub(super) const PAGE_WIDTH: f32 = 595.28;
/// The height of an A4 page, in points.
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// The left edge of the text.
pub(super) const LEFT: f32 = 59.0;
/// The width of the text.
pub(super) const WIDTH: f32 = PAGE_WIDTH - 2.0 * LEFT;
/// The right edge of the text.
pub(super) const RIGHT: f32 = LEFT + WIDTH;
/// Where the text begins, from the top of the page.
const TOP: f32 = 58.0;
/// Where the text ends, from the top of the page.
const BOTTOM: f32 = PAGE_HEIGHT - 66.0;
/// The height of the text.
pub(super) const BODY: f32 = BOTTOM - TOP;

/// A colour.
pub(super) type Colour = (u8, u8, u8);
/// The colour of text.
pub(super) const INK: Colour = (0x1c, 0x27, 0x33);
/// The colour of less important text.
pub(super) const MUTED: Colour = (0x4a, 0x58, 0x66);
/// The colour of what leads the eye.
pub(super) const ACCENT: Colour = (0x1b, 0x5e, 0x7b);
/// The colour of a thin line.
pub(super) const HAIR: Colour = (0xdd, 0xe3, 0xe8);
/// The colour of a line.
pub(super) const RULE: Colour = (0xb9, 0xc4, 0xcd);

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) weight: Weight,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

impl Look {
    pub(super) const fn new(weight: Weight, size: f32, colour: Colour) -> Self {
        Self { weight, size, colour }
    }

    /// The height of a line.
    pub(super) const fn leading(self) -> f32 {
        if self.size > 13.0 { self.size * 1.2 } else { self.size * 1.38 }
    }
}

/// A line of a cell: its pieces, one after the other, and its height.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pieces: Vec<(String, Look)>,
    height: f32,
}

/// A column of lines in a row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Its left edge.
    pub(super) left: f32,
    /// Its width.
    pub(super) width: f32,
    /// The side on which its lines are lined up.
    pub(super) align: Align,
    /// Its lines.
    pub(super) lines: Vec<Line>,
    /// The part of the structure that it is, or none if it is decoration.
    pub(super) node: Option<usize>,
}

impl Cell {
    /// An empty cell.
    pub(super) const fn new(left: f32, width: f32, node: Option<usize>) -> Self {
        Self { left, width, align: Align::Left, lines: Vec::new(), node }
    }

    /// The same cell with a text under what it has; an empty text adds nothing.
    pub(super) fn with(mut self, faces: &Faces, text: &str, look: Look) -> Self {
        if !text.is_empty() {
            let lines = wrap(faces, &clean(text), look.weight, look.size, self.width);
            let line = |text| Line { pieces: vec![(text, look)], height: look.leading() };
            self.lines.extend(lines.into_iter().map(line));
        }
        self
    }

    /// The same cell with a text of another size in lines of a height.
    pub(super) fn with_high(self, faces: &Faces, text: &str, look: Look, height: f32) -> Self {
        let before = self.lines.len();
        let mut cell = self.with(faces, text, look);
        cell.lines.iter_mut().skip(before).for_each(|line| line.height = height.max(look.leading()));
        cell
    }

    /// The same cell with a text under what it has, led by a word of another look.
    pub(super) fn with_led(mut self, faces: &Faces, lead: (&str, Look), text: &str, look: Look) -> Self {
        let used = faces.width(lead.0, lead.1.weight, lead.1.size);
        // Blanks as wide as the leading word keep its place in the first line.
        let blank = faces.advance(' ', look.weight, look.size).max(0.1);
        let blanks = "\u{a0}".repeat((used / blank).ceil() as usize);
        let lines = wrap(faces, &format!("{blanks} {}", clean(text)), look.weight, look.size, self.width);
        for (index, text) in lines.into_iter().enumerate() {
            let mut pieces = Vec::new();
            let text = match text.strip_prefix(&blanks) {
                Some(rest) if index == 0 => {
                    pieces.push((lead.0.to_owned(), lead.1));
                    rest.to_owned()
                }
                _ => text,
            };
            pieces.push((text, look));
            self.lines.push(Line { pieces, height: look.leading() });
        }
        self
    }

    /// Its height.
    pub(super) fn height(&self) -> f32 {
        self.lines.iter().map(|line| line.height).sum()
    }

    /// Takes off the lines that fit in a height, at least one if asked for.
    fn take(&mut self, height: f32, at_least_one: bool) -> Self {
        let mut used = 0.0;
        let mut count = 0;
        for line in &self.lines {
            used += line.height;
            if used > height {
                break;
            }
            count += 1;
        }
        if at_least_one {
            count = count.max(1).min(self.lines.len());
        }
        let rest = self.lines.split_off(count);
        let taken = std::mem::replace(&mut self.lines, rest);
        Self { lines: taken, ..self.clone_frame() }
    }

    fn clone_frame(&self) -> Self {
        Self { lines: Vec::new(), ..*self }
    }
}

/// What lies behind and around a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Back {
    /// Nothing.
    None,
    /// A line under it.
    Line(Colour, f32),
    /// A shaded area with a bar at its left.
    Shade { area: Colour, bar: Colour },
    /// A line over each of its cells.
    Caps(Colour),
}

/// How a row is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Room above the text.
    pub(super) above: f32,
    /// Room under the text.
    pub(super) under: f32,
    /// Room that must be left under the row.
    pub(super) keep: f32,
    /// What lies behind it.
    pub(super) back: Back,
    /// Rows that are set again at the top of a new page.
    pub(super) head: &'a [Row<'a>],
}

impl Frame<'_> {
    /// A frame without anything behind the row.
    pub(super) const fn plain(above: f32, under: f32) -> Self {
        Self { above, under, keep: 0.0, back: Back::None, head: &[] }
    }
}

/// A row of cells with its frame.
pub(super) type Row<'a> = (Vec<Cell>, Frame<'a>);

/// A place in the document that bookmarks lead to.
pub(super) struct Mark {
    pub(super) title: String,
    pub(super) deep: bool,
    pub(super) page: usize,
    pub(super) top: f32,
}

/// The pages.
pub(super) struct Sheet<'a> {
    pub(super) faces: &'a Faces,
    pub(super) fonts: Fonts,
    pub(super) opacities: BTreeSet<u8>,
    pub(super) tags: Tags,
    pub(super) marks: Vec<Mark>,
    pub(super) tables: u32,
    pub(super) figures: u32,
    done: Vec<Content>,
    page: Content,
    y: f32,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(faces: &'a Faces) -> Self {
        Self {
            faces,
            fonts: Fonts::new(),
            opacities: BTreeSet::new(),
            tags: Tags::new(),
            marks: Vec::new(),
            tables: 0,
            figures: 0,
            done: Vec::new(),
            page: Content::new(),
            y: TOP,
        }
    }

    /// Leaves room, but not at the top of a page.
    pub(super) fn skip(&mut self, height: f32) {
        if self.y > TOP {
            self.y += height;
        }
    }

    /// Goes to a new page unless a height still fits on this one.
    pub(super) fn need(&mut self, height: f32) {
        if self.y > TOP && height.min(BODY) > BOTTOM - self.y {
            self.turn();
        }
    }

    /// The height that is left on this page.
    pub(super) fn room(&self) -> f32 {
        BOTTOM - self.y
    }

    fn turn(&mut self) {
        self.done.push(std::mem::replace(&mut self.page, Content::new()));
        self.y = TOP;
    }

    /// Remembers this place for the bookmarks.
    pub(super) fn bookmark(&mut self, title: &str, deep: bool) {
        let title = clean(title).into_owned();
        self.marks.push(Mark { title, deep, page: self.done.len(), top: PAGE_HEIGHT - self.y + 6.0 });
    }

    /// Sets a row. It is split only if it is higher than a page.
    pub(super) fn row(&mut self, cells: Vec<Cell>, frame: Frame<'_>) {
        let height = height(&cells, frame) + frame.keep;
        if height > BOTTOM - self.y && self.y > TOP {
            self.turn_with(frame.head);
        }
        let mut rest = cells;
        loop {
            let room = BOTTOM - self.y - frame.above - frame.under;
            let fits = rest.iter().map(Cell::height).fold(0.0, f32::max) <= room;
            let whole = fits || room < 0.0;
            if whole || rest.iter().all(|cell| cell.lines.is_empty()) {
                return self.put(&rest, frame);
            }
            let part: Vec<_> = rest.iter_mut().map(|cell| cell.take(room, true)).collect();
            self.put(&part, frame);
            if rest.iter().all(|cell| cell.lines.is_empty()) {
                return;
            }
            self.turn_with(frame.head);
        }
    }

    fn turn_with(&mut self, head: &[Row<'_>]) {
        self.turn();
        for (cells, frame) in head {
            let mut cells = cells.clone();
            cells.iter_mut().for_each(|cell| cell.node = None);
            self.put(&cells, *frame);
        }
    }

    /// Draws a row here and goes on under it.
    pub(super) fn put(&mut self, cells: &[Cell], frame: Frame<'_>) {
        let bottom = self.y + height(cells, frame);
        self.back(cells, frame.back, bottom);
        for cell in cells.iter().filter(|cell| !cell.lines.is_empty()) {
            self.open(cell.node);
            let mut y = self.y + frame.above;
            for line in &cell.lines {
                self.line(cell, line, y);
                y += line.height;
            }
            self.page.end_marked_content();
        }
        self.y = bottom;
    }

    fn back(&mut self, cells: &[Cell], back: Back, bottom: f32) {
        match back {
            Back::None => {}
            Back::Line(colour, width) => self.rule(LEFT, RIGHT, bottom - width / 2.0, colour, width),
            Back::Shade { area, bar } => {
                self.fill((LEFT, self.y, WIDTH, bottom - self.y), area);
                self.fill((LEFT, self.y, 3.0, bottom - self.y), bar);
            }
            Back::Caps(colour) => {
                for cell in cells {
                    self.rule(cell.left, cell.left + cell.width, self.y + 0.6, colour, 1.2);
                }
            }
        }
    }

    fn line(&mut self, cell: &Cell, line: &Line, y: f32) {
        let width = |(text, look): &(String, Look)| self.faces.width(text, look.weight, look.size);
        let total: f32 = line.pieces.iter().map(width).sum();
        let mut x = match cell.align {
            Align::Left => cell.left,
            Align::Right => cell.left + cell.width - total,
        };
        for (text, look) in &line.pieces {
            let base = y + line.height / 2.0 + look.size * 0.31;
            self.text(text, *look, (x, base));
            x += self.faces.width(text, look.weight, look.size);
        }
    }

    fn text(&mut self, text: &str, look: Look, (x, base): (f32, f32)) {
        if text.is_empty() {
            return;
        }
        let bytes = self.fonts.encode(self.faces, text, look.weight);
        let [r, g, b] = parts(look.colour);
        self.page.set_fill_rgb(r, g, b).begin_text().set_font(fonts::name(look.weight), look.size);
        self.page.next_line(x, PAGE_HEIGHT - base).show(Str(&bytes)).end_text();
    }

    /// Begins a piece of a part of the structure, or of decoration.
    fn open(&mut self, node: Option<usize>) {
        let Some(node) = node else {
            self.page.begin_marked_content(Name(b"Artifact"));
            return;
        };
        let number = self.tags.mark(node, self.done.len());
        let name = self.tags.name(node);
        self.page.begin_marked_content_with_properties(name).properties().identify(number);
    }

    /// Draws a line from left to right at a height.
    pub(super) fn rule(&mut self, left: f32, right: f32, y: f32, colour: Colour, width: f32) {
        self.fill((left, y - width / 2.0, right - left, width), colour);
    }

    /// Draws a line over the whole width here.
    pub(super) fn rule_here(&mut self, colour: Colour, width: f32) {
        self.rule(LEFT, RIGHT, self.y + width / 2.0, colour, width);
        self.y += width;
    }

    fn fill(&mut self, (left, top, width, height): (f32, f32, f32, f32), colour: Colour) {
        let [r, g, b] = parts(colour);
        self.page.begin_marked_content(Name(b"Artifact"));
        self.page.set_fill_rgb(r, g, b).rect(left, PAGE_HEIGHT - top - height, width, height);
        self.page.fill_nonzero().end_marked_content();
    }

    /// Draws a picture of a height over the whole width, as a figure that is described by a text.
    pub(super) fn picture<E>(
        &mut self,
        (scale, height): (f32, f32),
        size: (u32, u32),
        alt: String,
        draw: impl FnOnce(Surface<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let node = self.tags.add(Tags::ROOT, StructRole::Figure);
        self.tags.describe(node, alt);
        self.open(Some(node));
        let corner = (LEFT, PAGE_HEIGHT - self.y);
        let (content, fonts, opacities) = (&mut self.page, &mut self.fonts, &mut self.opacities);
        let surface = Surface { content, fonts, faces: self.faces, opacities, corner, scale, size };
        draw(surface)?;
        self.page.end_marked_content();
        self.y += height;
        Ok(())
    }

    /// Ends the pages: sets the foot of each and hands them over.
    pub(super) fn finish(&mut self, footer: &str) -> Vec<Content> {
        self.turn();
        let mut pages = std::mem::take(&mut self.done);
        let count = pages.len();
        let look = Look::new(Weight::Regular, 8.0, MUTED);
        for (index, page) in pages.iter_mut().enumerate() {
            std::mem::swap(page, &mut self.page);
            self.rule(LEFT, RIGHT, PAGE_HEIGHT - 48.0, RULE, 0.5);
            self.page.begin_marked_content(Name(b"Artifact"));
            let number = format!("page {} of {count}", index + 1);
            let width = self.faces.width(&number, look.weight, look.size);
            let footer = fit(self.faces, &clean(footer), look.weight, look.size, WIDTH - width - 24.0);
            self.text(&footer, look, (LEFT, PAGE_HEIGHT - 35.0));
            self.text(&number, look, (RIGHT - width, PAGE_HEIGHT - 35.0));
            self.page.end_marked_content();
            std::mem::swap(page, &mut self.page);
        }
        pages
    }
}

/// The height of a row.
pub(super) fn height(cells: &[Cell], frame: Frame<'_>) -> f32 {
    cells.iter().map(Cell::height).fold(0.0, f32::max) + frame.above + frame.under
}

fn parts((r, g, b): Colour) -> [f32; 3] {
    [r, g, b].map(|part| f32::from(part) / 255.0)
}
