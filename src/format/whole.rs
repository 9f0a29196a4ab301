//! Files of text that are there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `text` beside its place and renames it. `private` files are readable by their owner alone.
///
/// # Errors
/// The file cannot be written; what was there before stays.
pub fn write_whole(path: &Path, text: &str, private: bool) -> io::Result<()> {
    write(path, text.as_bytes(), private)
}

/// The same with bytes.
///
/// # Errors
/// As [`write_whole`].
pub fn write_whole_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, false)
}

fn write(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let _ = fs::remove_file(&part);
    let mode = if private { 0o600 } else { 0o666 };
    let written = fs::OpenOptions::new().create_new(true).write(true).mode(mode).open(&part);
    let written = written.and_then(|mut file| file.write_all(bytes));
    let written = written.and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}
