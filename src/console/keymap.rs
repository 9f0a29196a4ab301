//! Actions as data: what a key does, the key line, help and the palette are all made from these tables.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Something that a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its stable name, such as `review.accept`: for configuration and the palette.
    pub name: &'static str,
    /// Default keys, such as `a`, `ctrl+d`, `space`.
    pub keys: &'static [&'static str],
    /// A word or two for the key line; empty where it is not shown there.
    pub brief: &'static str,
    /// One line for help and palette.
    pub help: &'static str,
}

/// Shorthand for tables of actions.
pub const fn action(
    name: &'static str,
    keys: &'static [&'static str],
    brief: &'static str,
    help: &'static str,
) -> Action {
    Action { name, keys, brief, help }
}

/// What works on every screen.
pub const COMMON: &[Action] = &[
    action("list.down", &["j", "down"], "", "one line down"),
    action("list.up", &["k", "up"], "", "one line up"),
    action("list.page_down", &["pagedown", "ctrl+d", "ctrl+f"], "", "one page down"),
    action("list.page_up", &["pageup", "ctrl+u", "ctrl+b"], "", "one page up"),
    action("list.first", &["g", "home"], "", "to the first line"),
    action("list.last", &["G", "end"], "", "to the last line"),
    action("list.left", &["h", "left"], "", "to the left, or close"),
    action("list.right", &["l", "right"], "", "to the right, or open"),
    action("list.mark", &["space"], "", "mark or unmark the line"),
    action("list.mark_all", &["*"], "", "mark or unmark all that is shown"),
    action("list.open", &["enter"], "open", "go deeper: open what is selected"),
    action("pane.next", &["tab"], "", "to the next pane"),
    action("pane.previous", &["shift+tab"], "", "to the previous pane"),
    action("screen.filter", &["/"], "", "filter what is shown"),
    action("screen.sort", &["s"], "", "change the order"),
    action("screen.refresh", &["r", "f5"], "", "ask again"),
    action("screen.copy", &["y"], "", "copy the selected identifier"),
    action("app.undo", &["u"], "", "take the last decision back"),
    action("app.back", &["esc", "backspace"], "", "back to where you came from"),
    action("app.help", &["?", "f1"], "keys", "what the keys do here"),
    action("app.palette", &[":", "ctrl+p"], "command", "every action by name"),
    action("app.redraw", &["ctrl+l"], "", "draw the whole screen anew"),
    action("app.quit", &["q", "ctrl+c"], "", "leave the console"),
];

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    control: bool,
    alt: bool,
}

impl Key {
    /// From a terminal's key event; a capital stands for itself, not for Shift.
    pub fn from_event(event: &KeyEvent) -> Self {
        let code = match event.code {
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Self {
            code,
            control: event.modifiers.contains(KeyModifiers::CONTROL),
            alt: event.modifiers.contains(KeyModifiers::ALT),
        }
    }

    /// From its name, such as `ctrl+d`, `enter`, `G`, `f5`.
    pub fn parse(name: &str) -> Option<Self> {
        let (mut rest, mut control, mut alt, mut shift) = (name, false, false, false);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl+") {
                (rest, control) = (tail, true);
            } else if let Some(tail) = rest.strip_prefix("alt+") {
                (rest, alt) = (tail, true);
            } else if let Some(tail) = rest.strip_prefix("shift+") {
                (rest, shift) = (tail, true);
            } else {
                break;
            }
        }
        let code = match rest {
            "enter" => KeyCode::Enter,
            "esc" => KeyCode::Esc,
            "space" => KeyCode::Char(' '),
            "tab" if shift => KeyCode::BackTab,
            "tab" => KeyCode::Tab,
            "backspace" => KeyCode::Backspace,
            "delete" => KeyCode::Delete,
            "up" => KeyCode::Up,
            "down" => KeyCode::Down,
            "left" => KeyCode::Left,
            "right" => KeyCode::Right,
            "pageup" => KeyCode::PageUp,
            "pagedown" => KeyCode::PageDown,
            "home" => KeyCode::Home,
            "end" => KeyCode::End,
            _ => {
                let mut characters = rest.chars();
                match (characters.next(), characters.as_str()) {
                    (Some('f'), number) if !number.is_empty() => {
                        KeyCode::F(number.parse().ok().filter(|n| (1..=12).contains(n))?)
                    }
                    (Some(character), "") => KeyCode::Char(character),
                    _ => return None,
                }
            }
        };
        Some(Self { code, control, alt })
    }
}

