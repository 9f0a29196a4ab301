//! Files that come over a network: each is whole and on the disk before its sender hears that it was taken.
//!
//! The name of a file holds its length: what a power cut has left of one that nobody was told of is seen at the next start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is held of a file before it is written.
const GATHERED: usize = 1 << 20;
/// Room that is left on the disk for the databases beside: the smaller of this and a twentieth.
const RESERVE: u64 = 256 << 20;
/// Files from which on one call flushes the whole file system instead of each.
const TOGETHER: usize = 3;

/// A folder that files arrive in.
#[derive(Debug)]
pub struct Arrivals {
    folder: PathBuf,
    next: AtomicU64,
    flush: Mutex<Flush>,
    flushed: Condvar,
}

/// Files that wait to be flushed; one thread flushes for all who wait.
#[derive(Debug, Default)]
struct Flush {
    /// Files that were handed over so far.
    handed: u64,
    /// Those up to here are flushed.
    done: u64,
    waiting: Vec<File>,
    is_flushing: bool,
    /// The latest of those that could not be flushed, and why.
    failed: Option<(u64, ErrorKind)>,
}

/// A file that arrives. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    arrivals: Arc<Arrivals>,
    gathered: Vec<u8>,
    written: u64,
    file: Option<(File, PathBuf)>,
}

impl Arrivals {
    /// Opens the folder, or makes it, for its owner alone; what was cut off goes.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let arrivals = Self {
            folder: folder.into(),
            next: AtomicU64::new(since.as_nanos() as u64),
            flush: Mutex::default(),
            flushed: Condvar::new(),
        };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() && !is_whole(&path) {
                fs::remove_file(path)?;
            }
        }
        Ok(arrivals)
    }

    /// Files that have arrived and are still here, the earliest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
        all.retain(|path| is_whole(path));
        all.sort();
        Ok(all)
    }

    /// Whether there is room for more.
    ///
    /// # Errors
    /// The disk cannot be asked.
    pub fn has_room(&self, bytes: u64) -> io::Result<bool> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        let reserve = RESERVE.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20);
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize) >= reserve.saturating_add(bytes))
    }

    /// A file begins.
    pub fn begin(arrivals: &Arc<Self>) -> Draft {
        Draft { arrivals: arrivals.clone(), gathered: Vec::new(), written: 0, file: None }
    }

    fn create(&self) -> io::Result<(File, PathBuf)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number:020}.part"));
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        Ok((file, path))
    }

    /// Returns when the file and its name are on the disk. Whoever finds nobody flushing does it for all who wait.
    fn flush(&self, file: File) -> io::Result<()> {
        let lock = || self.flush.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = lock();
        state.handed += 1;
        let mine = state.handed;
        state.waiting.push(file);
        while state.done < mine {
            if state.is_flushing {
                state = self.flushed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_flushing = true;
            let (files, up_to) = (std::mem::take(&mut state.waiting), state.handed);
            drop(state);
            let outcome = self.flush_all(&files);
            state = lock();
            if let Err(error) = outcome {
                state.failed = Some((up_to, error.kind()));
            }
            (state.done, state.is_flushing) = (up_to, false);
            self.flushed.notify_all();
        }
        match state.failed {
            Some((up_to, kind)) if up_to >= mine => Err(kind.into()),
            _ => Ok(()),
        }
    }

    fn flush_all(&self, files: &[File]) -> io::Result<()> {
        let folder = File::open(&self.folder)?;
        if files.len() >= TOGETHER {
            return Ok(rustix::fs::syncfs(&folder)?);
        }
        files.iter().try_for_each(File::sync_data)?;
        folder.sync_all()
    }
}

impl Draft {
    /// More of it.
    ///
    /// # Errors
    /// There is no room ([`ErrorKind::StorageFull`]), or the disk refuses.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHERED { self.put() } else { Ok(()) }
    }

    fn put(&mut self) -> io::Result<()> {
        if !self.arrivals.has_room(self.gathered.len() as u64)? {
            return Err(ErrorKind::StorageFull.into());
        }
        let (file, _) = match &mut self.file {
            Some(open) => open,
            none => none.insert(self.arrivals.create()?),
        };
        file.write_all(&self.gathered)?;
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    /// All of it came: where it lies. It survives a power cut when this returns.
    ///
    /// # Errors
    /// As [`Draft::write`].
    pub fn finish(mut self) -> io::Result<(PathBuf, u64)> {
        self.put()?;
        let Some((file, part)) = self.file.take() else { return Err(ErrorKind::InvalidData.into()) };
        let path = part.with_extension(format!("{}.dcm", self.written));
        let kept = fs::rename(&part, &path).and_then(|()| self.arrivals.flush(file));
        if let Err(error) = kept {
            // Nobody is told that it was taken.
            let _ = fs::remove_file(&path);
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        Ok((path, self.written))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((_, path)) = self.file.take() {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whether a file has the length that its name says.
fn is_whole(path: &Path) -> bool {
    let length = || {
        let name = path.file_name()?.to_str()?.strip_suffix(".dcm")?;
        name.rsplit_once('.')?.1.parse::<u64>().ok()
    };
    length()
        .is_some_and(|length| fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_finished_stays_and_what_was_cut_off_goes() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("in");
        let arrivals = Arc::new(Arrivals::open(&folder).unwrap());
        let mut draft = Arrivals::begin(&arrivals);
        draft.write(b"one").unwrap();
        let (one, bytes) = draft.finish().unwrap();
        assert_eq!((fs::read(&one).unwrap(), bytes), (b"one".to_vec(), 3));
        let mut large = Arrivals::begin(&arrivals);
        large.write(&vec![1; GATHERED + 1]).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        drop(large);
        // As a power cut leaves them.
        fs::write(folder.join("00000000000000000001.part"), b"cut").unwrap();
        fs::write(folder.join("00000000000000000002.9.dcm"), b"cut").unwrap();
        drop(arrivals);
        Arrivals::open(&folder).unwrap();
        assert_eq!(Arrivals::list(&folder).unwrap(), [one]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn many_at_a_time_are_all_flushed() {
        let place = tempfile::tempdir().unwrap();
        let arrivals = Arc::new(Arrivals::open(place.path()).unwrap());
        std::thread::scope(|scope| {
            for n in 0..8_u8 {
                let arrivals = &arrivals;
                scope.spawn(move || {
                    for _ in 0..20 {
                        let mut draft = Arrivals::begin(arrivals);
                        draft.write(&[n; 100]).unwrap();
                        draft.finish().unwrap();
                    }
                });
            }
        });
        assert_eq!(Arrivals::list(place.path()).unwrap().len(), 160);
    }
}
