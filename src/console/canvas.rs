//! What screens draw on: cells, text that is always safe, and places for pictures.

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::style::{Modifier, Style};
use ratatui::symbols::border;
use ratatui::widgets::{Block, Borders, Clear, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::image::{Picture, Shown, Want};
use super::theme::Theme;
use crate::model::text::visible;

/// Pictures that are ready, by place.
pub type Pictures = HashMap<&'static str, Shown>;

/// A sequence picture that is to stand at a place.
#[derive(Clone)]
pub struct Placement {
    /// Its cells.
    pub area: Rect,
    /// The picture.
    pub picture: Arc<Picture>,
}

/// One frame while it is drawn.
pub struct Canvas<'a> {
    /// The cells.
    pub buffer: &'a mut Buffer,
    /// The colours.
    pub theme: &'a Theme,
    /// Pictures that are ready.
    pub pictures: &'a Pictures,
    /// Keys repeat on a slow line: rough pictures will do.
    pub coarse: bool,
    /// Pictures that stand in this frame.
    pub placements: Vec<Placement>,
    /// Pictures that are not ready, or not in this size.
    pub wanted: Vec<Want>,
    /// Where the cursor stands, if it is shown.
    pub cursor: Option<Position>,
}

impl<'a> Canvas<'a> {
    /// A canvas over `buffer`.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme, pictures: &'a Pictures) -> Self {
        Self {
            buffer,
            theme,
            pictures,
            coarse: false,
            placements: Vec::new(),
            wanted: Vec::new(),
            cursor: None,
        }
    }

    /// Writes text that is cut with an ellipsis after `width` cells; returns the cells used.
    pub fn text(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        if y >= self.buffer.area.bottom() || x >= self.buffer.area.right() {
            return 0;
        }
        let width = width.min(self.buffer.area.right() - x);
        let fitted = fit(text, width);
        let used = fitted.width() as u16;
        self.buffer.set_stringn(x, y, &fitted, usize::from(width), style);
        used
    }

    /// Writes text so that it ends at `right` (exclusive), within `width` cells; returns the cells used.
    pub fn text_right(&mut self, right: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let fitted = fit(text, width);
        let used = fitted.width() as u16;
        self.text(right.saturating_sub(used), y, used, &fitted, style)
    }

    /// Writes parts in their styles one after another; returns the cells used.
    pub fn spans(&mut self, x: u16, y: u16, width: u16, parts: &[(&str, Style)]) -> u16 {
        let mut used = 0;
        for (text, style) in parts {
            if used >= width {
                break;
            }
            used += self.text(x + used, y, width - used, text, *style);
        }
        used
    }

    /// Text over several lines, broken at spaces; returns the lines used.
    pub fn paragraph(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let lines = wrap(text, area.width);
        for (row, line) in lines.iter().take(usize::from(area.height)).enumerate() {
            self.text(area.x, area.y + row as u16, area.width, line, style);
        }
        (lines.len() as u16).min(area.height)
    }

    /// Changes the style of cells and keeps what they hold.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Empties cells, pictures under them included.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        Clear.render(area, self.buffer);
        let style = Style::new().fg(self.theme.colour("text")).bg(self.theme.colour("background"));
        self.buffer.set_style(area, style);
    }

    /// A pane with a border and a title; returns what is inside.
    pub fn pane(&mut self, area: Rect, title: &str, focus: bool) -> Rect {
        let area = area.intersection(self.buffer.area);
        let style = if focus {
            self.theme.style("border_focus").add_modifier(Modifier::BOLD)
        } else {
            self.theme.style("border")
        };
        let block = Block::new().borders(Borders::ALL).border_set(border::ROUNDED).border_style(style);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        if area.width > 4 && !title.is_empty() {
            let style = if focus {
                self.theme.style("accent").add_modifier(Modifier::BOLD)
            } else {
                self.theme.dim()
            };
            self.text(
                area.x + 1,
                area.y,
                area.width - 2,
                &format!(" {} ", fit(title, area.width - 4)),
                style,
            );
        }
        inner
    }

    /// What an empty pane says: what would fill it, and how.
    pub fn empty(&mut self, area: Rect, text: &str) {
        if area.height == 0 || area.width < 4 {
            return;
        }
        let lines = wrap(text, area.width.saturating_sub(4).min(60));
        let top = area.y + area.height.saturating_sub(lines.len() as u16) / 3;
        for (row, line) in lines.iter().enumerate() {
            let y = top + row as u16;
            if y < area.bottom() {
                let x = area.x + area.width.saturating_sub(line.width() as u16) / 2;
                self.text(x, y, area.width, line, self.theme.dim());
            }
        }
    }

    /// Puts a picture: the one that is ready at this place in this size, and asks for it where it is not yet the
    /// wanted one. Returns whether anything stands there.
    pub fn picture(&mut self, area: Rect, want: Want) -> bool {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return false;
        }
        let ready = self.pictures.get(want.pane).filter(|shown| shown.size == want.size);
        let standing = ready.and_then(|shown| shown.picture.clone());
        if !ready.is_some_and(|shown| want.is_met_by(shown)) {
            self.wanted.push(want);
        }
        self.put(area, standing)
    }

    /// Leaves the picture that stands at a place where it is, while the next is not even decoded.
    pub fn keep(&mut self, area: Rect, pane: &'static str) -> bool {
        let area = area.intersection(self.buffer.area);
        let size = Size { width: area.width, height: area.height };
        let standing = self.pictures.get(pane).filter(|shown| shown.size == size);
        let picture = standing.and_then(|shown| shown.picture.clone());
        self.put(area, picture)
    }

    fn put(&mut self, area: Rect, picture: Option<Arc<Picture>>) -> bool {
        let Some(picture) = picture else { return false };
        picture.place(area, self.buffer, self.theme.depth);
        if matches!(*picture, Picture::Sequence(_)) {
            self.placements.push(Placement { area, picture });
        }
        true
    }
}

/// Safe text in at most `width` cells, with an ellipsis where something was cut.
pub fn fit(text: &str, width: u16) -> String {
    let safe = visible(text);
    let width = usize::from(width);
    if safe.width() <= width {
        return safe;
    }
    let (mut out, mut used) = (String::new(), 0);
    for character in safe.chars() {
        let cells = character.width().unwrap_or(0);
        if used + cells + 1 > width {
            break;
        }
        out.push(character);
        used += cells;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// An identifier in at most `width` cells, shortened in the middle.
pub fn middle(text: &str, width: u16) -> String {
    let safe: Vec<char> = visible(text).chars().collect();
    let width = usize::from(width);
    if safe.len() <= width || width < 5 {
        return fit(text, width as u16);
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    safe[..head].iter().chain(&['…']).chain(&safe[safe.len() - tail..]).collect()
}

/// Lines of at most `width` cells, broken at spaces where there are some.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in visible(paragraph).split(' ') {
            let mut word = word.to_string();
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            while word.width() > width {
                let mut cut = 0;
                let mut used = 0;
                for (at, character) in word.char_indices() {
                    used += character.width().unwrap_or(0);
                    if used > width && cut > 0 {
                        break;
                    }
                    cut = at + character.len_utf8();
                }
                let rest = word.split_off(cut);
                lines.push(std::mem::replace(&mut word, rest));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_with_an_ellipsis_and_never_controls() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("a\x1b[2J", 20), "a\\x1b[2J");
        assert_eq!(middle("1.2.840.113619.2.55", 9), "1.2.…2.55");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }
}
