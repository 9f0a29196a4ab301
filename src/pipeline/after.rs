//! What `after` asks for: removing or moving a watched file, once its stored copy was read back.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Shared, archives};
use crate::config::{After, Inbox};
use crate::landing::FileRecord;
use crate::model::words::io_words;

/// Files looked at in one go.
const AT_ONCE: u32 = 1_000;

/// Removes or moves the files of `inbox` that are stored, as its `after` asks. A file that has changed since, or
/// whose stored copy cannot be read back, stays where it is.
pub fn settle_sources(shared: &Shared, inbox: &Inbox) {
    if inbox.after == After::Keep {
        return;
    }
    while let Ok(files) = shared.map.unsettled(&inbox.name, AT_ONCE) {
        let ids: Vec<i64> = files.iter().map(|f| f.id).collect();
        for record in &files {
            if is_safe(shared, record)
                && let Err(error) = dispose(shared, inbox, &record.file.path)
            {
                tracing::warn!("a stored file of inbox {} stays: {}", inbox.name, io_words(error.kind()));
            }
        }
        if shared.map.settle(&ids).is_err() || files.len() < AT_ONCE as usize {
            break;
        }
    }
    settle_archives(shared, inbox);
}

/// The same for archives, once every member is stored and reads back; one with a member that is not stays.
fn settle_archives(shared: &Shared, inbox: &Inbox) {
    let apart = archives::inbox_of(&inbox.name);
    let found = shared.map.unsettled_archives(&apart, archives::ALL_STORED, AT_ONCE).unwrap_or_default();
    for record in &found {
        let members = shared.map.members(&inbox.name, &record.file.path).unwrap_or_default();
        let safe = !members.is_empty() && members.iter().all(|sha256| reads_back(shared, sha256));
        if safe
            && is_unchanged(record)
            && let Err(error) = dispose(shared, inbox, &record.file.path)
        {
            tracing::warn!("a stored archive of inbox {} stays: {}", inbox.name, io_words(error.kind()));
        }
    }
    let ids: Vec<i64> = found.iter().map(|f| f.id).collect();
    if let Err(error) = shared.map.settle(&ids) {
        tracing::warn!("the intake map: {error}");
    }
}

/// The file is the one that was read, and what was stored for it reads back.
fn is_safe(shared: &Shared, record: &FileRecord) -> bool {
    is_unchanged(record) && reads_back(shared, &record.file.sha256)
}

fn is_unchanged(record: &FileRecord) -> bool {
    fs::symlink_metadata(&record.file.path).is_ok_and(|m| {
        let mtime_ns = m.mtime().saturating_mul(1_000_000_000).saturating_add(m.mtime_nsec());
        m.is_file() && m.len() == record.file.bytes && mtime_ns == record.file.mtime_ns
    })
}

fn reads_back(shared: &Shared, sha256: &str) -> bool {
    let blobs = shared.catalog.read().blobs_of_source(sha256).unwrap_or_default();
    !blobs.is_empty() && blobs.iter().all(|blob| shared.store.open_verified(blob).is_ok())
}

fn dispose(shared: &Shared, inbox: &Inbox, path: &str) -> std::io::Result<()> {
    match (inbox.after, &inbox.move_to) {
        (After::Remove, _) => fs::remove_file(path),
        (After::Move, Some(target)) => {
            let root = shared.root.join(&inbox.path);
            let below = Path::new(path).strip_prefix(&root).unwrap_or(Path::new(path));
            let to = free(&shared.root.join(target).join(below));
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            // Across file systems a rename is not possible: copy, flush, remove.
            fs::rename(path, &to).or_else(|_| {
                fs::copy(path, &to)?;
                fs::File::open(&to)?.sync_all()?;
                fs::remove_file(path)
            })
        }
        _ => Ok(()),
    }
}

/// A path where nothing lies yet: what was moved before is never written over.
fn free(path: &Path) -> PathBuf {
    let numbered = |n: u32| {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{n}"));
        path.with_file_name(name)
    };
    if path.exists() {
        (1..u32::MAX).map(numbered).find(|p| !p.exists()).unwrap_or_else(|| path.into())
    } else {
        path.into()
    }
}
