//! Data that goes on arriving, so that a newcomer sees the line at work.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::readers::Truth;
use super::send::Senders;
use super::study::later;
use crate::model::words::io_words;

/// How quickly data arrives, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two files of a study.
    pub file: Duration,
    /// Between two studies.
    pub study: Duration,
    /// Studies in all.
    pub studies: usize,
}

impl Default for Pace {
    /// A study every quarter of a minute, for some minutes.
    fn default() -> Self {
        Self { file: Duration::from_millis(140), study: Duration::from_secs(6), studies: 24 }
    }
}

/// A thread that sends one study after the other; ends when it is dropped.
#[derive(Debug)]
pub struct Arrivals {
    stop: Arc<AtomicBool>,
    files: Arc<AtomicU64>,
    sent: Arc<Mutex<Vec<Truth>>>,
    thread: Option<JoinHandle<()>>,
}

impl Arrivals {
    /// Begins to send; `first` is the number of the first study.
    pub fn start(senders: Senders, seed: u64, first: usize, pace: Pace) -> Self {
        let (stop, files) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let sent = Arc::new(Mutex::new(Vec::new()));
        let thread = {
            let (stop, files, truths) = (stop.clone(), files.clone(), sent.clone());
            std::thread::spawn(move || {
                for number in first..first + pace.studies {
                    let pause = || {
                        files.fetch_add(1, Ordering::Relaxed);
                        rest(pace.file, &stop)
                    };
                    match senders.send(later(seed, number), pause) {
                        Ok(sent) => truths.lock().unwrap_or_else(PoisonError::into_inner).extend(sent.truths),
                        Err(error) => {
                            tracing::warn!("the demo's senders stop: {}", io_words(error.kind()));
                            return;
                        }
                    }
                    if !rest(pace.study, &stop) {
                        return;
                    }
                }
            })
        };
        Self { stop, files, sent, thread: Some(thread) }
    }

    /// Files sent so far.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// What is really there in the studies that were sent so far.
    pub fn truths(&self) -> Vec<Truth> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether everything was sent.
    pub fn is_done(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits, but not once it is to stop; whether to go on.
fn rest(time: Duration, stop: &AtomicBool) -> bool {
    let until = Instant::now() + time;
    while !stop.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
    false
}
