//! A form: named fields, one below the other, each changed by one key; what is filled in is carried out as a whole.

use ratatui::layout::Rect;

use super::{Dialog, Effect, Effects};
use crate::console::canvas::Canvas;
use crate::console::widget::ListState;

/// The tag with which the value of a field comes back.
pub const FIELD: &str = "form.field";

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A line of text, with words to offer.
    Text(Vec<String>),
    /// A query of `gantry search`.
    Query,
    /// One of a list; the first stands for none of them.
    Choice(Vec<String>),
    /// Yes or no.
    Switch,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What stands in it.
    pub value: String,
    /// What stands there dimmed while it is empty: what happens then.
    pub when_empty: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl Field {
    /// A field with a value.
    pub fn new(name: &'static str, kind: Kind, value: &str, when_empty: &'static str) -> Self {
        Self { name, value: value.into(), when_empty, kind }
    }
}

/// Fields with a cursor.
#[derive(Debug, Clone, Default)]
pub struct Form {
    fields: Vec<Field>,
    list: ListState,
}

impl Form {
    /// A form of these fields.
    pub fn new(fields: Vec<Field>) -> Self {
        let mut list = ListState::default();
        list.resize(fields.len() as u64);
        Self { fields, list }
    }

    /// What stands in a field; empty where there is no such field.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|f| f.name == name).map_or("", |f| f.value.trim())
    }

    /// The same, where something stands there.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name) == "yes"
    }

    /// Moves the cursor as a `list.…` action says; whether it was one of those.
    pub fn act(&mut self, action: &str) -> bool {
        self.list.act(action)
    }

    /// Puts the cursor on the line at a cell; whether it stood there already.
    pub fn point(&mut self, x: u16, y: u16) -> bool {
        let Some(line) = self.list.line_at(x, y) else { return false };
        let stood = self.list.selected == line;
        self.list.selected = line;
        stood
    }

    /// Changes the field under the cursor: a switch at once, else by a dialog. Whether it has changed already.
    pub fn edit(&mut self) -> (bool, Effects) {
        let Some(field) = self.fields.get_mut(self.list.selected as usize) else {
            return (false, Vec::new());
        };
        let title = field.name.to_owned();
        let input = |complete, offers| Dialog::Input {
            tag: FIELD,
            title: title.clone(),
            text: field.value.clone(),
            complete,
            offers,
        };
        let dialog = match &field.kind {
            Kind::Switch => {
                field.value = if field.value == "yes" { String::new() } else { "yes".into() };
                return (true, Vec::new());
            }
            Kind::Text(offers) => input(false, offers.clone()),
            Kind::Query => input(true, Vec::new()),
            Kind::Choice(options) => {
                Dialog::Choose { tag: FIELD, title, options: options.clone(), typed: false }
            }
        };
        (false, vec![Effect::Dialog(dialog)])
    }

    /// A dialog about the field under the cursor was answered; the cursor goes on to the next.
    pub fn answered(&mut self, text: &str) {
        if let Some(field) = self.fields.get_mut(self.list.selected as usize) {
            let is_none =
                matches!(&field.kind, Kind::Choice(options) if options.first().is_some_and(|o| o == text));
            field.value = if is_none { String::new() } else { text.trim().to_owned() };
            self.list.act("list.down");
        }
    }

    /// Lines that it takes.
    pub fn height(&self) -> u16 {
        self.fields.len() as u16
    }

    /// Draws the fields.
    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let names = self.fields.iter().map(|f| f.name.chars().count() as u16).max().unwrap_or(0);
        let (first, end) = self.list.window(area);
        for index in first..end {
            let Some(field) = self.fields.get(index as usize) else { continue };
            let y = area.y + (index - first) as u16;
            canvas.text(area.x + 1, y, names.min(area.width), field.name, canvas.theme.dim());
            let (text, style) = match (field.value.is_empty(), &field.kind) {
                (true, Kind::Switch) => ("no", canvas.theme.dim()),
                (true, _) => (field.when_empty, canvas.theme.dim()),
                (false, _) => (&*field.value, canvas.theme.text()),
            };
            let x = area.x + names + 3;
            canvas.text(x, y, area.right().saturating_sub(x), text, style);
            if index == self.list.selected {
                let selected = canvas.theme.selected(ratatui::style::Style::new(), true);
                canvas.restyle(Rect { y, height: 1, ..area }, selected);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_filled_one_after_the_other() {
        let mut form = Form::new(vec![
            Field::new("name", Kind::Text(Vec::new()), "", "needed"),
            Field::new("by", Kind::Choice(vec!["none".into(), "site".into()]), "site", ""),
            Field::new("resume", Kind::Switch, "", ""),
        ]);
        assert!(!form.edit().0);
        form.answered("  v1 ");
        form.answered("none");
        assert_eq!((form.given("name"), form.given("by")), (Some("v1".into()), None));
        assert!(form.edit().0 && form.is_on("resume") && form.edit().0 && !form.is_on("resume"));
    }
}
