//! A counter on stderr while something runs, where stderr is a terminal.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::Output;
use crate::engine::Client;
use crate::engine::query::{Activities, ActivityKind};

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

/// Runs `work`, which takes long in the workspace, and shows meanwhile how far it is.
pub fn followed<T>(
    out: &Output,
    client: &dyn Client,
    kind: ActivityKind,
    unit: &str,
    work: impl FnOnce() -> T,
) -> T {
    if !out.shows_progress() {
        return work();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let painter = scope.spawn(|| follow(client, kind, unit, &done));
        let result = work();
        done.store(true, Ordering::Release);
        painter.thread().unpark();
        let _ = painter.join();
        result
    })
}

fn follow(client: &dyn Client, kind: ActivityKind, unit: &str, done: &AtomicBool) {
    let mut shown = false;
    loop {
        thread::park_timeout(Duration::from_secs(1));
        if done.load(Ordering::Acquire) {
            break;
        }
        // Who may not ask sees the outcome in the end.
        let Ok(running) = client.ask(Activities {}) else { continue };
        let Some(activity) = running.into_iter().rev().find(|a| a.kind == kind && a.total > 0) else {
            continue;
        };
        shown = true;
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r{} of {} {unit}\x1b[K", activity.done, activity.total);
        let _ = stderr.flush();
    }
    if shown {
        let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
    }
}
