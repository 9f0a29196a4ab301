//! The terminal itself: entering and leaving it, and one buffered, synchronised write for each frame.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::{cursor, event, execute, terminal};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Position, Rect};

use super::canvas::Placement;
use super::image::Picture;
use super::theme::Depth;

/// The terminal is in the console's hands.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Raw mode, the alternate screen and mouse reports, given back when dropped.
pub struct Session(());

impl Session {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none, or does not obey.
    pub fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        ENTERED.store(true, Ordering::SeqCst);
        let session = Self(());
        execute!(
            io::stdout(),
            terminal::EnterAlternateScreen,
            event::EnableMouseCapture,
            event::EnableBracketedPaste,
            cursor::Hide
        )?;
        Ok(session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was; does nothing when it was given back already.
pub fn restore() {
    if !ENTERED.swap(false, Ordering::SeqCst) {
        return;
    }
    // Ends a frame that was cut off, in the protocols that could hold the rest of the output back.
    let _ = io::stdout().write_all(b"\x1b\\\x1b[?2026l\x1b[0m");
    let _ = execute!(
        io::stdout(),
        event::DisableBracketedPaste,
        event::DisableMouseCapture,
        terminal::LeaveAlternateScreen,
        cursor::Show
    );
    let _ = terminal::disable_raw_mode();
}

/// What a frame shows.
pub struct Frame {
    /// The cells.
    pub buffer: Buffer,
    /// The sequence pictures among them.
    pub placements: Vec<Placement>,
    /// Where the cursor stands, if it is shown.
    pub cursor: Option<Position>,
}

/// Turns frames into the bytes that lead from one to the next.
pub struct Composer {
    shown: Buffer,
    placements: Vec<Placement>,
    cursor: bool,
    depth: Depth,
    anew: bool,
}

impl Composer {
    /// Nothing is known of the screen yet.
    pub fn new(depth: Depth) -> Self {
        Self { shown: Buffer::empty(Rect::ZERO), placements: Vec::new(), cursor: false, depth, anew: true }
    }

    /// The next frame is written whole.
    pub fn forget(&mut self) {
        self.anew = true;
    }

    /// The bytes that turn what is shown into `frame`; empty when nothing changed.
    ///
    /// # Errors
    /// None in practice: it writes to memory.
    pub fn compose(&mut self, mut frame: Frame) -> io::Result<Vec<u8>> {
        for cell in &mut frame.buffer.content {
            (cell.fg, cell.bg) = (self.depth.nearest(cell.fg), self.depth.nearest(cell.bg));
        }
        let mut body = Vec::new();
        if self.anew || self.shown.area != frame.buffer.area {
            self.shown = Buffer::empty(frame.buffer.area);
            self.placements.clear();
            self.anew = false;
            body.extend_from_slice(b"\x1b[0m\x1b[2J");
        }
        self.pictures(&frame, &mut body);
        let changed: Vec<_> = self.shown.diff(&frame.buffer);
        if !changed.is_empty() {
            CrosstermBackend::new(&mut body).draw(changed.into_iter())?;
        }
        if let Some(position) = frame.cursor {
            let _ = write!(Bytes(&mut body), "\x1b[{};{}H", position.y + 1, position.x + 1);
        }
        if frame.cursor.is_some() != self.cursor {
            self.cursor = frame.cursor.is_some();
            body.extend_from_slice(if self.cursor { b"\x1b[?25h" } else { b"\x1b[?25l" });
        }
        (self.shown, self.placements) = (frame.buffer, frame.placements);
        if body.is_empty() {
            return Ok(body);
        }
        let mut out = Vec::with_capacity(body.len() + 16);
        out.extend_from_slice(b"\x1b[?2026h");
        out.append(&mut body);
        out.extend_from_slice(b"\x1b[?2026l");
        Ok(out)
    }

    /// Writes the pictures that are new, have moved, or were written over; marks the cells to be written again
    /// where one has gone or stands under text.
    fn pictures(&mut self, frame: &Frame, body: &mut Vec<u8>) {
        let is_reserved = |buffer: &Buffer, at: usize| buffer.content[at].diff_option == CellDiffOption::Skip;
        let mut freed = Vec::new();
        let mut taken = Vec::new();
        for at in 0..frame.buffer.content.len() {
            match (is_reserved(&self.shown, at), is_reserved(&frame.buffer, at)) {
                (true, false) => freed.push(at),
                (false, true) => taken.push(frame.buffer.pos_of(at)),
                _ => {}
            }
        }
        for at in freed {
            poison(&mut self.shown, at);
        }
        for placement in &frame.placements {
            let stands =
                |old: &Placement| old.area == placement.area && Arc::ptr_eq(&old.picture, &placement.picture);
            let covered = taken.iter().any(|(x, y)| placement.area.contains(Position { x: *x, y: *y }));
            if self.placements.iter().any(stands) && !covered {
                continue;
            }
            if let Picture::Sequence(data) = placement.picture.as_ref() {
                let _ = write!(Bytes(body), "\x1b[0m\x1b[{};{}H", placement.area.y + 1, placement.area.x + 1);
                body.extend_from_slice(data.as_bytes());
            }
            for position in placement.area.intersection(frame.buffer.area).positions() {
                let at = frame.buffer.index_of(position.x, position.y);
                if !is_reserved(&frame.buffer, at) {
                    poison(&mut self.shown, at);
                }
            }
        }
    }
}

/// Makes a cell differ from whatever comes next.
fn poison(buffer: &mut Buffer, at: usize) {
    buffer.content[at].reset();
    buffer.content[at].set_symbol("\u{fffd}");
}

/// OSC 52: the terminal puts the text on the clipboard, over SSH too.
pub fn clipboard(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = b"\x1b]52;c;".to_vec();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            out.push(if digit > chunk.len() { b'=' } else { DIGITS[index] });
        }
    }
    out.push(7);
    out
}

