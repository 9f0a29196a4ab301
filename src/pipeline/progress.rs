//! How far long work is: whoever works counts, whoever waits looks.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far something is, in objects of one kind.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// There are so many objects to do.
    pub fn expect_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// Another object is done.
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are done, and of how many; the second is 0 before it is known.
    pub fn get(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}
