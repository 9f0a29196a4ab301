//! Texts typed by people, made safe to show.

use std::borrow::Cow;

/// A text in which no character hides, reorders or breaks the others: white space is a plain space, and control
/// characters, marks of direction and invisible characters are shown by their number.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| is_blank(character) || is_hidden(character)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        if is_blank(character) {
            clean.push(' ');
        } else if is_hidden(character) {
            clean.push_str(&format!("[U+{:04X}]", u32::from(character)));
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(clean)
}

/// Whether a character is white space that a report shows as a plain space.
const fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character is unseen, or changes the order in which others are seen.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
        || u32::from(character) & 0xfffe == 0xfffe
        || matches!(character, '\u{fdd0}'..='\u{fdef}')
}
