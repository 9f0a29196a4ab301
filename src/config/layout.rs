//! Folders of a workspace against each other: what one of them takes in must never be what another gives out.
//!
//! Paths are compared as the file system sees them: relative ones below the workspace, links resolved, and what does not
//! exist yet below the nearest folder that does.

use std::path::{Path, PathBuf};

use super::{After, Config};

/// Two folders that must lie apart and do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The key of the configuration, such as `inbox[0].move_to`.
    pub key: String,
    /// Why, in words for who wrote it.
    pub why: String,
}

/// Every pair of folders of the configuration that must lie apart and do not; `root` is the workspace.
///
/// An inbox and its `move_to` lie outside the workspace and do not contain it; no two of them contain one another.
pub fn overlaps(root: &Path, config: &Config) -> Vec<Overlap> {
    let workspace = resolved(root);
    let mut folders: Vec<(String, String, PathBuf)> = Vec::new();
    for (i, inbox) in config.inboxes.iter().enumerate().filter(|(_, inbox)| inbox.bucket().is_none()) {
        let name = &inbox.name;
        folders.push((
            format!("inbox[{i}].path"),
            format!("inbox {name}"),
            resolved(&root.join(&inbox.path)),
        ));
        if let (After::Move, Some(target)) = (inbox.after, &inbox.move_to) {
            let key = format!("inbox[{i}].move_to");
            folders.push((key, format!("move_to of inbox {name}"), resolved(&root.join(target))));
        }
    }
    let mut found = Vec::new();
    let mut add = |key: &str, why: String| found.push(Overlap { key: key.into(), why });
    for (at, (key, what, folder)) in folders.iter().enumerate() {
        if folder.starts_with(&workspace) {
            add(key, format!("{what} lies inside the workspace; choose a folder outside it"));
        } else if workspace.starts_with(folder) {
            add(key, format!("the workspace lies inside {what}; choose a folder that does not contain it"));
        }
        for (other_key, other, before) in &folders[..at] {
            let both_targets = key.ends_with("move_to") && other_key.ends_with("move_to");
            if folder == before && !both_targets {
                add(key, format!("{what} is the same folder as {other}"));
            } else if folder != before && (folder.starts_with(before) || before.starts_with(folder)) {
                let (inner, outer) = if folder.starts_with(before) { (what, other) } else { (other, what) };
                add(key, format!("{inner} lies inside {outer}; they must lie apart"));
            }
        }
    }
    found
}

/// Whether `path` lies inside the folder `outer` or is it, links resolved.
pub fn is_inside(path: &Path, outer: &Path) -> bool {
    resolved(path).starts_with(resolved(outer))
}

/// The path without links and `..`; what does not exist yet stands below the nearest folder that does.
pub fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut missing = Vec::new();
    let mut here = absolute.as_path();
    loop {
        if let Ok(found) = here.canonicalize() {
            return missing.iter().rev().fold(found, |folder, part| match part {
                std::path::Component::ParentDir => folder.parent().map(Path::to_path_buf).unwrap_or(folder),
                part => folder.join(part),
            });
        }
        match (here.components().next_back(), here.parent()) {
            (Some(last), Some(parent)) => {
                missing.push(last);
                here = parent;
            }
            _ => return absolute,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys(root: &Path, toml: &str) -> Vec<String> {
        let config = Config::parse(toml, Path::new("gantry.toml")).unwrap();
        overlaps(root, &config).into_iter().map(|o| o.key).collect()
    }

    fn inbox(name: &str, path: &Path, move_to: Option<&Path>) -> String {
        let target = move_to.map(|t| format!("after = \"move\"\nmove_to = {t:?}\n")).unwrap_or_default();
        format!("[[inbox]]\nname = {name:?}\nsite = \"A\"\npath = {path:?}\n{target}")
    }

    #[test]
    fn folders_lie_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        let root = at("w");
        for folder in ["w/store", "in/a", "done"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::os::unix::fs::symlink(at("w/store"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("in"), at("same")).unwrap();
        let one = |path: &str, to: Option<&str>| keys(&root, &inbox("a", &at(path), to.map(at).as_deref()));
        assert_eq!(one("in", None), [""; 0]);
        assert_eq!(one("in", Some("done")), [""; 0]);
        for inside in ["w", "w/store", "w/new/folder", "link", "link/ab", "."] {
            assert_eq!(one(inside, None), ["inbox[0].path"], "{inside}");
        }
        for target in ["in", "in/done", "same/done", "w/exports", "."] {
            assert!(one("in", Some(target)).contains(&"inbox[0].move_to".to_string()), "{target}");
        }
        let two =
            |a: &str, b: &str| keys(&root, &[inbox("a", &at(a), None), inbox("b", &at(b), None)].concat());
        assert_eq!(two("in/a", "in/b"), [""; 0]);
        for (a, b) in [("in", "in/a"), ("in/a", "in"), ("in", "same"), ("in", "in/../in/./a")] {
            assert_eq!(two(a, b), ["inbox[1].path"], "{a} {b}");
        }
    }
}
