//! Walking a folder tree: regular files in a fixed order, links never followed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Folders below folders, at most.
const MAX_DEPTH: usize = 64;

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file with its size and modification time in nanoseconds since 1970.
    File(PathBuf, u64, i64),
    /// A symbolic link, device, pipe or socket: never opened.
    Refused(PathBuf),
    /// A folder that cannot be read, or is too deep.
    Unreadable(PathBuf),
}

/// Gives everything below `root` (or `root` itself, when it is a file) to `each`, folder by folder in the order of
/// names. `each` says whether to go on.
pub fn walk(root: &Path, each: &mut impl FnMut(Entry) -> bool) -> bool {
    match fs::symlink_metadata(root) {
        Ok(metadata) if metadata.is_dir() => folder(root, 0, each),
        Ok(metadata) if metadata.is_file() => each(file(root.into(), &metadata)),
        Ok(_) => each(Entry::Refused(root.into())),
        Err(_) => each(Entry::Unreadable(root.into())),
    }
}

fn folder(path: &Path, depth: usize, each: &mut impl FnMut(Entry) -> bool) -> bool {
    let Ok(entries) = fs::read_dir(path) else { return each(Entry::Unreadable(path.into())) };
    if depth > MAX_DEPTH {
        return each(Entry::Unreadable(path.into()));
    }
    let mut entries: Vec<_> = entries.flatten().map(|e| (e.file_name(), e.file_type())).collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    entries.into_iter().all(|(name, kind)| {
        let below = path.join(name);
        match kind {
            Ok(kind) if kind.is_dir() => folder(&below, depth + 1, each),
            Ok(kind) if kind.is_file() => match fs::symlink_metadata(&below) {
                Ok(metadata) => each(file(below, &metadata)),
                Err(_) => true,
            },
            Ok(_) => each(Entry::Refused(below)),
            Err(_) => each(Entry::Unreadable(below)),
        }
    })
}

fn file(path: PathBuf, metadata: &fs::Metadata) -> Entry {
    let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Entry::File(path, metadata.len(), mtime_ns)
}
