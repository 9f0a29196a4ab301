//! Threads that work for the render loop: the latest job of a slot replaces the one that still waits.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

/// Threads with a queue that holds one job per slot.
pub struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(String, Job)>,
    ended: bool,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(name: &str, threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        for _ in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name(name.into()).spawn(move || shared.work())?;
        }
        Ok(Self { shared })
    }

    /// Queues a job; one that still waits in the same slot is dropped and its place taken.
    pub fn submit(&self, slot: &str, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.lock();
        match queue.jobs.iter_mut().find(|(waiting, _)| waiting == slot) {
            Some(waiting) => waiting.1 = Box::new(job),
            None => queue.jobs.push_back((slot.into(), Box::new(job))),
        }
        drop(queue);
        self.shared.wake.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.ended = true;
        queue.jobs.clear();
        drop(queue);
        self.shared.wake.notify_all();
    }
}

impl Shared {
    /// No job runs under the lock, so a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let job = loop {
                if queue.ended {
                    return;
                }
                match queue.jobs.pop_front() {
                    Some((_, job)) => break job,
                    None => queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            };
            drop(queue);
            // A job that panics is told by the panic hook; the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}
