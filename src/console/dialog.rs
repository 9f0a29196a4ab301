//! Questions to the user: confirmations, lines of text, lists; the palette and help.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, wrap};
use super::screen::Dialog;
use super::widget::ListState;

/// What a dialog wants after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stays open.
    Open,
    /// It stays open and its text changed.
    Edited,
    /// It was left without an answer.
    Cancelled,
    /// It was answered.
    Answered(&'static str, String),
}

/// A dialog that is open.
#[derive(Debug, Clone)]
pub struct OpenDialog {
    /// What is asked.
    pub dialog: Dialog,
    /// The text typed so far.
    pub text: String,
    /// Where in the text, in bytes.
    pub cursor: usize,
    /// Completions of the text.
    pub completions: Vec<String>,
    list: ListState,
}

impl OpenDialog {
    /// Opens a dialog.
    pub fn new(dialog: Dialog) -> Self {
        let text = match &dialog {
            Dialog::Input { text, .. } => text.clone(),
            Dialog::Confirm { .. } | Dialog::Choose { .. } => String::new(),
        };
        let mut open =
            Self { dialog, cursor: text.len(), text, completions: Vec::new(), list: ListState::default() };
        open.list.resize(open.shown().len() as u64);
        open.offer();
        open
    }

    /// The word under the cursor, from its beginning to the cursor.
    fn word(&self) -> &str {
        let before = &self.text[..self.cursor];
        &before[before.rfind(' ').map_or(0, |at| at + 1)..]
    }

    /// Offers the words that the dialog knows by itself.
    fn offer(&mut self) {
        let Dialog::Input { offers, .. } = &self.dialog else { return };
        let word = self.word();
        let goes_on = |offer: &&String| offer.starts_with(word) && offer.as_str() != word;
        self.completions = offers.iter().filter(goes_on).take(8).cloned().collect();
    }

    /// Whether completions of the query language are wanted.
    pub fn completes(&self) -> bool {
        matches!(self.dialog, Dialog::Input { complete: true, .. })
    }

    /// The options that match what is typed.
    pub fn shown(&self) -> Vec<&String> {
        let Dialog::Choose { options, .. } = &self.dialog else { return Vec::new() };
        let words: Vec<String> = self.text.to_lowercase().split_whitespace().map(str::to_string).collect();
        let matches = |option: &&String| words.iter().all(|word| option.to_lowercase().contains(word));
        options.iter().filter(matches).collect()
    }

    /// Text from the clipboard.
    pub fn paste(&mut self, text: &str) {
        if !matches!(self.dialog, Dialog::Confirm { .. }) {
            let line: String = text.chars().filter(|c| !c.is_control()).take(4096).collect();
            self.text.insert_str(self.cursor, &line);
            self.cursor += line.len();
            self.edited();
        }
    }

    /// A key.
    pub fn key(&mut self, key: KeyEvent) -> Outcome {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.code == KeyCode::Esc || (control && key.code == KeyCode::Char('c')) {
            return Outcome::Cancelled;
        }
        if let Dialog::Confirm { tag, .. } = self.dialog {
            return match key.code {
                KeyCode::Char('y' | 'Y') | KeyCode::Enter => Outcome::Answered(tag, "yes".into()),
                KeyCode::Char('n' | 'N' | 'q') => Outcome::Cancelled,
                _ => Outcome::Open,
            };
        }
        match key.code {
            KeyCode::Enter => return self.accept(),
            KeyCode::Tab => return self.complete(),
            KeyCode::Down => {
                self.list.act("list.down");
            }
            KeyCode::Up => {
                self.list.act("list.up");
            }
            KeyCode::PageDown => {
                self.list.act("list.page_down");
            }
            KeyCode::PageUp => {
                self.list.act("list.page_up");
            }
            KeyCode::Char(_) if key.modifiers.contains(KeyModifiers::ALT) => {}
            _ => return self.edit(key, control),
        }
        Outcome::Open
    }

