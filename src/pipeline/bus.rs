//! Tells everyone who is attached what changed.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;

use crate::model::{ChangeKind, Event};

/// Events that a slow listener may lag behind before it loses the oldest.
const CAPACITY: usize = 1024;

/// A broadcast of numbered events.
#[derive(Debug)]
pub struct Bus {
    revision: AtomicU64,
    sender: broadcast::Sender<Event>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { revision: AtomicU64::new(0), sender: broadcast::channel(CAPACITY).0 }
    }
}

impl Bus {
    /// Tells of a change. Nobody listening is fine.
    pub fn tell(&self, what: ChangeKind) {
        let revision = self.revision.fetch_add(1, Ordering::AcqRel) + 1;
        let _ = self.sender.send(Event { revision, what });
    }

    /// Events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// The number of the latest event.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}