/// A key's name as people see it: `↵`, `␣`, `^d`.
pub fn shown(name: &str) -> String {
    let name = name.replace("ctrl+", "^").replace("shift+tab", "⇤").replace("alt+", "M-");
    for (long, short) in [
        ("enter", "↵"),
        ("space", "␣"),
        ("esc", "Esc"),
        ("tab", "Tab"),
        ("up", "↑"),
        ("down", "↓"),
        ("left", "←"),
        ("right", "→"),
        ("pageup", "PgUp"),
        ("pagedown", "PgDn"),
        ("home", "Home"),
        ("end", "End"),
        ("backspace", "⌫"),
    ] {
        if name == long {
            return short.into();
        }
    }
    name
}

/// Why a binding of the configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No action has this name.
    #[error("there is no action {0}")]
    Action(String),
    /// The key's name is not understood.
    #[error("{action}: there is no key {key}")]
    Key {
        /// The action.
        action: String,
        /// The name.
        key: String,
    },
}

/// Keys of actions: the defaults with what the configuration changed.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    changed: HashMap<String, Vec<String>>,
}

impl Keymap {
    /// With bindings of the configuration: action name → keys (none unbinds it).
    ///
    /// # Errors
    /// [`KeyError`]: an action that is not among `known`, or a key that is not understood.
    pub fn new(changed: HashMap<String, Vec<String>>, known: &[Action]) -> Result<Self, KeyError> {
        for (name, keys) in &changed {
            if !known.iter().any(|action| action.name == name) {
                return Err(KeyError::Action(name.clone()));
            }
            if let Some(key) = keys.iter().find(|key| Key::parse(key).is_none()) {
                return Err(KeyError::Key { action: name.clone(), key: key.clone() });
            }
        }
        Ok(Self { changed })
    }

    /// The names of an action's keys.
    pub fn keys(&self, action: &Action) -> Vec<String> {
        match self.changed.get(action.name) {
            Some(keys) => keys.clone(),
            None => action.keys.iter().map(|key| (*key).to_string()).collect(),
        }
    }

    /// What `key` does, the first table first.
    pub fn find(&self, key: Key, tables: &[&[Action]]) -> Option<&'static str> {
        let is_it = |action: &&Action| self.keys(action).iter().any(|name| Key::parse(name) == Some(key));
        tables.iter().find_map(|table| table.iter().find(is_it)).map(|action| action.name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_default_key_is_understood() {
        for action in COMMON {
            for key in action.keys {
                assert!(Key::parse(key).is_some(), "{} {key}", action.name);
            }
        }
    }

    #[test]
    fn configuration_rebinds_and_is_checked() {
        let change = |name: &str, key: &str| HashMap::from([(name.to_string(), vec![key.to_string()])]);
        let map = Keymap::new(change("list.down", "ctrl+n"), COMMON).unwrap();
        assert_eq!(map.find(Key::parse("ctrl+n").unwrap(), &[COMMON]), Some("list.down"));
        assert_eq!(map.find(Key::parse("j").unwrap(), &[COMMON]), None);
        assert!(matches!(Keymap::new(change("list.dwn", "j"), COMMON), Err(KeyError::Action(_))));
        assert!(matches!(Keymap::new(change("list.down", "hyper+j"), COMMON), Err(KeyError::Key { .. })));
    }

    #[test]
    fn capitals_and_control_are_told_apart() {
        let event = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(Some(Key::from_event(&event)), Key::parse("G"));
        let event = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(Some(Key::from_event(&event)), Key::parse("ctrl+d"));
        assert_ne!(Key::parse("d"), Key::parse("ctrl+d"));
    }
}
