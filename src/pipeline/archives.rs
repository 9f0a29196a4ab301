//! Archives in the intake: every member is a file of its own; the archive is known, and not opened again, when the last
//! of its members is recorded.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::landing::NewFile;
use crate::model::Vetting;
use crate::source::{Found, Item, items};

/// A member of an archive on its way.
pub struct Member {
    /// What it is.
    pub item: Item,
    /// The archive that it belongs to.
    pub delivery: Arc<Delivery>,
}

/// An archive whose members are on their way.
pub struct Delivery {
    found: Found,
    left: AtomicUsize,
    failed: AtomicBool,
    /// Every member so far is stored.
    stored: AtomicBool,
}

/// How a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Stored, now or before.
    Stored,
    /// Quarantined or rejected.
    Aside,
    /// Disk or database refused: nothing is recorded.
    Failed,
}

/// The reason of an archive's row whose members are all stored: what `after` asks may then be done to it.
pub const ALL_STORED: &str = "all_stored";

impl Delivery {
    /// The members of a file that is an archive. Compressed tars are spooled to a file without a name in `received`, so
    /// that a kill leaves nothing.
    pub fn open(found: &Found, received: &Path) -> Option<Vec<Member>> {
        let items = items(&found.path, received);
        if let [Item::File(_)] = items[..] {
            return None;
        }
        let left = AtomicUsize::new(items.len());
        let (failed, stored) = (AtomicBool::new(false), AtomicBool::new(true));
        let delivery = Arc::new(Self { found: found.clone(), left, failed, stored });
        Some(items.into_iter().map(|item| Member { item, delivery: Arc::clone(&delivery) }).collect())
    }

    /// A member was dealt with. With the last of them comes the row that makes the archive known.
    pub fn dealt_with(&self, ended: Ended, now: i64, day: &str) -> Option<NewFile> {
        match ended {
            Ended::Stored => {}
            Ended::Aside => self.stored.store(false, Ordering::Relaxed),
            Ended::Failed => self.failed.store(true, Ordering::Relaxed),
        }
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        (last && !self.failed.load(Ordering::Relaxed)).then(|| NewFile {
            inbox: inbox_of(&self.found.inbox),
            path: self.found.path.to_string_lossy().into_owned(),
            bytes: self.found.bytes,
            mtime_ns: self.found.mtime_ns,
            sha256: String::new(),
            status: "archive".into(),
            reason: if self.stored.load(Ordering::Relaxed) { ALL_STORED.into() } else { String::new() },
            detail: String::new(),
            site: self.found.site.clone(),
            trusted: self.found.vetting == Vetting::Trusted,
            at_ms: now,
            day: day.into(),
            kept: false,
        })
    }
}

/// Where the map keeps archives of an inbox: apart, for files count by member.
pub fn inbox_of(inbox: &str) -> String {
    format!("{inbox}\u{1f}archives")
}
