//! Where the log goes, and what a panic may say.
//!
//! Warnings go to stderr (with `-v` more). The process that owns a workspace writes to `logs/gantry.log` in it, too: when
//! it began and ended, batches, parked jobs, inboxes in trouble, which user had what done. Neither holds PHI.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// A log file is put aside when it has this size.
const MOST_BYTES: u64 = 4 << 20;
/// Log files that are kept beside the one in use.
const KEPT: u32 = 4;
/// The log file.
const NAME: &str = "gantry.log";

/// The log file of the workspace that this process owns.
static LOG: Mutex<Option<LogFile>> = Mutex::new(None);

/// Sets the log up: warnings on stderr, with `-v` more, unless a screen is drawn there; the file follows with [`open`].
pub fn init(verbose: u8, to_stderr: bool) {
    let level = ["warn", "info", "debug", "trace"][usize::from(verbose.min(3))];
    let filter = || {
        EnvFilter::try_from_env("GANTRY_LOG").unwrap_or_else(|_| EnvFilter::new(format!("gantry={level}")))
    };
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let stderr = tracing_subscriber::fmt::layer().with_target(false).with_ansi(colours);
    let stderr = to_stderr.then(|| stderr.with_writer(io::stderr).with_filter(filter()));
    let most = if verbose > 1 { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let own = tracing_subscriber::filter::Targets::new().with_target("gantry", most);
    let file = tracing_subscriber::fmt::layer().with_target(false).with_ansi(false);
    let file = file.with_writer(ToFile).with_filter(own);
    // A second call (a test, a command that starts another) finds the log set up: that is fine.
    let _ = tracing_subscriber::registry().with(stderr).with(file).try_init();
}

/// From now on the log goes to a file in this folder, too, where it can be written.
pub fn open(folder: &Path) {
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = LogFile::open(folder.join(NAME)).ok();
}

/// A panic's message may hold a value of a file, so only its place is told: in the log, and on stderr where the log does
/// not go there, for whoever draws a screen gives the terminal back first.
pub fn hush_panics(to_stderr: bool) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        tracing::error!("a defect at {place}");
        if !to_stderr {
            let _ = writeln!(io::stderr(), "gantry: a defect at {place}");
        }
    }));
}

/// A file that is put aside when it is full; the oldest goes.
struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file, bytes })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes + line.len() as u64 > MOST_BYTES {
            self.turn()?;
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }

    /// Puts the file aside as number 1, number 1 as number 2, and begins a new one.
    fn turn(&mut self) -> io::Result<()> {
        let is_ours = fs::metadata(&self.path)
            .and_then(|there| Ok(there.ino() == self.file.metadata()?.ino()))
            .unwrap_or(false);
        // The owner before may have put it aside already while its last lines were written here.
        if is_ours {
            let numbered = |n: u32| self.path.with_extension(format!("log.{n}"));
            for n in (1..KEPT).rev() {
                let _ = fs::rename(numbered(n), numbered(n + 1));
            }
            fs::rename(&self.path, numbered(1))?;
        }
        *self = Self::open(self.path.clone())?;
        Ok(())
    }
}

/// Writes lines to the log file, where one is open.
struct ToFile;

impl MakeWriter<'_> for ToFile {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl Write for ToFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written keeps nobody from work.
        if log.as_mut().is_some_and(|log| log.write(line).is_err()) {
            *log = None;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_is_put_aside_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(dir.path().join(NAME)).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            log.write(&line).unwrap();
        }
        let sizes: Vec<u64> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len() as u32, KEPT + 1);
        assert!(sizes.iter().all(|size| *size <= MOST_BYTES));
    }
}
