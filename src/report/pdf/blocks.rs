//! The blocks of a document, set on pages.

use pdf_writer::types::StructRole;

use super::super::chart;
use super::super::face::Weight;
use super::super::text::clean;
use super::super::{Block, Document, Fact, Figure, Level, Note, NoteKind, RenderError, Section};
use super::sheet::{
    ACCENT, BODY, Back, Cell, Colour, Frame, INK, LEFT, Look, MUTED, RULE, Sheet, WIDTH, height,
};
use super::table;
use super::tags::Tags;

/// Running text.
pub(super) const TEXT: Look = Look::new(Weight::Regular, 10.0, INK);
/// Where a number came from.
pub(super) const SOURCE: Look = Look::new(Weight::Regular, 7.8, MUTED);
/// The number of a table or a figure.
const NUMBER: Look = Look::new(Weight::Bold, 9.5, INK);
/// A caption.
const CAPTION: Look = Look::new(Weight::Regular, 9.5, INK);
/// How many key figures stand side by side.
const FACTS: usize = 4;
/// The room between columns of facts.
const GAP: f32 = 14.0;

/// Sets the title and what the document is of.
pub(super) fn title(sheet: &mut Sheet<'_>, document: &Document) {
    sheet.rule_here(ACCENT, 3.0);
    let node = sheet.tags.add(Tags::ROOT, StructRole::H1);
    let cell = Cell::new(LEFT, WIDTH, Some(node));
    let cell = cell.with(sheet.faces, &document.title, Look::new(Weight::Bold, 22.0, INK));
    sheet.row(vec![cell], Frame::plain(13.0, 2.0));
    text(sheet, &document.subtitle, Look::new(Weight::Regular, 12.0, MUTED), Frame::plain(0.0, 0.0));
    if document.identity.is_empty() {
        return;
    }
    sheet.skip(10.0);
    sheet.rule_here(RULE, 0.6);
    sheet.skip(5.0);
    for pair in document.identity.chunks(2) {
        let cells = pair.iter().enumerate().flat_map(|(side, fact)| identity(sheet, fact, side)).collect();
        sheet.row(cells, Frame::plain(2.0, 2.0));
    }
}

/// A label and a value of the identity, in one half of the width.
fn identity(sheet: &mut Sheet<'_>, fact: &Fact, side: usize) -> [Cell; 2] {
    let half = (WIDTH - GAP) / 2.0;
    let left = LEFT + (half + GAP) * side as f32;
    let label_width = 74.0;
    let [label, value] = [0, 1].map(|_| sheet.tags.add(Tags::ROOT, StructRole::P));
    let label = Cell::new(left, label_width, Some(label));
    let value = Cell::new(left + label_width + 8.0, half - label_width - 8.0, Some(value));
    let label = label.with(sheet.faces, &fact.label, Look::new(Weight::Regular, 9.0, MUTED));
    let value = value.with(sheet.faces, &fact.value, Look::new(Weight::Regular, 9.0, INK));
    [label, value.with(sheet.faces, &fact.source, Look { size: 7.4, ..SOURCE })]
}

/// Sets a section. Its heading stays with what follows; `next` is the section after it.
pub(super) fn section(
    sheet: &mut Sheet<'_>,
    section: &Section,
    next: Option<&Section>,
) -> Result<(), RenderError> {
    let (role, look, above) = match section.level {
        Level::One => (StructRole::H2, Look::new(Weight::Bold, 14.5, INK), 22.0),
        Level::Two => (StructRole::H3, Look::new(Weight::Bold, 11.5, ACCENT), 13.0),
    };
    let node = sheet.tags.add(Tags::ROOT, role);
    let cell = Cell::new(LEFT, WIDTH, Some(node)).with(sheet.faces, &section.heading, look);
    let follows = match section.blocks.first() {
        Some(block) => lead(sheet, block),
        None => next.map_or(0.0, |next| 40.0 + next.blocks.first().map_or(0.0, |block| lead(sheet, block))),
    };
    let needed = above + cell.height() + 6.0 + follows;
    sheet.need(if needed > BODY { BODY / 2.0 } else { needed });
    sheet.skip(above);
    sheet.bookmark(&section.heading, section.level == Level::Two);
    sheet.row(vec![cell], Frame::plain(0.0, 6.0));
    for block in &section.blocks {
        set(sheet, block)?;
    }
    Ok(())
}

