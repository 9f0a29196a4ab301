//! Tables: the widths of their columns, and their rows on pages.

use pdf_writer::types::StructRole;

use super::super::face::{Faces, Weight};
use super::super::text::clean;
use super::super::wrap::parts;
use super::super::{Align, Table};
use super::blocks::{SOURCE, captioned, source_cell};
use super::sheet::{Back, Cell, Frame, HAIR, INK, LEFT, Look, Row, Sheet, WIDTH, height};
use super::tags::Tags;

/// The room between two columns.
const GAP: f32 = 10.0;
/// How many characters of a word a column gives room to before it is broken.
const LONG_WORD: usize = 24;

/// The columns of a table: left edges, widths, and the size of the letters.
struct Columns {
    edges: Vec<(f32, f32)>,
    size: f32,
}

/// Sets a table.
pub(super) fn set(sheet: &mut Sheet<'_>, table: &Table) {
    sheet.tables += 1;
    let columns = columns(sheet.faces, table);
    let number = format!("Table {}.", sheet.tables);
    let caption = captioned(sheet, &number, &table.caption);
    let node = sheet.tags.add(Tags::ROOT, StructRole::Table);
    let head_node = sheet.tags.add(node, StructRole::TR);
    let head_nodes: Vec<_> =
        columns.edges.iter().map(|_| sheet.tags.add(head_node, StructRole::TH)).collect();
    let titles = head(sheet.faces, table, &columns, Some(&head_nodes));
    sheet.skip(8.0);
    sheet.need(caption.height() + 6.0 + first_rows(sheet.faces, table, &columns));
    sheet.row(vec![caption], Frame::plain(0.0, 5.0));
    let over = (vec![Cell::new(LEFT, WIDTH, None)], rule(INK, 0.9));
    let continued = Cell::new(LEFT, WIDTH, None).with(sheet.faces, &format!("{number} Continued."), SOURCE);
    let head_rows = [
        (vec![continued], Frame::plain(0.0, 4.0)),
        over,
        (titles, Frame { back: Back::Line(INK, 0.6), ..Frame::plain(3.0, 3.5) }),
    ];
    for (cells, frame) in &head_rows[1..] {
        sheet.put(cells, *frame);
    }
    rows(sheet, table, &columns, &head_rows, node);
    let source = source_cell(sheet, &table.source);
    sheet.row(vec![source], Frame::plain(4.0, 0.0));
    sheet.skip(14.0);
}

/// The height of a table's caption, head and first row.
pub(super) fn lead(sheet: &Sheet<'_>, table: &Table) -> f32 {
    40.0 + first_rows(sheet.faces, table, &columns(sheet.faces, table))
}

const fn rule(colour: super::sheet::Colour, width: f32) -> Frame<'static> {
    Frame { above: width, under: 0.0, keep: 0.0, back: Back::Line(colour, width), head: &[] }
}

fn first_rows(faces: &Faces, table: &Table, columns: &Columns) -> f32 {
    let frame = Frame::plain(3.0, 3.0);
    let first =
        table.rows.first().map_or(20.0, |row| height(&cells(faces, table, row, columns, None), frame));
    height(&head(faces, table, columns, None), frame) + first + 16.0
}

fn rows(sheet: &mut Sheet<'_>, table: &Table, columns: &Columns, head: &[Row<'_>], node: usize) {
    let none = [vec![String::from("No rows")]];
    let all = if table.rows.is_empty() { &none[..] } else { &table.rows[..] };
    for (index, row) in all.iter().enumerate() {
        let row_node = sheet.tags.add(node, StructRole::TR);
        let count = columns.edges.len();
        let nodes: Vec<_> = (0..count).map(|_| sheet.tags.add(row_node, StructRole::TD)).collect();
        let cells = cells(sheet.faces, table, row, columns, Some(&nodes));
        let last = index + 1 == all.len();
        let (colour, width, keep) = if last { (INK, 0.9, 18.0) } else { (HAIR, 0.5, 0.0) };
        let frame = Frame { back: Back::Line(colour, width), keep, head, ..Frame::plain(2.6, 3.0) };
        sheet.row(cells, frame);
    }
}

fn head(faces: &Faces, table: &Table, columns: &Columns, nodes: Option<&[usize]>) -> Vec<Cell> {
    let look = Look::new(Weight::Bold, columns.size, INK);
    let cell = |column: usize| make(faces, table, table.title(column), (columns, column), nodes, look);
    (0..columns.edges.len()).map(cell).collect()
}

