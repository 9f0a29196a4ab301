//! The frame around every screen: the header line, the key line, what lies over it.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::super::canvas::{Canvas, fit};
use super::super::dialog::draw_help;
use super::super::keymap::{Action, COMMON, shown};
use super::super::screen::Context;
use super::super::theme::Theme;
use super::super::widget::words;
use super::{App, Overlay, SCREENS, Slices};
use crate::engine::query::Severity;

impl App {
    /// Draws everything.
    pub fn draw(&self, canvas: &mut Canvas<'_>, slices: &Slices<'_>) {
        let area = canvas.buffer.area;
        canvas.clear(area);
        if area.height < 6 || area.width < 30 {
            canvas.text(0, 0, area.width, "gantry needs 30 × 6 cells", canvas.theme.text());
            return;
        }
        self.draw_header(canvas, Rect { height: 1, ..area });
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        self.height.set(body.height);
        let context = Context {
            now_ms: self.now_ms,
            status: self.status.as_ref(),
            graphics: self.graphics,
            slice: slices,
            height: body.height,
        };
        if let Some(screen) = self.screens.get(self.current) {
            screen.draw(canvas, body, &context);
        }
        self.draw_keys(canvas, Rect { y: area.bottom() - 1, height: 1, ..area });
        match &self.overlay {
            Overlay::None => {}
            Overlay::Help(skip) => self.draw_help(canvas, area, *skip),
            Overlay::Dialog(open, _) | Overlay::Palette(open) => open.draw(canvas, area),
        }
    }

    fn draw_header(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let theme = canvas.theme;
        let bar = Style::new().bg(theme.colour("surface"));
        canvas.restyle(area, bar);
        let Some(screen) = self.screens.get(self.current) else { return };
        let place = screen.place().map(|place| format!(" ▸ {place}")).unwrap_or_default();
        let wanted = (10 + screen.title().width() + place.width()) as u16;
        // What can be left out when the place needs the room, the least important last in the list.
        let full = self.header_parts(canvas.theme);
        let is_shown = |level: u8| full.iter().filter(move |(_, _, part)| *part <= level);
        let width_at = |level: u8| is_shown(level).map(|(text, ..)| text.width() as u16 + 2).sum::<u16>();
        let level = (0..=3).rev().find(|level| width_at(*level) + wanted < area.width).unwrap_or(0);
        let width = width_at(level);
        let mut x = area.right().saturating_sub(width);
        for (text, style, _) in is_shown(level) {
            canvas.text(x, area.y, area.right() - x, text, style.bg(theme.colour("surface")));
            x += text.width() as u16 + 2;
        }
        let room = area.width.saturating_sub(width + 1);
        let strong = theme.bold().bg(theme.colour("surface"));
        let plain = theme.text().bg(theme.colour("surface"));
        let accent = theme.style("accent").bg(theme.colour("surface")).add_modifier(Modifier::BOLD);
        canvas.spans(
            area.x,
            area.y,
            room,
            &[(" gantry", accent), (" ▸ ", plain), (screen.title(), strong), (&place, plain)],
        );
    }

    /// What stands at the right of the header line: text, style, and how readily it goes (0 never).
    fn header_parts(&self, theme: &Theme) -> Vec<(String, Style, u8)> {
        let mut parts = Vec::new();
        if let Some(status) = &self.status {
            if status.errors > 0 {
                parts.push((format!("▲{}", status.errors), theme.severity(Severity::Error).1, 0));
            }
            if status.warnings > 0 {
                parts.push((format!("◆{}", status.warnings), theme.severity(Severity::Warning).1, 0));
            }
            let (shape, word, role) =
                if status.busy { ("●", "running", "ok") } else { ("○", "idle", "text_dim") };
            let word = if status.attached { format!("attached, {word}") } else { word.to_string() };
            parts.push((shape.into(), theme.style(role), 0));
            parts.push((word, theme.style(role), 1));
            parts.push((fit(&status.project, 24), theme.text(), 3));
            parts.push((fit(&format!("{}·{}", status.user, status.role), 24), theme.dim(), 2));
        }
        parts.push((words::clock(self.now_ms), theme.dim(), 1));
        parts
    }

    fn draw_keys(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let theme = canvas.theme;
        let Some(screen) = self.screens.get(self.current) else { return };
        let note = screen.note().unwrap_or_default();
        let noted = canvas.text_right(area.right() - 1, area.y, area.width / 2, &note, theme.dim());
        let room = area.width.saturating_sub(noted + 3);
        if let Some((severity, text, _)) = &self.message {
            let (shape, style) = theme.severity(*severity);
            canvas.spans(area.x + 1, area.y, room, &[(shape, style), (" ", style), (text, theme.text())]);
            return;
        }
        let mut x = area.x + 1;
        if let Some((_, text, until)) = &self.undo {
            let left = (until - self.now_ms).max(0) / 1000 + 1;
            let offer = format!("{text} · u takes it back ({left} s)  ");
            x += canvas.spans(x, area.y, room, &[("✓ ", theme.style("ok")), (&offer, theme.text())]);
        }
        let mut told: Vec<String> = Vec::new();
        for action in self.tables().into_iter().flatten().filter(|action| !action.brief.is_empty()) {
            let keys = self.keymap.keys(action);
            // A key that the screen has taken does nothing else.
            let taken = keys.iter().all(|key| told.contains(key));
            told.extend(keys);
            if taken || screen.refuses(action.name).is_some() {
                continue;
            }
            let Some(key) = self.keymap.keys(action).first().map(|key| shown(key)) else { continue };
            let brief = screen.brief(action);
            let width = (key.width() + brief.width() + 3) as u16;
            if x + width > area.x + room {
                break;
            }
            x += canvas.spans(
                x,
                area.y,
                width,
                &[
                    (&key, theme.style("accent")),
                    (" ", theme.text()),
                    (brief, theme.dim()),
                    ("  ", theme.text()),
                ],
            );
        }
    }

    fn draw_help(&self, canvas: &mut Canvas<'_>, area: Rect, skip: u16) {
        let Some(screen) = self.screens.get(self.current) else { return };
        // What holds for many keys is said once.
        let common = common_refusal(screen.actions().iter().filter_map(|a| screen.refuses(a.name)));
        let now = common.as_ref().map(|why| format!(" — now: {why} (keys in brackets)"));
        let mut lines = vec![(String::new(), format!("{}{}", screen.title(), now.unwrap_or_default()))];
        let describe = |action: &Action| {
            let keys: Vec<String> = self.keymap.keys(action).iter().map(|key| shown(key)).collect();
            let (keys, words) = (keys.join(" "), self.words(action));
            match screen.refuses(action.name) {
                None => (keys, words),
                why if why == common => (format!("({keys})"), words),
                Some(why) => (keys, format!("{words} — now: {why}")),
            }
        };
        lines.extend(screen.actions().iter().map(describe));
        lines.push((String::new(), String::new()));
        lines.push((String::new(), "everywhere".into()));
        lines.extend(COMMON.iter().map(describe));
        lines.extend(SCREENS.iter().filter(|action| self.is_known(action)).map(describe));
        draw_help(canvas, area, "keys — j k to scroll, any other key to close", &lines, skip);
    }
}

/// The reason that three actions or more are refused for, if there is one.
fn common_refusal(reasons: impl Iterator<Item = String>) -> Option<String> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    reasons.for_each(|why| *counts.entry(why).or_default() += 1);
    counts.into_iter().filter(|(_, n)| *n >= 3).max_by_key(|(_, n)| *n).map(|(why, _)| why)
}
