//! A key for the vault.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::deid::VaultKey;

/// Makes a key and writes it to a new file that its owner alone may read. Gives the public key.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn new_key(path: &Path) -> io::Result<String> {
    let key = VaultKey::generate();
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(key.file().as_bytes())?;
    file.sync_all()?;
    Ok(key.recipient())
}
