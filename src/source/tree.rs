//! Walking a folder tree: regular files in a fixed order. What is not read is named with its reason.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::Links;

/// Folders below folders, at most.
const MAX_DEPTH: usize = 64;

/// Why something below a folder was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotRead {
    /// A symbolic link that is not followed.
    SymbolicLink,
    /// A symbolic link that leads to nothing, or out of the folder.
    LinkOutside,
    /// A device, pipe or socket.
    SpecialFile,
    /// This user may not read the folder.
    FolderDenied,
    /// The folder cannot be read from its medium.
    FolderUnreadable,
    /// More folders within folders than any delivery has.
    TooDeep,
    /// This user may not read the file.
    FileDenied,
    /// The file cannot be read from its medium.
    FileUnreadable,
    /// It was there, and was gone when it was read.
    Vanished,
    /// A bucket that does not answer, or denies access.
    BucketUnreachable,
}

impl NotRead {
    /// In a person's words: of one, or of several.
    pub fn words(self, number: u64) -> &'static str {
        if number == 1 {
            return self.words_of_one();
        }
        match self {
            Self::SymbolicLink => "symbolic links, not followed",
            Self::LinkOutside => "symbolic links that lead out of the folder or to nothing",
            Self::SpecialFile => "devices, pipes or sockets",
            Self::FolderDenied => "folders that this user may not read",
            Self::FolderUnreadable => "folders that cannot be read from their medium",
            Self::TooDeep => "folders nested too deep",
            Self::FileDenied => "files that this user may not read",
            Self::FileUnreadable => "files that cannot be read from their medium",
            Self::Vanished => "files that vanished before they were read",
            Self::BucketUnreachable => "buckets that cannot be read",
        }
    }

    fn words_of_one(self) -> &'static str {
        match self {
            Self::SymbolicLink => "symbolic link, not followed",
            Self::LinkOutside => "symbolic link that leads out of the folder or to nothing",
            Self::SpecialFile => "device, pipe or socket",
            Self::FolderDenied => "folder that this user may not read",
            Self::FolderUnreadable => "folder that cannot be read from its medium",
            Self::TooDeep => "folder nested too deep",
            Self::FileDenied => "file that this user may not read",
            Self::FileUnreadable => "file that cannot be read from its medium",
            Self::Vanished => "file that vanished before it was read",
            Self::BucketUnreachable => "bucket that cannot be read",
        }
    }

    /// Of a file that could not be opened or read.
    pub fn of_file(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::Vanished,
            ErrorKind::PermissionDenied => Self::FileDenied,
            _ => Self::FileUnreadable,
        }
    }

    /// Of a folder that could not be opened or read.
    pub fn of_folder(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::Vanished,
            ErrorKind::PermissionDenied => Self::FolderDenied,
            _ => Self::FolderUnreadable,
        }
    }
}

/// How much was not read, by reason.
pub type Unread = BTreeMap<NotRead, u64>;

/// In a person's words: "2 symbolic links, not followed; 1 folder that this user may not read".
pub fn unread_words(unread: &Unread) -> String {
    let said: Vec<String> = unread.iter().map(|(why, n)| format!("{n} {}", why.words(*n))).collect();
    said.join("; ")
}

/// What a walk meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file with its size and modification time in nanoseconds since 1970.
    File(PathBuf, u64, i64),
    /// What is not read, and why.
    NotRead(PathBuf, NotRead),
}

/// Gives everything below `root` (or `root` itself, when it is a file) to `each`, folder by folder in the order of
/// names. `each` says whether to go on. The root itself may be a link: somebody named it. A link that is followed keeps
/// its own path.
pub fn walk(root: &Path, links: Links, each: &mut impl FnMut(Entry) -> bool) -> bool {
    let mut walk = Walk { links, inside: root.canonicalize().ok(), followed: HashSet::new() };
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => {
            walk.followed.insert((metadata.dev(), metadata.ino()));
            walk.folder(root, 0, each)
        }
        Ok(metadata) if metadata.is_file() => each(file(root.into(), &metadata)),
        Ok(_) => each(Entry::NotRead(root.into(), NotRead::SpecialFile)),
        Err(error) => each(Entry::NotRead(root.into(), NotRead::of_folder(error.kind()))),
    }
}

