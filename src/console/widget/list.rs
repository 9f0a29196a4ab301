//! The cursor of a list, of any length.

use std::cell::Cell;
use std::collections::BTreeSet;

use ratatui::layout::Rect;

/// Cursor, scroll position and marks of a list.
#[derive(Debug, Clone, Default)]
pub struct ListState {
    /// The line under the cursor, from 0.
    pub selected: u64,
    /// How many lines there are.
    pub total: u64,
    /// Marked lines.
    pub marks: BTreeSet<u64>,
    offset: Cell<u64>,
    area: Cell<Rect>,
}

impl ListState {
    /// There are `total` lines now; the cursor stays within them.
    pub fn resize(&mut self, total: u64) {
        self.total = total;
        self.selected = self.selected.min(total.saturating_sub(1));
        self.marks.retain(|mark| *mark < total);
    }

    /// Back to the first line, nothing marked.
    pub fn reset(&mut self) {
        self.selected = 0;
        self.marks.clear();
        self.offset.set(0);
    }

    /// Moves the cursor or marks as a `list.…` action says; whether it was one of those.
    pub fn act(&mut self, action: &str) -> bool {
        let page = u64::from(self.area.get().height.max(2)) - 1;
        let last = self.total.saturating_sub(1);
        self.selected = match action {
            "list.down" => self.selected.saturating_add(1),
            "list.up" => self.selected.saturating_sub(1),
            "list.page_down" => self.selected.saturating_add(page),
            "list.page_up" => self.selected.saturating_sub(page),
            "list.first" => 0,
            "list.last" => last,
            "list.mark" if self.total > 0 => {
                if !self.marks.remove(&self.selected) {
                    self.marks.insert(self.selected);
                }
                self.selected + 1
            }
            _ => return false,
        }
        .min(last);
        true
    }

    /// Marks lines `0 .. shown`, or none if all of them are marked.
    pub fn mark_all(&mut self, shown: u64) {
        let all: BTreeSet<u64> = (0..self.total.min(shown)).collect();
        self.marks = if self.marks == all { BTreeSet::new() } else { all };
    }

    /// The lines that fit into `area`: first and one past the last; scrolls so that the cursor is among them.
    pub fn window(&self, area: Rect) -> (u64, u64) {
        self.area.set(area);
        let height = u64::from(area.height.max(1));
        let offset = self
            .offset
            .get()
            .clamp(self.selected.saturating_sub(height - 1), self.selected)
            .min(self.total.saturating_sub(height));
        self.offset.set(offset);
        (offset, (offset + height).min(self.total))
    }

    /// The line at a cell, where the list was drawn last.
    pub fn line_at(&self, x: u16, y: u16) -> Option<u64> {
        let area = self.area.get();
        let line = self.offset.get() + u64::from(y.checked_sub(area.y)?);
        (area.contains((x, y).into()) && line < self.total).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_stays_in_the_list_and_in_sight() {
        let mut list = ListState::default();
        list.resize(1_000_000);
        let area = Rect::new(0, 5, 10, 20);
        assert_eq!(list.window(area), (0, 20));
        list.act("list.last");
        assert_eq!(list.window(area), (999_980, 1_000_000));
        list.act("list.page_up");
        assert_eq!(list.selected, 999_980);
        assert_eq!(list.line_at(3, 6), Some(999_981));
        list.resize(3);
        assert_eq!((list.selected, list.window(area)), (2, (0, 3)));
        list.act("list.mark");
        assert!(list.marks.contains(&2));
        list.resize(0);
        assert!(list.marks.is_empty() && !list.act("review.accept") && list.act("list.down"));
        assert_eq!(list.selected, 0);
    }
}
