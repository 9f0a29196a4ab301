//! Files of a tree, one after the other.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Item, items};

/// Regular files below a folder in the order of their names, without following links; archives member by member.
pub struct Walk {
    /// What is still to be looked at, the next one last.
    pending: Vec<Pending>,
    /// Folders that could not be read so far.
    pub unreadable: u64,
}

enum Pending {
    Folder(PathBuf),
    File(PathBuf),
    Item(Item),
}

impl Walk {
    /// A walk that has not begun.
    pub fn new(root: &Path) -> Self {
        let first = if root.is_dir() { Pending::Folder(root.into()) } else { Pending::File(root.into()) };
        Self { pending: vec![first], unreadable: 0 }
    }

    fn open(&mut self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else {
            self.unreadable += 1;
            return;
        };
        let mut found: Vec<(PathBuf, bool)> = entries
            .flatten()
            .filter_map(|entry| {
                let kind = entry.file_type().ok()?;
                (kind.is_dir() || kind.is_file()).then(|| (entry.path(), kind.is_dir()))
            })
            .collect();
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0));
        let pending = |(path, is_dir)| if is_dir { Pending::Folder(path) } else { Pending::File(path) };
        self.pending.extend(found.into_iter().map(pending));
    }
}

impl Iterator for Walk {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            match self.pending.pop()? {
                Pending::Folder(path) => self.open(&path),
                Pending::File(path) => {
                    let found = items(&path, &std::env::temp_dir());
                    self.pending.extend(found.into_iter().rev().map(Pending::Item));
                }
                Pending::Item(item) => return Some(item),
            }
        }
    }
}
