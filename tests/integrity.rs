//! Nothing is lost: folders that must lie apart, verification and repair, backups, damaged and missing catalogs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "integrity/access.rs"]
mod access;
#[path = "integrity/acts.rs"]
mod acts;
mod common;
#[path = "integrity/folders.rs"]
mod folders;
#[path = "integrity/landing.rs"]
mod landing;
#[path = "integrity/order.rs"]
mod order;
#[path = "integrity/people.rs"]
mod people;
#[path = "integrity/reprocess.rs"]
mod reprocess;
#[path = "integrity/restore.rs"]
mod restore;
#[path = "integrity/retention.rs"]
mod retention;
#[path = "integrity/signing.rs"]
mod signing;
#[path = "integrity/verify.rs"]
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use common::files::{file, series};
use common::{gantry, text};
use serde_json::Value;

/// A workspace and a folder of sources beside it.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// A workspace of one series of `slices` slices, checked and before a reviewer.
    fn with(slices: u32) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.command(&["init", text(&place.workspace())], 0);
        place.write_sources(slices);
        let told = place.run(&["ingest", text(&place.sources()), "--site", "A"], 0);
        assert_eq!(told["deidentified"].as_u64(), Some(u64::from(slices)), "{told}");
        place
    }

    fn write_sources(&self, slices: u32) {
        fs::create_dir_all(self.sources()).unwrap();
        for slice in series(slices) {
            fs::write(self.sources().join(format!("{}.dcm", slice.number)), file(&slice)).unwrap();
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn workspace(&self) -> PathBuf {
        self.at("w")
    }

    fn sources(&self) -> PathBuf {
        self.at("sources")
    }

    /// Runs a command on the workspace, which ends with this status; its JSON, the last line of it.
    fn run(&self, arguments: &[&str], status: i32) -> Value {
        let workspace = self.workspace();
        self.command(&[&["--workspace", text(&workspace)], arguments].concat(), status)
    }

    fn command(&self, arguments: &[&str], status: i32) -> Value {
        let (exit, lines, err) = gantry(arguments);
        assert_eq!(exit, status, "{arguments:?}\n{lines:?}\n{err}");
        lines.into_iter().next_back().unwrap_or_default()
    }

    /// The message of the error with which a command ends.
    fn refusal(&self, arguments: &[&str], status: i32) -> String {
        let told = self.run(arguments, status);
        told["error"]["message"].as_str().unwrap_or_else(|| panic!("{arguments:?}: {told}")).to_string()
    }

    /// Changes the catalog behind Gantry's back.
    fn tamper(&self, sql: &str) {
        let catalog = rusqlite::Connection::open(self.workspace().join("catalog.sqlite")).unwrap();
        catalog.execute_batch(sql).unwrap();
    }

    /// The files of the store.
    fn blobs(&self) -> Vec<PathBuf> {
        files_below(&self.workspace().join("store"))
    }
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

/// Flips one bit in the middle of a file.
fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}
