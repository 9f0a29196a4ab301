//! A file without a name, sealed: gone with the process however it ends, and readable by nobody meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rustix::fs::{Mode, OFlags};

use super::ReadAt;

/// Bytes of the key stream that are made at once.
const KEY_PIECE: usize = 4096;
/// Bytes that are closed at once.
const PIECE: usize = 256 << 10;

/// Bytes that are written once, one after the other, and read from any place.
pub struct Spool {
    file: File,
    /// Used for this file alone, and never written anywhere.
    key: [u8; 32],
    length: u64,
    closed: Vec<u8>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Spool {
    /// An empty spool in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| io::ErrorKind::Unsupported)?;
        Ok(Self { file: nameless(folder)?, key, length: 0, closed: Vec::new() })
    }

    /// Closes or opens bytes that stand at `at`: ChaCha20 gives the same key stream from any place (Bernstein 2008; its
    /// counter has 64 bits).
    fn seal(&self, bytes: &mut [u8], at: u64) {
        let mut stream = ChaCha20Rng::from_seed(self.key);
        // It comes in words of four bytes, never less: a place within one begins with what is left of it.
        stream.set_word_pos(u128::from(at / 4));
        let within = (at % 4) as usize;
        let left = if within > 0 { (4 - within).min(bytes.len()) } else { 0 };
        let (first, rest) = bytes.split_at_mut(left);
        if left > 0 {
            let word = stream.next_u32().to_le_bytes();
            first.iter_mut().zip(&word[within..]).for_each(|(byte, key)| *byte ^= key);
        }
        let mut key = [0; KEY_PIECE];
        for piece in rest.chunks_mut(KEY_PIECE) {
            stream.fill_bytes(&mut key[..piece.len()]);
            piece.iter_mut().zip(&key).for_each(|(byte, key)| *byte ^= key);
        }
    }
}

impl ReadAt for Spool {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let n = FileExt::read_at(&self.file, buffer, at)?;
        self.seal(&mut buffer[..n], at);
        Ok(n)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(PIECE)];
        let mut closed = std::mem::take(&mut self.closed);
        closed.clear();
        closed.extend_from_slice(bytes);
        self.seal(&mut closed, self.length);
        self.file.write_all(&closed)?;
        self.closed = closed;
        self.length += bytes.len() as u64;
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

    #[test]
    fn what_is_spooled_is_read_from_any_place_and_not_readable_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(folder.path()).unwrap();
        let text: Vec<u8> = b"Smith^Adam of 12 Long Road ".iter().copied().cycle().take(5_000).collect();
        text.chunks(777).for_each(|piece| spool.write_all(piece).unwrap());
        for (at, length) in [(3_333, 100), (0, 1), (1, 2), (2, 1), (3, 4_990), (4_097, 903), (4_999, 1)] {
            let mut part = vec![0; length];
            assert_eq!(spool.read_at(&mut part, at as u64).unwrap(), length);
            assert_eq!(part, text[at..at + length], "{at}");
        }
        let mut raw = vec![0; 5_000];
        spool.file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(5).any(|w| w == b"Smith"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