struct Walk {
    links: Links,
    /// The real path of the root, which no followed link leaves.
    inside: Option<PathBuf>,
    /// Folders that a link has led to, by device and inode: each is walked once, so that circles end.
    followed: HashSet<(u64, u64)>,
}

impl Walk {
    fn folder(&mut self, path: &Path, depth: usize, each: &mut impl FnMut(Entry) -> bool) -> bool {
        if depth > MAX_DEPTH {
            return each(Entry::NotRead(path.into(), NotRead::TooDeep));
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return each(Entry::NotRead(path.into(), NotRead::of_folder(error.kind()))),
        };
        let (mut found, mut broken) = (Vec::new(), None);
        for entry in entries {
            match entry {
                Ok(entry) => found.push((entry.file_name(), entry.file_type())),
                Err(error) => broken = Some(NotRead::of_folder(error.kind())),
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let go_on = found.into_iter().all(|(name, kind)| {
            let below = path.join(name);
            match kind {
                Ok(kind) if kind.is_dir() => self.folder(&below, depth + 1, each),
                Ok(kind) if kind.is_file() => match fs::symlink_metadata(&below) {
                    Ok(metadata) => each(file(below, &metadata)),
                    Err(error) => each(Entry::NotRead(below, NotRead::of_file(error.kind()))),
                },
                Ok(kind) if kind.is_symlink() => self.link(below, depth, each),
                Ok(_) => each(Entry::NotRead(below, NotRead::SpecialFile)),
                Err(error) => each(Entry::NotRead(below, NotRead::of_file(error.kind()))),
            }
        });
        go_on && broken.is_none_or(|why| each(Entry::NotRead(path.into(), why)))
    }

    /// A link is followed where that is wanted and it leads to something inside the root.
    fn link(&mut self, path: PathBuf, depth: usize, each: &mut impl FnMut(Entry) -> bool) -> bool {
        if self.links == Links::Never {
            return each(Entry::NotRead(path, NotRead::SymbolicLink));
        }
        let target = path.canonicalize().ok();
        let stays = target.as_ref().zip(self.inside.as_ref()).is_some_and(|(t, root)| t.starts_with(root));
        let metadata = target.filter(|_| stays).and_then(|t| fs::metadata(t).ok());
        match metadata {
            Some(m) if m.is_file() => each(file(path, &m)),
            Some(m) if m.is_dir() => {
                !self.followed.insert((m.dev(), m.ino())) || self.folder(&path, depth + 1, each)
            }
            Some(_) => each(Entry::NotRead(path, NotRead::SpecialFile)),
            None => each(Entry::NotRead(path, NotRead::LinkOutside)),
        }
    }
}

fn file(path: PathBuf, metadata: &fs::Metadata) -> Entry {
    let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Entry::File(path, metadata.len(), mtime_ns)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Files below `root` by their names, and how much was not read.
    fn met(root: &Path, links: Links) -> (Vec<String>, Unread) {
        let (mut files, mut unread) = (Vec::new(), Unread::new());
        walk(root, links, &mut |entry| {
            match entry {
                Entry::File(path, ..) => files.push(path.strip_prefix(root).unwrap().display().to_string()),
                Entry::NotRead(_, why) => *unread.entry(why).or_default() += 1,
            }
            true
        });
        (files, unread)
    }

    #[test]
    fn links_are_followed_inside_alone_and_never_in_a_circle() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("in");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/1"), "one").unwrap();
        fs::write(dir.path().join("outside"), "two").unwrap();
        symlink("a/b/1", root.join("to-file")).unwrap();
        symlink("a/b", root.join("to-folder")).unwrap();
        symlink("..", root.join("a/b/circle")).unwrap();
        symlink(dir.path().join("outside"), root.join("to-outside")).unwrap();
        symlink("nothing", root.join("broken")).unwrap();

        let (files, unread) = met(&root, Links::Never);
        assert_eq!((files, unread), (vec!["a/b/1".to_string()], Unread::from([(NotRead::SymbolicLink, 5)])));

        let (files, unread) = met(&root, Links::Inside);
        assert_eq!(files, ["a/b/1", "a/b/circle/b/1", "to-file", "to-folder/1"]);
        assert_eq!(unread[&NotRead::LinkOutside], 2);
    }
}
