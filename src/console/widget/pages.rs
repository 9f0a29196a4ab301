//! A long list of which only the neighbourhood of the cursor is in memory.

use std::collections::BTreeMap;

use crate::engine::query::{Page, Rows};

/// Rows of a page.
const PAGE: u64 = 128;
/// Pages kept.
const KEPT: usize = 6;

/// Pages of rows around the cursor.
#[derive(Debug, Clone)]
pub struct Pages<T> {
    kept: BTreeMap<u64, Vec<T>>,
    total: Option<u64>,
    stale: bool,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), total: None, stale: true }
    }
}

impl<T> Pages<T> {
    /// What is in memory is old: the next page that comes replaces it all.
    pub fn forget(&mut self) {
        self.stale = true;
    }

    /// Whether what is in memory is old.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// How many rows there are; `None` before the first answer.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// The row, if its page is in memory.
    pub fn get(&self, index: u64) -> Option<&T> {
        self.kept.get(&(index / PAGE))?.get((index % PAGE) as usize)
    }

    /// Rows in memory, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.kept.iter().flat_map(|(page, rows)| (0..).map(move |row| page * PAGE + row).zip(rows))
    }

    /// The page that is needed next, with the cursor at `index`; `None` when all is there.
    pub fn missing(&self, index: u64) -> Option<Page> {
        let wanted = [index, index.saturating_sub(PAGE / 2), index + PAGE / 2];
        let page = wanted.into_iter().map(|at| at / PAGE).find(|page| {
            let beyond = self.total.is_some_and(|total| page * PAGE >= total) && *page > 0;
            (self.stale || !self.kept.contains_key(page)) && !beyond
        })?;
        Some(Page { offset: page * PAGE, limit: PAGE as u32 })
    }

    /// A page came.
    pub fn put(&mut self, page: Page, rows: Rows<T>) {
        if self.stale {
            self.kept.clear();
            self.stale = false;
        }
        self.total = Some(rows.total);
        let number = page.offset / PAGE;
        self.kept.insert(number, rows.rows);
        while self.kept.len() > KEPT {
            let farthest = self.kept.keys().copied().max_by_key(|other| other.abs_diff(number));
            if let Some(farthest) = farthest {
                self.kept.remove(&farthest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_neighbourhood_is_fetched_and_kept() {
        let mut pages: Pages<u64> = Pages::default();
        let rows = |page: Page| Rows { rows: (page.offset..page.offset + 128).collect(), total: 1_000_000 };
        let mut asked = Vec::new();
        for index in [0, 5, 500_000, 500_060, 999_999, 250_000, 250_100] {
            while let Some(page) = pages.missing(index) {
                asked.push(page.offset);
                pages.put(page, rows(page));
                assert!(asked.len() < 20);
            }
            assert_eq!(pages.get(index), Some(&index));
        }
        assert!(asked.len() <= 12 && pages.kept.len() <= KEPT, "{asked:?}");
        assert_eq!(pages.get(0), None);
    }
}