struct Bytes<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    const AREA: Rect = Rect { x: 0, y: 0, width: 10, height: 3 };
    const PLACE: Rect = Rect { x: 1, y: 1, width: 4, height: 2 };

    fn frame(text: &str, picture: Option<&Arc<Picture>>, over: &str) -> Frame {
        let mut buffer = Buffer::empty(AREA);
        buffer.set_string(0, 0, text, Style::new());
        let mut placements = Vec::new();
        if let Some(picture) = picture {
            picture.place(PLACE, &mut buffer, Depth::Full);
            placements.push(Placement { area: PLACE, picture: Arc::clone(picture) });
        }
        for (x, symbol) in over.chars().enumerate() {
            let cell = &mut buffer[(x as u16 + 2, 1)];
            cell.reset();
            cell.set_char(symbol);
        }
        Frame { buffer, placements, cursor: None }
    }

    fn text(composer: &mut Composer, frame: Frame) -> String {
        String::from_utf8(composer.compose(frame).unwrap()).unwrap()
    }

    #[test]
    fn only_what_changed_is_written_in_one_synchronised_update() {
        let mut composer = Composer::new(Depth::Full);
        let first = text(&mut composer, frame("abc", None, ""));
        assert!(first.starts_with("\x1b[?2026h") && first.ends_with("\x1b[?2026l") && first.contains("abc"));
        assert_eq!(text(&mut composer, frame("abc", None, "")), "");
        let second = text(&mut composer, frame("abd", None, ""));
        assert!(second.contains('d') && !second.contains("ab"), "{second:?}");
    }

    #[test]
    fn picture_is_sent_once_and_again_only_when_it_must() {
        let picture = Arc::new(Picture::Sequence("<PIC>".into()));
        let mut composer = Composer::new(Depth::Full);
        assert!(text(&mut composer, frame("abc", Some(&picture), "")).contains("\x1b[2;2H<PIC>"));
        assert!(!text(&mut composer, frame("abd", Some(&picture), "")).contains("<PIC>"));
        // A window opens over it: its blanks must be written too, or the picture would show through.
        let over = text(&mut composer, frame("abd", Some(&picture), "x y"));
        assert!(over.contains("x y") && !over.contains("<PIC>"), "{over:?}");
        // The window closes: the picture comes again.
        assert!(text(&mut composer, frame("abd", Some(&picture), "")).contains("<PIC>"));
        // The picture goes: its cells are written as blanks.
        let gone = text(&mut composer, frame("abd", None, ""));
        assert_eq!(gone.matches("    ").count(), 2, "{gone:?}");
    }

    #[test]
    fn new_picture_under_a_window_leaves_the_window_on_top() {
        let (one, two) =
            (Arc::new(Picture::Sequence("<1>".into())), Arc::new(Picture::Sequence("<2>".into())));
        let mut composer = Composer::new(Depth::Full);
        text(&mut composer, frame("abc", Some(&one), "xyz"));
        let next = text(&mut composer, frame("abc", Some(&two), "xyz"));
        let (picture, window) = (next.find("<2>").unwrap(), next.find("xyz").unwrap());
        assert!(picture < window, "{next:?}");
    }

    #[test]
    fn clipboard_text_is_base64() {
        assert_eq!(clipboard("abcd"), b"\x1b]52;c;YWJjZA==\x07");
        assert_eq!(clipboard("abc"), b"\x1b]52;c;YWJj\x07");
    }
}
