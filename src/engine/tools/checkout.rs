//! A task on a reader's own disk: the image, the guideline, what is known of the task.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::convert::{How, PhilipsScale, Standard, all};
use super::gather::gather;
use crate::engine::command::Checkout;
use crate::engine::{Client, EngineError};
use crate::format::label::write_structure;
use crate::label::{Placed, PlacedStructure, stored};
use crate::model::text;
use crate::model::words::io_words;

/// How the image is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The instances as they are stored.
    Dicom,
    /// One volume a stack.
    Nifti,
}

/// Bytes that are written at a time.
const PIECE: u64 = 1 << 20;

/// Whether a folder is not there yet, or empty.
///
/// # Errors
/// It holds something, in words.
pub fn is_free(to: &Path) -> Result<(), String> {
    let holds_something = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if holds_something || to.is_file() {
        return Err(format!("{} is not empty; a checkout never writes over anything", to.display()));
    }
    Ok(())
}

/// Writes a task into a folder, which is there as a whole or not at all; the files, below the folder.
///
/// # Errors
/// A blob cannot be had, or the disk refuses.
pub fn write(
    client: &dyn Client,
    checkout: &Checkout,
    to: &Path,
    format: Format,
) -> Result<Vec<String>, EngineError> {
    let mut name = to.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let draft = to.with_file_name(name);
    let written = fill(client, checkout, &draft, format).and_then(|files| {
        let disk = |e: std::io::Error| storage(to, &e);
        if to.exists() {
            fs::remove_dir(to).map_err(disk)?;
        }
        fs::rename(&draft, to).map_err(disk)?;
        Ok(files)
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    written
}

fn storage(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Storage { why: format!("{}: {}", path.display(), io_words(error.kind())) }
}

fn fill(
    client: &dyn Client,
    checkout: &Checkout,
    draft: &Path,
    format: Format,
) -> Result<Vec<String>, EngineError> {
    let disk = |e: std::io::Error| storage(draft, &e);
    if draft.exists() {
        fs::remove_dir_all(draft).map_err(disk)?;
    }
    let images = draft.join("image");
    fs::create_dir_all(&images).map_err(disk)?;
    for (number, blob) in (1..).zip(&checkout.instances) {
        copy(client, blob, &images.join(format!("{number:05}.dcm")))?;
    }
    if format == Format::Nifti {
        let counter = AtomicU64::new(0);
        let gathered = gather(std::slice::from_ref(&images), true, &counter).map_err(disk)?;
        let how = How { standard: &Standard::default(), philips: PhilipsScale::Display, names: None };
        all(&gathered, None, draft, &how).map_err(disk)?;
        drop(gathered);
        fs::remove_dir_all(&images).map_err(disk)?;
    }
    if let Some((name, blob)) = &checkout.document {
        copy(client, blob, &draft.join(file_name(name)))?;
    }
    for label in &checkout.drawn {
        let bytes = client.blob(&label.blob)?;
        let whole = bytes.all().map_err(disk)?;
        let damaged = || EngineError::Storage { why: "what a reader drew is damaged".into() };
        let (grid, mask) = stored::decode(&whole).ok_or_else(damaged)?;
        let folder = draft.join(format!("reads/{}-{}", label.read, file_name(&label.reader)));
        fs::create_dir_all(&folder).map_err(disk)?;
        let structure = PlacedStructure::of_mask(1, &label.structure, mask);
        let placed = Placed { grid, in_space: true, structures: Vec::new(), warnings: Vec::new() };
        let path = folder.join(format!("{}.nii.gz", file_name(&label.structure)));
        write_structure(&placed, &structure, &path)
            .map_err(|e| EngineError::Storage { why: e.to_string() })?;
    }
    fs::write(draft.join("task.json"), text::json(&checkout.about) + "\n").map_err(disk)?;
    let mut files = Vec::new();
    list(draft, draft, &mut files).map_err(disk)?;
    files.sort();
    Ok(files)
}

/// A name as a file may have it: letters, digits and `._-`.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "._- ".contains(c) { c } else { '_' };
    let name: String = name.chars().take(80).map(plain).collect();
    let name = name.trim_matches(['.', ' ']).to_owned();
    if name.is_empty() { "unnamed".into() } else { name }
}

fn copy(client: &dyn Client, blob: &str, path: &Path) -> Result<(), EngineError> {
    let bytes = client.blob(blob)?;
    let disk = |e: std::io::Error| storage(path, &e);
    let mut file = fs::File::create(path).map_err(disk)?;
    let mut offset = 0;
    while offset < bytes.len() {
        let until = (offset + PIECE).min(bytes.len());
        file.write_all(&bytes.read(offset..until).map_err(disk)?).map_err(disk)?;
        offset = until;
    }
    Ok(())
}

fn list(folder: &Path, root: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            list(&path, root, found)?;
        } else {
            let below = path.strip_prefix(root).unwrap_or(&path);
            found.push(below.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
