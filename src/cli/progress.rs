//! A counter on stderr while something runs, where stderr is a terminal.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::Output;

/// Runs `work` and shows `counter` with its unit meanwhile, once the work takes longer than a second.
pub fn shown<T>(out: &Output, unit: &str, counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    if !out.shows_progress() {
        return work();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let painter = scope.spawn(|| paint(unit, counter, &done));
        let result = work();
        done.store(true, Ordering::Release);
        painter.thread().unpark();
        let _ = painter.join();
        result
    })
}

fn paint(unit: &str, counter: &AtomicU64, done: &AtomicBool) {
    thread::park_timeout(Duration::from_secs(1));
    let mut shown = false;
    while !done.load(Ordering::Acquire) {
        shown = true;
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r{} {unit}\x1b[K", counter.load(Ordering::Relaxed));
        let _ = stderr.flush();
        drop(stderr);
        thread::park_timeout(Duration::from_millis(200));
    }
    if shown {
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
    }
}
