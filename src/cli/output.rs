//! Where results and messages go: results to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::json;

use super::{Failure, Global};
use crate::model::text;

/// Prints results and messages in the form that was asked for.
#[derive(Debug, Clone)]
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// The output that the global options ask for.
    pub fn new(global: &Global) -> Self {
        Self { json: global.json, quiet: global.quiet }
    }

    /// Whether results are to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a progress display makes sense: stderr is a terminal and nobody asked for quiet.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// One JSON document (or one line of a *lines* result) on stdout.
    pub fn json(&self, value: &impl Serialize) {
        let mut line = text::json(value);
        line.push('\n');
        write_all(&mut io::stdout().lock(), line.as_bytes());
    }

    /// A result: JSON when that was asked for, else the text that `text` makes.
    pub fn result<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) {
        if self.json { self.json(value) } else { self.text(&text(value)) }
    }

    /// One result of many, as it is written by [`Page::put`].
    pub fn line<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> String {
        if self.json { text::json(value) } else { text::visible_lines(&text(value)) }
    }

    /// Many results, written in blocks.
    pub fn page(&self) -> Page<'_> {
        Page { out: self, buffer: Vec::with_capacity(PAGE) }
    }

    /// Lines of text on stdout, with everything that a terminal would obey made visible.
    pub fn text(&self, lines: &str) {
        let mut safe = text::visible_lines(lines);
        if !safe.ends_with('\n') && !safe.is_empty() {
            safe.push('\n');
        }
        write_all(&mut io::stdout().lock(), safe.as_bytes());
    }

    /// A message for people on stderr, unless they asked for quiet.
    pub fn note(&self, line: &str) {
        if !self.quiet {
            write_all(&mut io::stderr().lock(), format!("{}\n", text::visible(line)).as_bytes());
        }
    }

    /// A line on stderr that quiet does not silence: what is wrong.
    pub fn say(&self, line: &str) {
        write_all(
            &mut io::stderr().lock(),
            format!("{}\n", text::visible(&format!("gantry: {line}"))).as_bytes(),
        );
    }

    /// The one line (and with `--json` the object) that says why a command failed.
    pub fn failure(&self, failure: &Failure) {
        let hint = failure.hint.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
        let line = text::visible(&format!("gantry: {}{hint}", failure.message));
        write_all(&mut io::stderr().lock(), format!("{line}\n").as_bytes());
        if self.json {
            let mut error = json!({"code": failure.code, "message": failure.message, "hint": failure.hint});
            if let Some(fields) = error.as_object_mut() {
                fields.extend(failure.details.clone());
            }
            self.json(&json!({"error": error}));
        }
    }
}

/// A closed pipe is the reader's decision, not our error.
fn write_all(to: &mut impl Write, bytes: &[u8]) {
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}

/// Bytes that a page gathers before it writes.
const PAGE: usize = 64 << 10;

/// Results of a *lines* command on their way to stdout.
#[derive(Debug)]
pub struct Page<'a> {
    out: &'a Output,
    buffer: Vec<u8>,
}

impl Page<'_> {
    /// One result: a line of JSON when that was asked for, else the text that `text` makes.
    pub fn result<T: Serialize>(&mut self, value: &T, text: impl FnOnce(&T) -> String) {
        let line = self.out.line(value, text);
        self.put(&line);
    }

    /// A line that [`Output::line`] has made.
    pub fn put(&mut self, line: &str) {
        self.buffer.extend_from_slice(line.as_bytes());
        self.buffer.push(b'\n');
        if self.buffer.len() >= PAGE {
            self.flush();
        }
    }

    /// Writes what is left.
    pub fn end(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        write_all(&mut io::stdout().lock(), &self.buffer);
        self.buffer.clear();
    }
}
