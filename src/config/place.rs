//! Where a key stands in the text of a TOML file.

use std::ops::Range;

use toml_edit::{Document, Item, Key, Table, TableLike, Value};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The steps of a key such as `inbox[0].site` or `console.keys."review.accept"`.
fn steps(key: &str) -> Vec<Step> {
    let (mut steps, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in key.chars().chain(['.']) {
        match c {
            '"' => quoted = !quoted,
            '.' | '[' | ']' if !quoted => {
                let word = std::mem::take(&mut word);
                match word.parse() {
                    _ if word.is_empty() => {}
                    Ok(index) if c == ']' => steps.push(Step::Index(index)),
                    _ => steps.push(Step::Key(word)),
                }
            }
            c => word.push(c),
        }
    }
    steps
}

/// A key of a table as it is written in messages: quoted where it holds more than letters, digits, `_` and `-`.
pub fn quoted(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if bare { key.into() } else { format!("{key:?}") }
}

/// What stands at a place.
enum Node<'a> {
    Table(&'a dyn TableLike),
    Tables(Vec<&'a Table>),
    Value(&'a Value),
    Nothing,
}

fn node(item: &Item) -> Node<'_> {
    match item {
        Item::Table(table) => Node::Table(table),
        Item::ArrayOfTables(tables) => Node::Tables(tables.iter().collect()),
        Item::Value(Value::InlineTable(table)) => Node::Table(table),
        Item::Value(value) => Node::Value(value),
        Item::None => Node::Nothing,
    }
}

/// Where the key of `path` begins; where it is left to its default, where the table that it belongs to begins.
pub fn of_key(text: &str, path: &str) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut here: Node<'_> = Node::Table(document.as_table());
    let mut found = None;
    for step in steps(path) {
        here = match (&here, &step) {
            (Node::Table(table), Step::Key(name)) => {
                let Some((key, item)) = table.get_key_value(name) else { break };
                found = start(key, item).or(found);
                node(item)
            }
            (Node::Tables(tables), Step::Index(index)) => {
                let Some(table) = tables.get(*index) else { break };
                found = table.span().map(|span| span.start).or(found);
                Node::Table(*table)
            }
            (Node::Value(Value::Array(array)), Step::Index(index)) => {
                let Some(value) = array.get(*index) else { break };
                found = value.span().map(|span| span.start).or(found);
                match value {
                    Value::InlineTable(table) => Node::Table(table),
                    value => Node::Value(value),
                }
            }
            _ => break,
        };
    }
    found
}

/// Where a key with its value begins: of a table its header.
fn start(key: &Key, item: &Item) -> Option<usize> {
    match item {
        Item::Table(table) if !table.is_dotted() => table.span().map(|span| span.start),
        _ => key.span().map(|span| span.start),
    }
}

/// A key with its value that encloses `at`, or the header of a table without its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, with everything that it stands in.
    pub path: String,
    /// From the key to the end of its value; of a table its header alone.
    pub range: Range<usize>,
    /// It is a table with a header.
    pub is_table: bool,
}

/// The innermost entry that encloses a position.
pub fn around(text: &str, at: usize) -> Option<Entry> {
    let document = Document::parse(text).ok()?;
    let mut best = None;
    of_table(document.as_table(), "", &mut |entry: Entry| {
        let wider = |best: &Entry| best.range.len() >= entry.range.len();
        if entry.range.contains(&at) && best.as_ref().is_none_or(wider) {
            best = Some(entry);
        }
    });
    best
}

fn of_table(table: &dyn TableLike, path: &str, give: &mut dyn FnMut(Entry)) {
    for (name, _) in table.iter() {
        let Some((key, item)) = table.get_key_value(name) else { continue };
        let path = if path.is_empty() { quoted(name) } else { format!("{path}.{}", quoted(name)) };
        of_item(key, item, &path, give);
    }
}

fn of_item(key: &Key, item: &Item, path: &str, give: &mut dyn FnMut(Entry)) {
    let mut header = |span: Option<Range<usize>>, path: &str| {
        if let Some(range) = span {
            give(Entry { path: path.into(), range, is_table: true });
        }
    };
    match item {
        Item::Table(table) => {
            header(table.span().filter(|_| !table.is_dotted()), path);
            of_table(table, path, give);
        }
        Item::ArrayOfTables(tables) => {
            for (i, table) in tables.iter().enumerate() {
                let path = format!("{path}[{i}]");
                header(table.span(), &path);
            }
            for (i, table) in tables.iter().enumerate() {
                of_table(table, &format!("{path}[{i}]"), give);
            }
        }
        Item::Value(value) => {
            if let (Some(key), Some(value)) = (key.span(), value.span()) {
                give(Entry { path: path.into(), range: key.start..value.end, is_table: false });
            }
            of_value(value, path, give);
        }
        Item::None => {}
    }
}

/// Entries of inline tables, at any depth.
fn of_value(value: &Value, path: &str, give: &mut dyn FnMut(Entry)) {
    match value {
        Value::InlineTable(table) => of_table(table, path, give),
        Value::Array(array) => {
            for (i, value) in array.iter().enumerate() {
                of_value(value, &format!("{path}[{i}]"), give);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[[inbox]]\nname = \"x\"\n[[inbox]]\nname = \"y\"\n[console.keys]\n\"list.down\" = \"j\"\n\
                        [qc]\nchecks = { air = { threshold = 3 } }\n";

    #[test]
    fn keys_are_found_and_what_lies_around_a_place() {
        let at = |path: &str| of_key(TEXT, path).map(|at| TEXT[at..].lines().next().unwrap());
        assert_eq!(at("a"), Some("a = 1"));
        assert_eq!(at("inbox[1].name"), Some("name = \"y\""));
        assert_eq!(at("inbox[1].site"), Some("[[inbox]]"));
        assert_eq!(at("console.keys.\"list.down\""), Some("\"list.down\" = \"j\""));
        assert_eq!(at("qc.checks.air.threshold"), Some("threshold = 3 } }"));
        assert_eq!(at("review.share"), None);
        let around = |word: &str| around(TEXT, TEXT.find(word).unwrap()).unwrap().path;
        assert_eq!(around("\"y\""), "inbox[1].name");
        assert_eq!(around("3 }"), "qc.checks.air.threshold");
        assert_eq!(around("\"j\""), "console.keys.\"list.down\"");
        assert_eq!(around("[[inbox]]\nname = \"y\""), "inbox[1]");
    }
}
