//! Whether a configuration names a theme, actions and keys that exist.

use std::path::Path;

use super::app::App;
use super::keymap::Key;
use super::theme::{Depth, Theme};
use crate::config::{Config, quoted, suggestion};
use crate::model::words::io_words;

/// Keys of the table `console` that are wrong, and why; a theme's file is relative to `root`.
pub fn invalid_values(config: &Config, root: &Path) -> Vec<(String, String)> {
    let console = &config.console;
    let mut wrong = Vec::new();
    let theme = if is_file(&console.theme) {
        std::fs::read_to_string(root.join(&console.theme))
            .map_err(|error| format!("{} cannot be read: {}", console.theme, io_words(error.kind())))
            .and_then(|text| Theme::parse(&text, Depth::Full).map_err(|error| error.to_string()))
    } else {
        Theme::named(&console.theme, Depth::Full).map_err(|error| error.to_string())
    };
    if let Err(why) = theme {
        wrong.push(("console.theme".into(), why));
    }
    let actions = App::actions();
    let names: Vec<&str> = actions.iter().map(|action| action.name).collect();
    for (action, keys) in &console.keys {
        let key = format!("console.keys.{}", quoted(action));
        if !names.contains(&&**action) {
            let near = suggestion(action, &names);
            let near = if near.contains("did you mean") { near } else { "; the key : lists them".into() };
            wrong.push((key.clone(), format!("there is no action {action}{near}")));
        }
        for name in keys.split_whitespace().filter(|name| Key::parse(name).is_none()) {
            wrong.push((
                key.clone(),
                format!("there is no key {name}; keys are such as a, G, ctrl+d, enter, f5"),
            ));
        }
    }
    wrong
}

/// Whether a theme is a file and no name.
pub fn is_file(theme: &str) -> bool {
    Path::new(theme).extension().is_some_and(|extension| extension == "toml")
}
