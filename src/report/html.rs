//! A document as one HTML page that loads nothing.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};

use super::face::Faces;
use super::text::clean;
use super::{
    Align, Block, Document, Fact, Figure, Level, Note, NoteKind, RenderError, Section, Table, chart,
};

const TEMPLATE: &str = include_str!("../../reports/report.html");
const STYLE: &str = include_str!("../../reports/style.css");
/// From how many sections on there is a list of contents.
const CONTENTS_FROM: usize = 4;

/// More characters than these make a key figure smaller.
const LONG_VALUE: usize = 11;
/// A word of more characters than these may be broken in a table.
const LONG_WORD: usize = 24;

/// Renders a document as an HTML page.
pub fn render(document: &Document) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let mut page = Page { faces: Faces::open()?, tables: 0, figures: 0 };
    let sections: Result<Vec<_>, _> =
        document.sections.iter().enumerate().map(|(index, section)| page.section(index, section)).collect();
    let values = context! {
        language => language(&document.language),
        title => text(&document.title),
        subtitle => text(&document.subtitle),
        style => Value::from_safe_string(STYLE.trim_end().to_owned()),
        identity => facts(&document.identity),
        contents => contents(document),
        sections => sections?,
        footer => text(&document.footer),
    };
    Ok(environment.render_named_str("report.html", TEMPLATE, values)?)
}

/// A language tag of letters, digits and hyphens; any other text is no language, and English is taken.
pub(crate) fn language(tag: &str) -> &str {
    let plain = tag.chars().all(|character| character.is_ascii_alphanumeric() || character == '-');
    if plain && !tag.is_empty() && tag.len() <= 35 { tag } else { "en" }
}

/// A text of the document. The template escapes it.
fn text(text: &str) -> Value {
    Value::from(clean(text).into_owned())
}

fn facts(facts: &[Fact]) -> Vec<Value> {
    let fact = |fact: &Fact| {
        let long = fact.value.chars().nth(LONG_VALUE).is_some();
        context! { label => text(&fact.label), value => text(&fact.value), source => text(&fact.source), long }
    };
    facts.iter().map(fact).collect()
}

/// The sections of the first level, if there are enough of them for a list.
fn contents(document: &Document) -> Vec<Value> {
    let first = document.sections.iter().enumerate().filter(|(_, section)| section.level == Level::One);
    let entry = |(index, section): (usize, &Section)| {
        context! { number => index + 1, heading => text(&section.heading) }
    };
    let entries: Vec<_> = first.map(entry).collect();
    if entries.len() < CONTENTS_FROM { Vec::new() } else { entries }
}

/// The page so far.
struct Page {
    faces: Faces,
    tables: u32,
    figures: u32,
}

impl Page {
    fn section(&mut self, index: usize, section: &Section) -> Result<Value, RenderError> {
        let blocks: Result<Vec<_>, _> = section.blocks.iter().map(|block| self.block(block)).collect();
        let tag = match section.level {
            Level::One => "h2",
            Level::Two => "h3",
        };
        Ok(context! { number => index + 1, tag, heading => text(&section.heading), blocks => blocks? })
    }

    fn block(&mut self, block: &Block) -> Result<Value, RenderError> {
        Ok(match block {
            Block::Paragraph(words) => context! { kind => "paragraph", text => text(words) },
            Block::Note(note) => note_value(note),
            Block::Facts(list) => context! { kind => "facts", facts => facts(list) },
            Block::List(items) => {
                context! { kind => "list", items => items.iter().map(|item| text(item)).collect::<Vec<_>>() }
            }
            Block::Table(table) => self.table(table),
            Block::Figure(figure) => self.figure(figure)?,
        })
    }

    fn table(&mut self, table: &Table) -> Value {
        self.tables += 1;
        let width = table.width();
        let right = |column: usize| table.align(column) == Align::Right;
        let column = |column: usize| context! { title => text(table.title(column)), right => right(column) };
        let cell = |row: &Vec<String>, column: usize| {
            let words = row.get(column).map_or("", |cell| cell);
            context! { text => text(words), class => cell_class(words, right(column)) }
        };
        let row =
            |row: &Vec<String>| Value::from((0..width).map(|column| cell(row, column)).collect::<Vec<_>>());
        context! {
            kind => "table",
            class => match width { 0..=10 => "", 11..=14 => " many", _ => " many most" },
            number => self.tables,
            caption => text(&table.caption),
            columns => (0..width).map(column).collect::<Vec<_>>(),
            rows => table.rows.iter().map(row).collect::<Vec<_>>(),
            source => text(&table.source),
        }
    }

    fn figure(&mut self, figure: &Figure) -> Result<Value, RenderError> {
        self.figures += 1;
        let (svg, width, height) = chart::svg(&figure.chart, &self.faces)?;
        Ok(context! {
            kind => "figure",
            number => self.figures,
            caption => text(&figure.caption),
            alt => text(&figure.alt),
            source => text(&figure.source),
            svg => Value::from_safe_string(svg),
            width,
            height,
        })
    }
}

/// How a cell is set: lined up on the right, or with words that may be broken.
fn cell_class(text: &str, right: bool) -> &'static str {
    let long = text.split_whitespace().any(|word| word.chars().nth(LONG_WORD).is_some());
    match (right, long) {
        (false, false) => "",
        (false, true) => "long",
        (true, false) => "right",
        (true, true) => "right long",
    }
}

fn note_value(note: &Note) -> Value {
    let class = match note.kind {
        NoteKind::Info => "info",
        NoteKind::Warning => "warning",
        NoteKind::Good => "good",
    };
    context! { kind => "note", class, word => note.kind.word(), text => text(&note.text) }
}