    fn accept(&self) -> Outcome {
        match &self.dialog {
            Dialog::Choose { tag, typed, .. } => {
                let shown = self.shown();
                match shown.get(self.list.selected as usize) {
                    Some(option) => Outcome::Answered(tag, (*option).clone()),
                    None if *typed && !self.text.trim().is_empty() => {
                        Outcome::Answered(tag, self.text.trim().to_string())
                    }
                    None => Outcome::Open,
                }
            }
            Dialog::Input { tag, .. } => Outcome::Answered(tag, self.text.trim().to_string()),
            Dialog::Confirm { tag, .. } => Outcome::Answered(tag, "yes".into()),
        }
    }

    fn complete(&mut self) -> Outcome {
        let Some(first) = self.completions.first().cloned() else { return Outcome::Open };
        let start = self.text[..self.cursor].rfind(' ').map_or(0, |at| at + 1);
        self.text.replace_range(start..self.cursor, &first);
        self.cursor = start + first.len();
        self.edited()
    }

    fn edit(&mut self, key: KeyEvent, control: bool) -> Outcome {
        let before = self.text[..self.cursor].char_indices().next_back().map(|(at, _)| at);
        let after = self.text[self.cursor..].chars().next().map(char::len_utf8);
        match (key.code, control) {
            (KeyCode::Char('u'), true) => {
                self.text.replace_range(..self.cursor, "");
                self.cursor = 0;
            }
            (KeyCode::Char('w'), true) => {
                let kept = self.text[..self.cursor].trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.replace_range(kept..self.cursor, "");
                self.cursor = kept;
            }
            (KeyCode::Char(character), false) => {
                self.text.insert(self.cursor, character);
                self.cursor += character.len_utf8();
            }
            (KeyCode::Backspace, _) => {
                if let Some(at) = before {
                    self.text.remove(at);
                    self.cursor = at;
                }
            }
            (KeyCode::Delete, _) if after.is_some() => {
                self.text.remove(self.cursor);
            }
            (KeyCode::Left, _) => {
                self.cursor = before.unwrap_or(0);
                return Outcome::Open;
            }
            (KeyCode::Right, _) => {
                self.cursor += after.unwrap_or(0);
                return Outcome::Open;
            }
            (KeyCode::Home, _) | (KeyCode::Char('a'), true) => {
                self.cursor = 0;
                return Outcome::Open;
            }
            (KeyCode::End, _) | (KeyCode::Char('e'), true) => {
                self.cursor = self.text.len();
                return Outcome::Open;
            }
            _ => return Outcome::Open,
        }
        self.edited()
    }

    fn edited(&mut self) -> Outcome {
        self.offer();
        self.list.reset();
        self.list.resize(self.shown().len() as u64);
        Outcome::Edited
    }

    /// Draws the dialog over the screen: a line at the foot, or a window.
    pub fn draw(&self, canvas: &mut Canvas<'_>, screen: Rect) {
        match &self.dialog {
            Dialog::Confirm { text, .. } => {
                let line = Rect { y: screen.bottom().saturating_sub(1), height: 1, ..screen };
                canvas.clear(line);
                let (question, keys) = (canvas.theme.style("warning"), canvas.theme.bold());
                canvas.spans(
                    line.x + 1,
                    line.y,
                    line.width - 2,
                    &[(text, question), ("  y yes · n no", keys)],
                );
            }
            Dialog::Input { title, .. } => self.draw_input(canvas, screen, title),
            Dialog::Choose { title, typed, .. } => self.draw_choice(canvas, screen, title, *typed),
        }
    }

    fn draw_input(&self, canvas: &mut Canvas<'_>, screen: Rect, title: &str) {
        let rows = self.completions.len().min(8) as u16;
        let height = (3 + rows).min(screen.height);
        let area = Rect { y: screen.bottom() - height, height, ..screen };
        canvas.clear(area);
        let inner = canvas.pane(area, title, true);
        self.draw_line(canvas, inner, "");
        for (row, completion) in self.completions.iter().take(usize::from(rows)).enumerate() {
            let style = if row == 0 { canvas.theme.style("accent") } else { canvas.theme.dim() };
            let mark = if row == 0 { "Tab " } else { "    " };
            canvas.spans(
                inner.x,
                inner.y + 1 + row as u16,
                inner.width,
                &[(mark, style), (completion, style)],
            );
        }
    }

