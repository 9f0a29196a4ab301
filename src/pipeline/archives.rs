//! Archives in the intake: every member is a file of its own; the archive is known, and not opened again, when the last
//! of its members is recorded.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::catalog::NewFile;
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
}

impl Delivery {
    /// The members of a file that is an archive. Compressed tars are spooled to a file without a name in `received`, so
    /// that a kill leaves nothing.
    pub fn open(found: &Found, received: &Path) -> Option<Vec<Member>> {
        let items = items(&found.path, received);
        if let [Item::File(_)] = items[..] {
            return None;
        }
        let left = AtomicUsize::new(items.len());
        let delivery = Arc::new(Self { found: found.clone(), left, failed: AtomicBool::new(false) });
        Some(items.into_iter().map(|item| Member { item, delivery: Arc::clone(&delivery) }).collect())
    }

    /// A member was dealt with (`recorded` unless disk or database refused). With the last of them comes the row that
    /// makes the archive known.
    pub fn dealt_with(&self, recorded: bool, now: i64, day: &str) -> Option<NewFile> {
        if !recorded {
            self.failed.store(true, Ordering::Relaxed);
        }
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        (last && !self.failed.load(Ordering::Relaxed)).then(|| NewFile {
            inbox: inbox_of(&self.found.inbox),
            path: self.found.path.to_string_lossy().into_owned(),
            bytes: self.found.bytes,
            mtime_ns: self.found.mtime_ns,
            sha256: String::new(),
            status: "archive".into(),
            reason: String::new(),
            detail: String::new(),
            site: self.found.site.clone(),
            trusted: self.found.trusted,
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
