//! Content-addressed storage of stored instances: a blob's name is the SHA-256 of its bytes.

mod fs;

pub use fs::{FsStore, Staged};

use std::io;

use sha2::{Digest, Sha256};

use crate::bytes::ByteSource;
use crate::model::words::io_words;

/// Why a blob cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// No blob has this name.
    #[error("blob {0} is not stored")]
    NotFound(String),
    /// The bytes are no longer those that were stored.
    #[error("blob {0} is damaged: its bytes do not match its name")]
    Damaged(String),
    /// The operating system refused.
    #[error("the store cannot be used: {}", io_words(*.0))]
    Io(io::ErrorKind),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// The name of these bytes: 64 hexadecimal digits.
pub fn name_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The same of bytes that need not be in memory.
///
/// # Errors
/// The file that holds them cannot be read.
pub fn name_of_bulk(bytes: &ByteSource<'_>) -> io::Result<String> {
    let mut hash = Sha256::new();
    bytes.each(|piece| {
        hash.update(piece);
        Ok::<(), io::Error>(())
    })?;
    Ok(hex::encode(hash.finalize()))
}