    fn draw_line(&self, canvas: &mut Canvas<'_>, inner: Rect, prompt: &str) {
        let used = canvas.text(inner.x, inner.y, inner.width, prompt, canvas.theme.dim());
        let room = inner.width.saturating_sub(used + 1);
        let before = &self.text[..self.cursor];
        let skip = (before.width() as u16).saturating_sub(room);
        let seen: String = self.text.chars().skip(usize::from(skip)).collect();
        canvas.text(inner.x + used, inner.y, inner.width - used, &seen, canvas.theme.text());
        let x = inner.x + used + (before.width() as u16).saturating_sub(skip);
        canvas.cursor = Some(Position { x: x.min(inner.right().saturating_sub(1)), y: inner.y });
    }

    fn draw_choice(&self, canvas: &mut Canvas<'_>, screen: Rect, title: &str, typed: bool) {
        let shown = self.shown();
        let widest = shown.iter().map(|option| option.width() as u16).max().unwrap_or(0);
        let most = screen.width.saturating_sub(4).max(4);
        let width = (widest + 6).max(title.width() as u16 + 6).clamp(most.min(40), most);
        let height = (shown.len() as u16 + 4).clamp(5, screen.height.saturating_sub(2).max(5));
        let area = Rect {
            x: screen.x + screen.width.saturating_sub(width) / 2,
            y: screen.y + screen.height.saturating_sub(height) / 3,
            width,
            height,
        }
        .intersection(screen);
        canvas.clear(area);
        let inner = canvas.pane(area, title, true);
        self.draw_line(canvas, inner, "› ");
        let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
        if shown.is_empty() {
            let hint = if typed { "↵ uses what you typed" } else { "nothing matches" };
            canvas.text(body.x, body.y, body.width, hint, canvas.theme.dim());
            return;
        }
        let (first, end) = self.list.window(body);
        for index in first..end {
            let y = body.y + (index - first) as u16;
            let Some(option) = shown.get(index as usize) else { continue };
            canvas.text(body.x + 1, y, body.width.saturating_sub(2), option, canvas.theme.text());
            if index == self.list.selected {
                let style = canvas.theme.selected(ratatui::style::Style::new(), true);
                canvas.restyle(Rect { y, height: 1, ..body }, style);
            }
        }
    }
}

/// A window with lines of text in columns of keys and words; returns how many lines there were.
pub fn draw_help(
    canvas: &mut Canvas<'_>,
    screen: Rect,
    title: &str,
    lines: &[(String, String)],
    skip: u16,
) -> u16 {
    let width = screen.width.saturating_sub(4).min(76);
    let height = screen.height.saturating_sub(2);
    let area = Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + 1, width, height };
    canvas.clear(area);
    let inner = canvas.pane(area, title, true);
    let keys = 16.min(inner.width / 3);
    let mut rows: Vec<(String, String)> = Vec::new();
    for (key, words) in lines {
        for (row, line) in wrap(words, inner.width.saturating_sub(keys + 2)).into_iter().enumerate() {
            rows.push((if row == 0 { key.clone() } else { String::new() }, line));
        }
    }
    for (row, (key, words)) in rows.iter().skip(usize::from(skip)).take(usize::from(inner.height)).enumerate()
    {
        let y = inner.y + row as u16;
        canvas.text(inner.x + 1, y, keys, key, canvas.theme.style("accent"));
        let style =
            if key.is_empty() && !words.is_empty() { canvas.theme.bold() } else { canvas.theme.text() };
        canvas.text(inner.x + keys + 1, y, inner.width - keys - 1, words, style);
    }
    rows.len() as u16
}
