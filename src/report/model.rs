//! What a report says, without how it looks.

/// A report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// What it is called.
    pub title: String,
    /// What stands under the title; may be empty.
    pub subtitle: String,
    /// Its language as in HTML, such as `en`.
    pub language: String,
    /// What it is a report of: names, ids and dates.
    pub identity: Vec<Fact>,
    /// Its text, in order.
    pub sections: Vec<Section>,
    /// What stands at the foot of every page.
    pub footer: String,
}

impl Document {
    /// How many figures it has.
    pub fn figures(&self) -> u32 {
        let blocks = self.sections.iter().flat_map(|section| &section.blocks);
        blocks.filter(|block| matches!(block, Block::Figure(_))).count() as u32
    }
}

/// How deep a section lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// A section of the document.
    #[default]
    One,
    /// A part of the section before it.
    Two,
}

/// A heading and what stands under it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// How deep it lies.
    pub level: Level,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// One piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Running text.
    Paragraph(String),
    /// A text that stands out.
    Note(Note),
    /// Key figures.
    Facts(Vec<Fact>),
    /// A table.
    Table(Table),
    /// Short texts one under the other.
    List(Vec<String>),
    /// A chart.
    Figure(Figure),
}

/// A text that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it means.
    pub kind: NoteKind,
    /// What it says.
    pub text: String,
}

/// What a note means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// Something to know.
    Info,
    /// Something to look into.
    Warning,
    /// Something that is as it should be.
    Good,
}

impl NoteKind {
    /// The word before the text, so that the meaning is not in the colour alone.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Info => "Note",
            Self::Warning => "Warning",
            Self::Good => "Passed",
        }
    }
}

/// A value with its name and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The value, as it is to be read.
    pub value: String,
    /// The command or query that gave it; may be empty.
    pub source: String,
}

impl Fact {
    /// A value with its name and where it came from.
    pub fn new(label: impl Into<String>, value: impl Into<String>, source: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into(), source: source.into() }
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Its columns. Cells beyond them get columns without a title.
    pub columns: Vec<Column>,
    /// Its rows, each of one text for each column. Missing cells are empty.
    pub rows: Vec<Vec<String>>,
    /// The command or query that gave it; may be empty.
    pub source: String,
}

impl Table {
    /// How many columns are needed for every cell.
    pub(crate) fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.columns.len())
    }

    /// The side on which a column is lined up.
    pub(crate) fn align(&self, column: usize) -> Align {
        self.columns.get(column).map_or(Align::Left, |column| column.align)
    }

    /// The title of a column.
    pub(crate) fn title(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| &column.title)
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// The side on which its cells are lined up.
    pub align: Align,
}

impl Column {
    /// A column of texts.
    pub fn left(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Left }
    }

    /// A column of numbers.
    pub fn right(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Right }
    }
}

/// The side on which texts are lined up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Align {
    /// On the left, for texts.
    #[default]
    Left,
    /// On the right, for numbers.
    Right,
}

/// A chart with its caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it shows.
    pub caption: String,
    /// The command or query that gave its numbers; may be empty.
    pub source: String,
    /// What it says, for those who cannot see it.
    pub alt: String,
    /// The chart.
    pub chart: Chart,
}

/// A chart as data. Values that are not finite are left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Chart {
    /// Bars, standing if the names of the categories fit, lying otherwise.
    Bars {
        /// The names of the categories.
        categories: Vec<String>,
        /// The values, one for each category.
        series: Vec<Series>,
        /// Whether the bars of a category stand on one another.
        stacked: bool,
        /// What the values are measured in.
        unit: String,
    },
    /// Lines over time or over a number.
    Lines {
        /// What lies along the bottom.
        x: XAxis,
        /// The lines.
        series: Vec<Trace>,
        /// Lines across the chart, such as control limits.
        limits: Vec<Limit>,
        /// What the values are measured in.
        unit: String,
    },
    /// Estimates with intervals, one under the other: a forest plot.
    Intervals {
        /// The estimates.
        rows: Vec<Interval>,
        /// Lines down the chart, such as the value of no effect.
        references: Vec<Limit>,
        /// What the estimates are measured in.
        unit: String,
    },
    /// How often values fall between edges.
    Histogram {
        /// The edges, rising: one more than there are counts.
        edges: Vec<f64>,
        /// The counts.
        counts: Vec<u64>,
        /// What the edges are measured in.
        unit: String,
    },
    /// Values from 0 to 1 as a table of shaded cells.
    Matrix {
        /// The names of the rows.
        rows: Vec<String>,
        /// The names of the columns.
        columns: Vec<String>,
        /// The values, row by row.
        values: Vec<Vec<f64>>,
    },
}

/// The values of one colour of bars.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its values, one for each category.
    pub values: Vec<f64>,
}

/// What lies along the bottom of a line chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum XAxis {
    /// Milliseconds since 1970, in UTC.
    Time,
    /// A number, with what it is measured in.
    Number(String),
}

/// A line of a line chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// Its name.
    pub name: String,
    /// Its points, by rising x.
    pub points: Vec<Point>,
}

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Where it lies along the bottom.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// The lower and the upper end of the band around it.
    pub band: Option<(f64, f64)>,
}

/// A named line across a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub value: f64,
}

/// A row of a forest plot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Interval {
    /// What it is an estimate of.
    pub label: String,
    /// The estimate.
    pub estimate: f64,
    /// The lower and the upper end of its interval.
    pub range: Option<(f64, f64)>,
}