/// The height of the first piece of a block that must not be parted from its heading.
fn lead(sheet: &Sheet<'_>, block: &Block) -> f32 {
    match block {
        Block::Paragraph(_) | Block::List(_) => TEXT.leading() * 2.0,
        Block::Note(note) => height(&[note_cell(sheet, note, 0)], Frame::plain(7.0, 7.0)).min(BODY / 3.0),
        Block::Facts(_) => 80.0,
        Block::Table(table) => table::lead(sheet, table),
        Block::Figure(figure) => figure_size(figure).1 * 0.78 + 48.0,
    }
}

fn set(sheet: &mut Sheet<'_>, block: &Block) -> Result<(), RenderError> {
    match block {
        Block::Paragraph(words) => paragraph(sheet, words),
        Block::Note(note) => set_note(sheet, note),
        Block::Facts(list) => facts(sheet, list),
        Block::Table(table) => table::set(sheet, table),
        Block::List(items) => list(sheet, items),
        Block::Figure(figure) => set_figure(sheet, figure)?,
    }
    Ok(())
}

/// Sets a text of its own over the whole width.
fn text(sheet: &mut Sheet<'_>, text: &str, look: Look, frame: Frame<'_>) {
    if text.is_empty() {
        return;
    }
    let node = sheet.tags.add(Tags::ROOT, StructRole::P);
    let cell = Cell::new(LEFT, WIDTH, Some(node)).with(sheet.faces, text, look);
    sheet.row(vec![cell], frame);
}

/// Sets running text, with no line alone at the top or the foot of a page.
fn paragraph(sheet: &mut Sheet<'_>, words: &str) {
    if words.is_empty() {
        return;
    }
    let node = sheet.tags.add(Tags::ROOT, StructRole::P);
    let mut cell = Cell::new(LEFT, WIDTH.min(440.0), Some(node)).with(sheet.faces, words, TEXT);
    while cell.lines.len() > 3 {
        let rest = cell.lines.split_off(2);
        let part = Cell { lines: std::mem::replace(&mut cell.lines, rest), ..cell.clone() };
        sheet.row(vec![part], Frame::plain(0.0, 0.0));
    }
    sheet.row(vec![cell], Frame::plain(0.0, 7.0));
}

/// The colours of a note: of its area, its bar and its first word.
const fn note_colours(kind: NoteKind) -> (Colour, Colour, Colour) {
    match kind {
        NoteKind::Info => ((0xee, 0xf5, 0xf8), (0x1b, 0x5e, 0x7b), (0x15, 0x4c, 0x64)),
        NoteKind::Warning => ((0xfd, 0xf4, 0xe8), (0xb4, 0x58, 0x0b), (0x86, 0x40, 0x0a)),
        NoteKind::Good => ((0xef, 0xf6, 0xee), (0x37, 0x75, 0x3a), (0x28, 0x5a, 0x2b)),
    }
}

fn note_cell(sheet: &Sheet<'_>, note: &Note, node: usize) -> Cell {
    let look = Look { size: 9.5, ..TEXT };
    let word = Look { weight: Weight::Bold, colour: note_colours(note.kind).2, ..look };
    let lead = format!("{}.", note.kind.word());
    Cell::new(LEFT + 13.0, WIDTH - 25.0, Some(node)).with_led(sheet.faces, (&lead, word), &note.text, look)
}

fn set_note(sheet: &mut Sheet<'_>, note: &Note) {
    let node = sheet.tags.add(Tags::ROOT, StructRole::P);
    let cell = note_cell(sheet, note, node);
    let (area, bar, _) = note_colours(note.kind);
    sheet.skip(4.0);
    sheet.row(vec![cell], Frame { back: Back::Shade { area, bar }, ..Frame::plain(6.5, 6.5) });
    sheet.skip(10.0);
}

