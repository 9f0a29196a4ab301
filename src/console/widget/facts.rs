//! Names and values, one below the other.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::console::canvas::{Canvas, wrap};

/// A name and its value.
pub type Fact = (String, String);

/// Draws facts, long values over several lines; returns the lines used.
pub fn draw_facts(canvas: &mut Canvas<'_>, area: Rect, facts: &[Fact]) -> u16 {
    let names = facts.iter().map(|(name, _)| name.width() as u16).max().unwrap_or(0).min(area.width * 2 / 5);
    let mut y = area.y;
    for (name, value) in facts {
        let lines = wrap(value, area.width.saturating_sub(names + 1));
        for (row, line) in lines.iter().enumerate() {
            if y >= area.bottom() {
                return area.height;
            }
            if row == 0 {
                canvas.text(area.x, y, names, name, canvas.theme.dim());
            }
            canvas.text(
                area.x + names + 1,
                y,
                area.width.saturating_sub(names + 1),
                line,
                canvas.theme.text(),
            );
            y += 1;
        }
    }
    y - area.y
}
