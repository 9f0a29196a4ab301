//! A file without a name, sealed: gone with the process however it ends, and readable by nobody meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::ReadAt;
use crate::seal::Seal;

/// Bytes that are written once, one after the other, and read from any place.
#[derive(Debug)]
pub struct Spool {
    file: File,
    seal: Seal,
    length: u64,
}

impl Spool {
    /// An empty spool in `folder`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|_| io::ErrorKind::Unsupported)?;
        Ok(Self { file: nameless(folder)?, seal: Seal::new(key), length: 0 })
    }
}

impl ReadAt for Spool {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let n = FileExt::read_at(&self.file, buffer, at)?;
        self.seal.apply(b"spool", at, &mut buffer[..n]);
        Ok(n)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut closed = bytes.to_vec();
        self.seal.apply(b"spool", self.length, &mut closed);
        self.file.write_all(&closed)?;
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
        let mut part = vec![0; 100];
        assert_eq!(spool.read_at(&mut part, 3_333).unwrap(), 100);
        assert_eq!(part, text[3_333..3_433]);
        let mut raw = vec![0; 5_000];
        spool.file.read_exact_at(&mut raw, 0).unwrap();
        assert!(!raw.windows(5).any(|w| w == b"Smith"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