fn cells(
    faces: &Faces,
    table: &Table,
    row: &[String],
    columns: &Columns,
    nodes: Option<&[usize]>,
) -> Vec<Cell> {
    let look = Look::new(Weight::Regular, columns.size, INK);
    let text = |column: usize| row.get(column).map_or("", |text| text.as_str());
    let cell = |column: usize| make(faces, table, text(column), (columns, column), nodes, look);
    (0..columns.edges.len()).map(cell).collect()
}

fn make(
    faces: &Faces,
    table: &Table,
    text: &str,
    (columns, column): (&Columns, usize),
    nodes: Option<&[usize]>,
    look: Look,
) -> Cell {
    let (left, width) = columns.edges.get(column).copied().unwrap_or((LEFT, WIDTH));
    let node = nodes.and_then(|nodes| nodes.get(column)).copied();
    let cell = Cell { align: table.align(column), ..Cell::new(left, width, node) };
    cell.with(faces, text, look)
}

/// The widths of the columns: as wide as their texts if all fit, otherwise narrower by what they hold.
fn columns(faces: &Faces, table: &Table) -> Columns {
    let count = table.width().max(1);
    let size = match count {
        0..=7 => 9.0,
        8..=10 => 8.3,
        11..=14 => 7.4,
        _ => 6.4,
    };
    let gap = if count > 10 { 7.0 } else { GAP }.min(WIDTH / count as f32 / 4.0);
    let room = WIDTH - gap * (count as f32 - 1.0);
    let (least, most): (Vec<_>, Vec<_>) = (0..count).map(|column| needs(faces, table, column, size)).unzip();
    let widths = share(&least, &most, room);
    let mut left = LEFT;
    let mut edges = Vec::with_capacity(count);
    for width in widths {
        edges.push((left, width));
        left += width + gap;
    }
    Columns { edges, size }
}

/// The width of the longest word of a column, and of its longest text.
fn needs(faces: &Faces, table: &Table, column: usize, size: f32) -> (f32, f32) {
    let (mut least, mut most) = measure(faces, table.title(column), Weight::Bold, size);
    let words = least;
    for text in table.rows.iter().filter_map(|row| row.get(column)) {
        let (word, whole) = measure(faces, text, Weight::Regular, size);
        least = least.max(if table.align(column) == Align::Right { whole.min(90.0) } else { word });
        most = most.max(whole);
    }
    // A long title does not widen a column of short values: it wraps.
    let values = table.rows.iter().filter_map(|row| row.get(column));
    let widest = values.map(|text| faces.width(text, Weight::Regular, size)).fold(words, f32::max);
    let most = most.min(widest.max(words + 30.0)) + 0.5;
    (least + 0.5, most.max(least + 0.5))
}

/// The width of the longest word of a text, and of the text.
fn measure(faces: &Faces, text: &str, weight: Weight, size: f32) -> (f32, f32) {
    let text = clean(text);
    let mut longest = 0.0_f32;
    for word in text.split(' ') {
        let long = word.chars().nth(LONG_WORD).is_some();
        let widest = |part: &str| {
            let part: String = part.chars().take(LONG_WORD).collect();
            faces.width(&part, weight, size)
        };
        let wide =
            if long { parts(word).map(widest).fold(0.0, f32::max) } else { faces.width(word, weight, size) };
        longest = longest.max(wide);
    }
    (longest, faces.width(&text, weight, size))
}

/// Shares out a room between columns that need at least and want at most some width each.
fn share(least: &[f32], most: &[f32], room: f32) -> Vec<f32> {
    let (needed, wanted): (f32, f32) = (least.iter().sum(), most.iter().sum());
    if wanted <= room {
        // What is left over goes to all columns, more to the wider ones.
        let spare = room - wanted;
        let even = spare / most.len().max(1) as f32;
        return most.iter().map(|width| width + even * 0.5 + spare * 0.5 * width / wanted.max(1.0)).collect();
    }
    if needed <= room {
        let part = (room - needed) / (wanted - needed).max(0.1);
        return least.iter().zip(most).map(|(least, most)| least + (most - least) * part).collect();
    }
    let cap = cap(least, room);
    least.iter().map(|width| width.min(cap)).collect()
}

/// The width to which the widest columns are cut so that all fill a room.
fn cap(least: &[f32], room: f32) -> f32 {
    let (mut low, mut high) = (0.0_f32, room);
    for _ in 0..40 {
        let middle = f32::midpoint(low, high);
        let total: f32 = least.iter().map(|width| width.min(middle)).sum();
        if total > room {
            high = middle;
        } else {
            low = middle;
        }
    }
    low
}