/// Sets key figures side by side.
fn facts(sheet: &mut Sheet<'_>, list: &[Fact]) {
    let side_by_side = if list.len().is_multiple_of(3) && !list.len().is_multiple_of(4) { 3 } else { FACTS };
    let width = (WIDTH - GAP * (side_by_side as f32 - 1.0)) / side_by_side as f32;
    sheet.skip(4.0);
    for some in list.chunks(side_by_side) {
        let place = |(index, fact): (usize, &Fact)| {
            let node = sheet.tags.add(Tags::ROOT, StructRole::P);
            let cell = Cell::new(LEFT + (width + GAP) * index as f32, width, Some(node));
            let text = clean(&fact.value);
            let fits = |size: &f32| sheet.faces.width(&text, Weight::Bold, *size) <= width;
            let size = [17.0, 14.5, 12.5].into_iter().find(fits).unwrap_or(11.0);
            let value = Look::new(Weight::Bold, size, INK);
            let one = sheet.faces.width(&text, Weight::Bold, size) <= width;
            let cell = cell.with(sheet.faces, &fact.label, Look::new(Weight::Regular, 8.8, MUTED));
            cell.with_high(sheet.faces, &fact.value, value, if one { 20.4 } else { 0.0 }).with(
                sheet.faces,
                &fact.source,
                SOURCE,
            )
        };
        let cells = some.iter().enumerate().map(place).collect();
        sheet.row(cells, Frame { back: Back::Caps(ACCENT), ..Frame::plain(5.0, 12.0) });
    }
}

fn list(sheet: &mut Sheet<'_>, items: &[String]) {
    let list = sheet.tags.add(Tags::ROOT, StructRole::L);
    for item in items {
        let node = sheet.tags.add(list, StructRole::LI);
        let [label, body] = [StructRole::Lbl, StructRole::LBody].map(|role| sheet.tags.add(node, role));
        let bullet = Look { colour: ACCENT, ..TEXT };
        let label = Cell::new(LEFT + 3.0, 8.0, Some(label)).with(sheet.faces, "•", bullet);
        let body = Cell::new(LEFT + 14.0, WIDTH.min(440.0) - 14.0, Some(body));
        let body = body.with(sheet.faces, item, TEXT);
        sheet.row(vec![label, body], Frame::plain(0.0, 2.5));
    }
    sheet.skip(6.0);
}

/// The scale of a figure and its height on the page. One that is higher than a page is made smaller.
fn figure_size(figure: &Figure) -> (f32, f32) {
    let high = chart::height(&figure.chart) as f32;
    let scale = (WIDTH / chart::WIDTH as f32).min((BODY - 60.0) / high);
    (scale, high * scale)
}

/// The size of a figure in the room that is left on a page: a little smaller if that is enough.
fn fitted((scale, height): (f32, f32), room: f32) -> (f32, f32) {
    let part = room / height;
    if (0.78..1.0).contains(&part) { (scale * part, height * part) } else { (scale, height) }
}

fn set_figure(sheet: &mut Sheet<'_>, figure: &Figure) -> Result<(), RenderError> {
    sheet.figures += 1;
    let size = figure_size(figure);
    let lead = format!("Figure {}.", sheet.figures);
    let caption = captioned(sheet, &lead, &figure.caption);
    let source = source_cell(sheet, &figure.source);
    sheet.skip(5.0);
    let texts = caption.height() + source.height() + 12.0;
    let size = fitted(size, sheet.room() - texts);
    sheet.need(size.1 + texts);
    let units = (chart::WIDTH * chart::UNIT, chart::height(&figure.chart) * chart::UNIT);
    let faces = sheet.faces;
    let alt = clean(&figure.alt).into_owned();
    let units = (units.0 as u32, units.1 as u32);
    sheet.picture(size, units, alt, |surface| chart::draw(&figure.chart, surface, faces, 1.0))?;
    sheet.row(vec![caption], Frame::plain(6.0, 0.0));
    sheet.row(vec![source], Frame::plain(1.0, 0.0));
    sheet.skip(14.0);
    Ok(())
}

/// A caption with its number.
pub(super) fn captioned(sheet: &mut Sheet<'_>, lead: &str, caption: &str) -> Cell {
    let node = sheet.tags.add(Tags::ROOT, StructRole::P);
    let cell = Cell::new(LEFT, WIDTH, Some(node));
    cell.with_led(sheet.faces, (lead, NUMBER), caption, CAPTION)
}

/// The cell that says where numbers came from; without lines if nothing is known.
pub(super) fn source_cell(sheet: &mut Sheet<'_>, source: &str) -> Cell {
    if source.is_empty() {
        return Cell::new(LEFT, WIDTH, None);
    }
    let node = sheet.tags.add(Tags::ROOT, StructRole::P);
    Cell::new(LEFT, WIDTH, Some(node)).with(sheet.faces, &format!("Source: {source}"), SOURCE)
}
