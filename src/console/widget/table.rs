//! Tables: columns go by priority when the pane is narrow; nothing is cut without an ellipsis.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::ListState;
use crate::console::canvas::Canvas;

/// To which side a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its title.
    pub title: &'a str,
    /// Cells it needs.
    pub width: u16,
    /// Share of the cells that are left over; 0 for none.
    pub grow: u16,
    /// The greater, the sooner it goes when the pane is narrow; 0 never goes.
    pub drop: u8,
    /// To which side its text stands.
    pub align: Align,
}

impl<'a> Column<'a> {
    /// A column of text.
    pub const fn text(title: &'a str, width: u16, grow: u16, drop: u8) -> Self {
        Self { title, width, grow, drop, align: Align::Left }
    }

    /// A column of numbers.
    pub const fn number(title: &'a str, width: u16, drop: u8) -> Self {
        Self { title, width, grow: 0, drop, align: Align::Right }
    }
}

/// What stands in a row and column.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// Its style; without one the row's.
    pub style: Option<Style>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: text.into(), style: None }
    }
}

impl From<(String, Style)> for Cell {
    fn from((text, style): (String, Style)) -> Self {
        Self { text, style: Some(style) }
    }
}

/// A table over a list.
pub struct Table<'a> {
    /// The columns.
    pub columns: &'a [Column<'a>],
    /// The cursor.
    pub list: &'a ListState,
    /// The pane has the focus.
    pub focus: bool,
}

impl Table<'_> {
    /// Draws the lines that fit; `row` gives the cells of a line, `None` where it is not in memory.
    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, row: impl Fn(u64) -> Option<Vec<Cell>>) {
        if area.height < 2 || area.width < 4 {
            return;
        }
        let widths = widths(self.columns, area.width - 1);
        let head = canvas.theme.dim().add_modifier(Modifier::UNDERLINED);
        canvas.restyle(Rect { height: 1, ..area }, head);
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| (column.title.to_string(), head).into()).collect();
        self.line(canvas, Rect { x: area.x + 1, width: area.width - 1, height: 1, ..area }, &widths, &titles);
        let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        let (first, end) = self.list.window(body);
        for index in first..end {
            let y = body.y + (index - first) as u16;
            let line = Rect { y, height: 1, ..body };
            if self.list.marks.contains(&index) {
                canvas.text(line.x, y, 1, "✓", canvas.theme.style("accent"));
            }
            let inside = Rect { x: line.x + 1, width: line.width - 1, ..line };
            match row(index) {
                Some(cells) => self.line(canvas, inside, &widths, &cells),
                None => {
                    canvas.text(inside.x, y, inside.width, "…", canvas.theme.dim());
                }
            }
            if index == self.list.selected {
                let style = canvas.theme.selected(Style::new(), self.focus);
                canvas.restyle(line, style);
            }
        }
        self.scroll_bar(canvas, area, first, end);
    }

    fn line(&self, canvas: &mut Canvas<'_>, area: Rect, widths: &[u16], cells: &[Cell]) {
        let mut x = area.x;
        for ((column, width), cell) in self.columns.iter().zip(widths).zip(cells) {
            if *width == 0 {
                continue;
            }
            let style = cell.style.unwrap_or_else(|| canvas.theme.text());
            match column.align {
                Align::Left => canvas.text(x, area.y, *width, &cell.text, style),
                Align::Right => canvas.text_right(x + width, area.y, *width, &cell.text, style),
            };
            x += width + 1;
        }
    }

    /// A thumb on the pane's right border, when not all lines are seen.
    fn scroll_bar(&self, canvas: &mut Canvas<'_>, area: Rect, first: u64, end: u64) {
        let (seen, total, height) = (end - first, self.list.total, u64::from(area.height - 1));
        if seen >= total || height < 3 || area.right() >= canvas.buffer.area.right() {
            return;
        }
        let thumb = (height * seen / total).max(1);
        let top = (height - thumb) * first / (total - seen).max(1);
        for row in top..top + thumb {
            canvas.text(area.right(), area.y + 1 + row as u16, 1, "┃", canvas.theme.style("border_focus"));
        }
    }
}

/// Cells for each column, 0 for those that have to go.
fn widths(columns: &[Column<'_>], available: u16) -> Vec<u16> {
    let mut kept: Vec<bool> = vec![true; columns.len()];
    let need = |kept: &[bool]| -> u16 {
        let widths = columns.iter().zip(kept).filter(|(_, kept)| **kept);
        widths
            .map(|(column, _)| {
                column.width.max(column.title.width() as u16 * u16::from(column.drop == 0)) + 1
            })
            .sum()
    };
    while need(&kept) > available + 1 {
        let droppable = (0..columns.len()).filter(|i| kept[*i] && columns[*i].drop > 0);
        match droppable.max_by_key(|i| columns[*i].drop) {
            Some(column) => kept[column] = false,
            None => break,
        }
    }
    let mut left = (available + 1).saturating_sub(need(&kept));
    let mut shares: u16 = columns.iter().zip(&kept).filter(|(_, k)| **k).map(|(c, _)| c.grow).sum();
    columns
        .iter()
        .zip(&kept)
        .map(|(column, kept)| {
            if !kept {
                return 0;
            }
            let more = (left * column.grow).checked_div(shares).unwrap_or(0);
            shares -= column.grow;
            left -= more;
            column.width + more
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_priority_and_the_rest_is_shared_out() {
        let columns = [Column::text("a", 10, 1, 0), Column::text("b", 10, 0, 2), Column::number("c", 5, 1)];
        assert_eq!(widths(&columns, 40), [23, 10, 5]);
        assert_eq!(widths(&columns, 20), [14, 0, 5]);
        assert_eq!(widths(&columns, 12), [12, 0, 0]);
    }
}
