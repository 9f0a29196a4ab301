//! What became of the files of one ingest or run, and when the last of them is accounted for.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::blob::BlobError;
use crate::catalog::CatalogError;
use crate::model::words::io_words;
use crate::source::{NotRead, Unread};

/// Counts of one ingest; shared between who hands files in and who deals with them.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
    changed: Condvar,
}

/// Why something could not be recorded, for none of its own faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no room on the disk.
    Full,
    /// What else the disk or the database said.
    Other(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full => f.write_str("there is no room on the disk"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<&CatalogError> for Refusal {
    fn from(error: &CatalogError) -> Self {
        if matches!(error, CatalogError::Full) { Self::Full } else { Self::Other(error.to_string()) }
    }
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        Self::from(&error)
    }
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Io(kind) => kind.into(),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<ErrorKind> for Refusal {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            other => Self::Other(io_words(other).into()),
        }
    }
}

/// The counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Files handed in.
    pub received: u64,
    /// Stored.
    pub deidentified: u64,
    /// Kept on the landing side.
    pub quarantined: u64,
    /// Never processable.
    pub rejected: u64,
    /// Stored before.
    pub duplicates: u64,
    /// Of the duplicates: stored before from the same path.
    pub already_here: u64,
    /// Could not be dealt with because the disk or database refused; they are looked at again.
    pub failed: u64,
    /// Why, of the last of them.
    pub failure: Option<Refusal>,
    /// Series that the files belong to.
    pub series: BTreeSet<String>,
    /// What was not read, by reason; files among it are rejected, too, but for those that vanished.
    pub unread: Unread,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more file was handed in.
    pub fn received(&self) {
        self.lock().received += 1;
    }

    /// Something was not read.
    pub fn not_read(&self, why: NotRead) {
        *self.lock().unread.entry(why).or_default() += 1;
    }

    /// Changes the counts, and wakes who waits when every file is accounted for.
    pub fn update(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.lock();
        change(&mut counts);
        if counts.open() == 0 {
            self.changed.notify_all();
        }
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// Waits until every file handed in is accounted for, at most for `patience`; whether it is so.
    pub fn wait(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), patience, |c| c.open() > 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Files handed in and not accounted for.
    pub fn open(&self) -> u64 {
        self.lock().open()
    }
}

impl Counts {
    /// Those of another source, too.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.deidentified += other.deidentified;
        self.quarantined += other.quarantined;
        self.rejected += other.rejected;
        self.duplicates += other.duplicates;
        self.already_here += other.already_here;
        self.series.extend(other.series.iter().cloned());
        for (why, n) in &other.unread {
            *self.unread.entry(*why).or_default() += n;
        }
    }

    /// Files handed in and not accounted for.
    fn open(&self) -> u64 {
        let accounted = self.deidentified + self.quarantined + self.rejected + self.duplicates + self.failed;
        self.received.saturating_sub(accounted)
    }
}
