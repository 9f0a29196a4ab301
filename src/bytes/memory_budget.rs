//! How much memory large things may take together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Memory that several threads share: first come, first served. Who holds some asks for no more, so that nobody waits
/// for somebody who waits.
#[derive(Debug)]
pub struct MemoryBudget {
    bytes: u64,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    held: u64,
    /// The number of whoever comes next, and of whoever is served next.
    comes: u64,
    served: u64,
}

impl MemoryBudget {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, queue: Mutex::default(), changed: Condvar::new() }
    }

    /// How much there is, held or free.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits until so much is free. Who asks for more than there is gets all of it, alone.
    pub fn hold(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.bytes);
        let mut queue = self.lock();
        let own = queue.comes;
        queue.comes += 1;
        while queue.served != own || self.bytes - queue.held < bytes {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.served += 1;
        queue.held += bytes;
        drop(queue);
        self.changed.notify_all();
        Held { allowance: self, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory that is held until this is dropped.
#[derive(Debug)]
pub struct Held<'a> {
    allowance: &'a MemoryBudget,
    bytes: u64,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.allowance.lock().held -= self.bytes;
        self.allowance.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn never_more_is_held_than_there_is_and_everybody_is_served() {
        let allowance = MemoryBudget::new(10);
        let (held, most, served) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (allowance, held, most, served) = (&allowance, &held, &most, &served);
                scope.spawn(move || {
                    for turn in 0..500 {
                        let bytes = (thread * 7 + turn * 3) % 14;
                        let own = allowance.hold(bytes);
                        let now = held.fetch_add(own.bytes, Ordering::SeqCst) + own.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(own.bytes, Ordering::SeqCst);
                        drop(own);
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 4000);
        let most = most.into_inner();
        assert!((8..=10).contains(&most), "{most}");
        assert_eq!(allowance.lock().held, 0);
    }
}
