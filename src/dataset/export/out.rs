//! Where a format puts its files, and what it notes of a series for the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a format has noted of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The series.
    pub series_uid: String,
    /// The format.
    pub format: String,
    /// What was noted.
    pub value: Value,
}

/// The output of one format.
pub struct Out<'d> {
    root: &'d Path,
    files: Vec<PathBuf>,
    parts: Vec<PathBuf>,
    notes: Vec<Value>,
    warnings: Vec<String>,
    refused: Vec<(&'static str, String)>,
}

impl<'d> Out<'d> {
    /// Below a folder.
    pub fn below(root: &'d Path) -> Self {
        Self {
            root,
            files: Vec::new(),
            parts: Vec::new(),
            notes: Vec::new(),
            warnings: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The folder that everything lies below.
    pub fn root(&self) -> &Path {
        self.root
    }

    /// A file of the dataset, by its path below the folder: it is written there next.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub fn file(&mut self, relative: &Path) -> io::Result<PathBuf> {
        self.files.push(relative.to_path_buf());
        self.place(relative)
    }

    /// A piece of a file that is put together at the end, by its path below the folder of pieces.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub fn part(&mut self, relative: &Path) -> io::Result<PathBuf> {
        let relative = Path::new(super::folder::SCRATCH).join(relative);
        self.parts.push(relative.clone());
        self.place(&relative)
    }

    /// The piece of this path.
    pub fn part_of(&self, relative: &str) -> PathBuf {
        self.root.join(super::folder::SCRATCH).join(relative)
    }

    fn place(&self, relative: &Path) -> io::Result<PathBuf> {
        let path = self.root.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(path)
    }

    /// Notes something of the series for the end.
    pub fn note(&mut self, value: Value) {
        self.notes.push(value);
    }

    /// Something that whoever uses the dataset should know.
    pub fn warn(&mut self, words: String) {
        self.warnings.push(words);
    }

    /// The format leaves it out: the kind, and why in words.
    pub fn leave_out(&mut self, kind: &'static str, reason: impl Into<String>) {
        self.refused.push((kind, reason.into()));
    }

    /// What came of it.
    pub fn made(self) -> Made {
        Made {
            files: self.files,
            parts: self.parts,
            notes: self.notes,
            warnings: self.warnings,
            left_out: self.refused,
        }
    }
}

/// What a format has made.
#[derive(Debug, Default)]
pub struct Made {
    /// Files of the dataset, by their paths below its folder.
    pub files: Vec<PathBuf>,
    /// Pieces, by their paths below the folder.
    pub parts: Vec<PathBuf>,
    /// Notes for the end.
    pub notes: Vec<Value>,
    /// What whoever uses it should know.
    pub warnings: Vec<String>,
    /// What the format leaves out: the kind, and why in words.
    pub left_out: Vec<(&'static str, String)>,
}
