//! Agreement of two to many readers, with missing values.
//!
//! A rating that is missing was not looked at; "looked at, nothing there" is a rating of its own (a category such as
//! 0 or "none"). The two are never confused: [`Ratings`] holds `None` only for the first.

pub mod bland_altman;
pub mod bootstrap;
pub mod cohen;
pub mod icc;
pub mod live;
pub mod many;
pub mod marginals;
pub mod moments;
pub mod proportion;
pub mod ranks;
pub mod warnings;

/// What the numbers of the categories mean (Stevens 1946).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Names: alike or not.
    #[default]
    Nominal,
    /// An order.
    Ordinal,
    /// Equal steps: differences count.
    Interval,
    /// A true zero as well: relative differences count.
    Ratio,
}

/// Ratings of items by readers, as positions in a list of categories in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    /// Values of the categories in order: the numbers themselves, or positions 0, 1, … where they are text.
    values: Vec<f64>,
    readers: usize,
    /// `cells[item * readers + reader]`: position of the category, or none if not looked at.
    cells: Vec<Option<u32>>,
}

impl Ratings {
    /// Ratings by item, then reader; `None` where the reader did not look.
    ///
    /// Returns `None` when the cells do not fill the items, or a cell is outside the categories.
    pub fn new(values: Vec<f64>, readers: usize, cells: Vec<Option<u32>>) -> Option<Self> {
        let fits = readers > 0 && cells.len().is_multiple_of(readers);
        let known = cells.iter().flatten().all(|&c| (c as usize) < values.len());
        (fits && known).then_some(Self { values, readers, cells })
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.cells.len() / self.readers
    }

    /// How many readers there are.
    pub fn readers(&self) -> usize {
        self.readers
    }

    /// Values of the categories in order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The ratings of one item, by reader.
    pub fn item(&self, item: usize) -> &[Option<u32>] {
        &self.cells[item * self.readers..(item + 1) * self.readers]
    }

    /// All items' ratings in turn.
    pub fn rows(&self) -> impl Iterator<Item = &[Option<u32>]> {
        self.cells.chunks(self.readers)
    }

    /// The items that both readers rated, as pairs of categories.
    pub fn pairs(&self, a: usize, b: usize) -> Vec<(u32, u32)> {
        self.rows().filter_map(|row| Some((row[a]?, row[b]?))).collect()
    }
}
