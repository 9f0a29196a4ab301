//! A file without a name, sealed: gone with the process however it ends, readable by nobody meanwhile, and of no use to who
//! changes it.
//!
//! It is sealed in pieces, each by ChaCha20-Poly1305 (RFC 8439) under a key of this file alone, with the piece's number as
//! nonce: any place can be read by itself, and a piece that was changed or put elsewhere does not open.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};

use rustix::fs::{Mode, OFlags};

use super::ReadAt;

/// Bytes of a piece.
const PIECE: usize = 64 << 10;
/// Bytes of a piece's tag, which stand behind it.
const TAG: usize = 16;

/// Bytes that are written once, one after the other, and read from any place.
pub struct Spool {
    file: File,
    /// Its key is used for this file alone, and never written anywhere.
    cipher: ChaCha20Poly1305,
    /// Pieces that are sealed.
    sealed: u64,
    /// What comes behind them, less than a piece.
    open: Vec<u8>,
    /// The piece that was read last, by its number.
    latest: Mutex<(u64, Vec<u8>)>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// Each number is used once under a key.
fn nonce(piece: u64) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[..8].copy_from_slice(&piece.to_le_bytes());
    nonce
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a file that was put aside is not what was written")
}

impl Spool {
    /// An empty spool in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| io::ErrorKind::Unsupported)?;
        let cipher = ChaCha20Poly1305::new(&key.into());
        let latest = Mutex::new((u64::MAX, Vec::new()));
        Ok(Self { file: nameless(folder)?, cipher, sealed: 0, open: Vec::with_capacity(PIECE), latest })
    }

    fn length(&self) -> u64 {
        self.sealed * PIECE as u64 + self.open.len() as u64
    }

    /// Seals what has become a piece.
    fn seal(&mut self) -> io::Result<()> {
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce(self.sealed), &[], &mut self.open)
            .map_err(|_| broken())?;
        self.open.extend_from_slice(&tag);
        self.file.write_all(&self.open)?;
        self.sealed += 1;
        self.open.clear();
        Ok(())
    }

    /// Reads and opens a piece.
    fn piece(&self, number: u64, into: &mut Vec<u8>) -> io::Result<()> {
        into.resize(PIECE + TAG, 0);
        self.file.read_exact_at(into, number * (PIECE + TAG) as u64)?;
        let tag = *Tag::from_slice(&into[PIECE..]);
        into.truncate(PIECE);
        self.cipher.decrypt_in_place_detached(&nonce(number), &[], into, &tag).map_err(|_| broken())
    }
}

impl ReadAt for Spool {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            let (number, within) =
                ((at + read as u64) / PIECE as u64, ((at + read as u64) % PIECE as u64) as usize);
            let rest = &mut buffer[read..];
            let copy = |from: &[u8], to: &mut [u8]| {
                let from = from.get(within..).unwrap_or_default();
                let length = from.len().min(to.len());
                to[..length].copy_from_slice(&from[..length]);
                length
            };
            let copied = if number >= self.sealed {
                if number == self.sealed { copy(&self.open, rest) } else { 0 }
            } else {
                let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
                if latest.0 != number {
                    latest.0 = u64::MAX;
                    self.piece(number, &mut latest.1)?;
                    latest.0 = number;
                }
                copy(&latest.1, rest)
            };
            if copied == 0 {
                break;
            }
            read += copied;
        }
        Ok(read)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PIECE - self.open.len())];
        self.open.extend_from_slice(bytes);
        if self.open.len() == PIECE {
            self.seal()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new file in `folder` that no path leads to, readable by its owner alone.
fn nameless(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        Err(_) => unlinked(folder),
    }
}

/// The same where the file system knows no nameless files: made and at once unlinked.
fn unlinked(folder: &Path) -> io::Result<File> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| io::ErrorKind::Unsupported)?;
    let path = folder.join(format!(".{}", hex::encode(random)));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filled(folder: &Path, text: &[u8]) -> Spool {
        let mut spool = Spool::new(folder).unwrap();
        text.chunks(777).for_each(|piece| spool.write_all(piece).unwrap());
        spool
    }

    fn text(length: usize) -> Vec<u8> {
        b"Smith^Adam of 12 Long Road ".iter().copied().cycle().take(length).collect()
    }

    #[test]
    fn what_is_spooled_is_read_from_any_place_and_not_readable_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let text = text(3 * PIECE + 5_000);
        let spool = filled(folder.path(), &text);
        for (at, length) in [
            (3_333, 100),
            (0, 1),
            (1, 2),
            (PIECE - 1, 2),
            (PIECE, PIECE),
            (5, 3 * PIECE),
            (3 * PIECE - 7, 5_007),
            (3 * PIECE + 4_999, 1),
        ] {
            let mut part = vec![0; length];
            assert_eq!(spool.read_at(&mut part, at as u64).unwrap(), length);
            assert_eq!(part, text[at..at + length], "{at}");
        }
        let mut beyond = [0; 10];
        assert_eq!(spool.read_at(&mut beyond, text.len() as u64 - 3).unwrap(), 3);
        assert_eq!(spool.read_at(&mut beyond, text.len() as u64 + 3).unwrap(), 0);
        assert_eq!(spool.read_at(&mut beyond, u64::MAX / 2).unwrap(), 0);
        let mut raw = vec![0; 3 * PIECE];
        spool.file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(5).any(|w| w == b"Smith"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_somebody_has_changed_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let text = text(2 * PIECE);
        let spool = filled(folder.path(), &text);
        let mut part = [0; 4];
        // One bit; then two pieces that have changed places.
        let mut byte = [0];
        spool.file.read_exact_at(&mut byte, 70_000).unwrap();
        spool.file.write_all_at(&[byte[0] ^ 1], 70_000).unwrap();
        assert!(spool.read_at(&mut part, 10).is_ok());
        assert_eq!(spool.read_at(&mut part, PIECE as u64).unwrap_err().kind(), io::ErrorKind::InvalidData);
        spool.file.write_all_at(&byte, 70_000).unwrap();
        assert!(spool.read_at(&mut part, PIECE as u64).is_ok());
        let size = PIECE + TAG;
        let (mut first, mut second) = (vec![0; size], vec![0; size]);
        spool.file.read_exact_at(&mut first, 0).unwrap();
        spool.file.read_exact_at(&mut second, size as u64).unwrap();
        spool.file.write_all_at(&second, 0).unwrap();
        spool.file.write_all_at(&first, size as u64).unwrap();
        assert!(spool.read_at(&mut part, 10).is_err());
    }
}
