//! What became of the files of one ingest or run, and when the last of them is accounted for.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts of one ingest; shared between who hands files in and who deals with them.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
    changed: Condvar,
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
    /// Could not be dealt with because the disk or database refused; they are looked at again.
    pub failed: u64,
    /// Why, of the last of them.
    pub failure: Option<String>,
    /// Series that the files belong to.
    pub series: BTreeSet<String>,
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more file was handed in.
    pub fn received(&self) {
        self.lock().received += 1;
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
    /// Files handed in and not accounted for.
    fn open(&self) -> u64 {
        let accounted = self.deidentified + self.quarantined + self.rejected + self.duplicates + self.failed;
        self.received.saturating_sub(accounted)
    }
}
