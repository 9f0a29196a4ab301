//! Changing the configuration file while its comments and order stay.

use std::path::{Path, PathBuf};

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::{Config, ConfigError, Inbox};
use crate::model::words::io_words;

/// A configuration file being changed. Nothing is written before [`Edit::save`] has found the result valid.
#[derive(Debug)]
pub struct Edit {
    path: PathBuf,
    document: DocumentMut,
}

impl Edit {
    /// Opens the file.
    ///
    /// # Errors
    /// The file cannot be read, or is no TOML.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::unreadable(path, &e))?;
        // What is wrong with it otherwise may be what is to be mended.
        let document = text.parse().map_err(|e: toml_edit::TomlError| ConfigError {
            path: path.into(),
            at: None,
            key: None,
            message: e.message().into(),
        })?;
        Ok(Self { path: path.into(), document })
    }

    /// Sets `table.key`; `text` is read as TOML and taken as a string where it is none.
    pub fn set(&mut self, key: &str, text: &str) {
        let parsed: Value = text.parse().unwrap_or_else(|_| Value::from(text));
        match key.rsplit_once('.') {
            Some((table, key)) => self.document[table][key] = Item::Value(parsed),
            None => self.document[key] = Item::Value(parsed),
        }
    }

    /// Adds an inbox.
    pub fn add_inbox(&mut self, inbox: &Inbox) {
        let mut table = Table::new();
        table["name"] = value(&inbox.name);
        table["path"] = value(inbox.path.to_string_lossy().as_ref());
        table["site"] = value(&inbox.site);
        let inboxes = self.document.entry("inbox").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        if let Some(inboxes) = inboxes.as_array_of_tables_mut() {
            inboxes.push(table);
        }
    }

    /// Removes the inbox with this name; whether there was one.
    pub fn remove_inbox(&mut self, name: &str) -> bool {
        let Some(inboxes) = self.document.get_mut("inbox").and_then(Item::as_array_of_tables_mut) else {
            return false;
        };
        let before = inboxes.len();
        inboxes.retain(|t| t.get("name").and_then(Item::as_str) != Some(name));
        inboxes.len() < before
    }

    /// What would be written.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// Checks the result, writes it in one step, and returns it.
    ///
    /// # Errors
    /// The result is no valid configuration, or cannot be written; the file is then as it was.
    pub fn save(self) -> Result<Config, ConfigError> {
        let text = self.document.to_string();
        let config = Config::parse(&text, &self.path)?;
        config.lie_apart(self.path.parent().unwrap_or(Path::new(".")), &text, &self.path)?;
        let draft = self.path.with_extension("toml.new");
        std::fs::write(&draft, &text).and_then(|()| std::fs::rename(&draft, &self.path)).map_err(|e| {
            ConfigError {
                path: self.path.clone(),
                at: None,
                key: None,
                message: format!("cannot be written: {}", io_words(e.kind())),
            }
        })?;
        Ok(config)
    }
}
