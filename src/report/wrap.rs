//! Texts broken into lines of a width.

use super::face::{Faces, Weight};

/// Breaks a text into lines no wider than a width. A word that is wider than a line is broken where it has to be.
/// There is always at least one line, and a line always has at least one character of the text.
pub(crate) fn wrap(faces: &Faces, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0.0;
    let space = faces.advance(' ', weight, size);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let wide = faces.width(word, weight, size);
        if !line.is_empty() && used + space + wide <= width {
            line.push(' ');
            line.push_str(word);
            used += space + wide;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        (line, used) = place(faces, word, weight, size, width, &mut lines);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Begins a line with a word. Pieces that fill a line are added to the lines; the rest and its width come back.
fn place(
    faces: &Faces,
    word: &str,
    weight: Weight,
    size: f32,
    width: f32,
    lines: &mut Vec<String>,
) -> (String, f32) {
    let mut rest = String::new();
    let mut used = 0.0;
    for part in parts(word) {
        let wide = faces.width(part, weight, size);
        if wide <= width && used + wide > width && !rest.is_empty() {
            lines.push(std::mem::take(&mut rest));
            used = 0.0;
        }
        if wide <= width {
            rest.push_str(part);
            used += wide;
            continue;
        }
        for character in part.chars() {
            let wide = faces.advance(character, weight, size);
            if used + wide > width && !rest.is_empty() {
                lines.push(std::mem::take(&mut rest));
                used = 0.0;
            }
            rest.push(character);
            used += wide;
        }
    }
    (rest, used)
}

/// The parts of a word between which it may be broken: after a hyphen, a slash, an underscore or the like.
pub(crate) fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split_inclusive(['-', '/', '_', '\\', ':', ',', ';', '=', '|', '–', '—'])
}

/// A text cut to a width, with an ellipsis at its end if something is missing.
pub(crate) fn fit(faces: &Faces, text: &str, weight: Weight, size: f32, width: f32) -> String {
    if faces.width(text, weight, size) <= width {
        return text.to_owned();
    }
    let mut used = faces.advance('…', weight, size);
    let mut short = String::new();
    for character in text.chars() {
        used += faces.advance(character, weight, size);
        if used > width {
            break;
        }
        short.push(character);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// Breaks a text into at most some lines; the last one is cut if more would be needed.
pub(crate) fn wrap_to(
    faces: &Faces,
    text: &str,
    weight: Weight,
    size: f32,
    width: f32,
    most: usize,
) -> Vec<String> {
    let mut lines = wrap(faces, text, weight, size, width);
    if lines.len() > most.max(1) {
        let rest = lines.split_off(most.max(1) - 1).join(" ");
        lines.push(fit(faces, &rest, weight, size, width));
    }
    lines
}
