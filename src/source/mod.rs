//! Where files come from. Every source yields [`Found`] files; each kind is one file here.

pub mod archive;
mod arrivals;
mod bucket;
mod item;
mod tree;
mod watch_folder;

pub use arrivals::{Arrivals, Draft};
pub use bucket::{Bucket, BucketError, BucketOptions, Object};
pub use item::{Item, Opened, Unreadable, items, open, open_file};
pub use tree::{Entry, NotRead, Unread, unread_words, walk};
pub use watch_folder::{Mode, WatchFolder, WatchState};

use std::path::PathBuf;

use crate::model::Vetting;

/// How a file was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscoveredBy {
    /// The operating system told of it.
    Event,
    /// The periodic walk over the folder.
    Rescan,
    /// Somebody named it.
    Person,
}

/// A file that is whole and may be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The inbox, or `""` when a person named the file.
    pub inbox: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// The site whose data it is.
    pub site: String,
    /// What somebody has said of its pixels.
    pub vetting: Vetting,
    /// How it was found.
    pub by: DiscoveredBy,
}
