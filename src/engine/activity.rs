//! Long work that is under way in an open workspace: whoever looks sees how far it is, wherever it was begun.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::query::{ActivityKind, ActivityView};
use crate::pipeline::{Progress, now_ms};

/// What is under way.
#[derive(Default)]
pub struct Activities {
    running: Mutex<Vec<Running>>,
    next: AtomicU64,
}

struct Running {
    id: u64,
    kind: ActivityKind,
    object: String,
    by: String,
    since_ms: i64,
    progress: Arc<Progress>,
}

/// Something under way; it ends when this is dropped, however the work ends.
pub struct Activity<'a> {
    of: &'a Activities,
    id: u64,
    /// How far it is.
    pub progress: Arc<Progress>,
}

impl Activities {
    /// Something begins.
    pub fn begin(&self, kind: ActivityKind, object: &str, by: &str) -> Activity<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::new(Progress::default());
        let running = Running {
            id,
            kind,
            object: object.to_owned(),
            by: by.to_owned(),
            since_ms: now_ms(),
            progress: progress.clone(),
        };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(running);
        Activity { of: self, id, progress }
    }

    /// All that is under way, the earliest first.
    pub fn all(&self) -> Vec<ActivityView> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |r: &Running| {
            let (done, total) = r.progress.get();
            ActivityView {
                kind: r.kind,
                object: r.object.clone(),
                by: r.by.clone(),
                since_ms: r.since_ms,
                done: done.min(total),
                total,
            }
        };
        running.iter().map(view).collect()
    }
}

impl Drop for Activity<'_> {
    fn drop(&mut self) {
        let mut running = self.of.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|r| r.id != self.id);
    }
}
