//! Folders that people name: what is read must not be the workspace, what is written must not be taken in.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::{is_inside, resolved};
use crate::engine::{EngineError, Session};

/// What is taken in lies apart from the workspace.
pub(super) fn is_source(session: &Session, path: &Path) -> Result<(), EngineError> {
    let root = session.engine.workspace.root();
    let why = if is_inside(path, root) {
        "this lies inside the workspace, whose files are never taken in"
    } else if is_inside(root, path) {
        "the workspace lies inside this folder; name the folders beside it"
    } else {
        return Ok(());
    };
    Err(EngineError::Invalid { why: why.into() })
}

/// Somebody else than the owner names only what they may read themselves: the owner's process reads on their behalf.
pub(super) fn may_read(session: &Session, path: &Path) -> Result<(), EngineError> {
    if session.is_owner {
        return Ok(());
    }
    let real = path.canonicalize().map_err(|_| EngineError::NotFound {
        what: "path".into(),
        id: path.to_string_lossy().into_owned(),
    })?;
    let reaches = real.ancestors().enumerate().all(|(depth, part)| {
        let wanted = if depth == 0 && !part.is_dir() { 0o4 } else { 0o1 };
        let wanted = if depth == 0 && part.is_dir() { 0o5 } else { wanted };
        part.metadata().is_ok_and(|of| bits(session, &of) & wanted == wanted)
    });
    if reaches {
        return Ok(());
    }
    let why = "you may not read this yourself, and it is not read on your behalf";
    Err(EngineError::Forbidden { why: why.into() })
}

/// The bits of a mode that count for the user.
fn bits(session: &Session, of: &std::fs::Metadata) -> u32 {
    let mode = of.mode();
    if of.uid() == session.uid {
        mode >> 6 & 7
    } else if session.groups.iter().any(|(gid, _)| *gid == of.gid()) {
        mode >> 3 & 7
    } else {
        mode & 7
    }
}

/// What is written lies neither in the workspace, but for `allowed` there, nor in a folder that is watched.
pub(super) fn is_target(session: &Session, path: &Path, allowed: Option<&Path>) -> Result<(), EngineError> {
    let root = session.engine.workspace.root();
    let path = resolved(path);
    let is_allowed = allowed.is_some_and(|a| path != resolved(a) && is_inside(&path, a));
    if !session.is_owner && !is_allowed {
        let why = "somebody else than the owner writes below the workspace's own `exports` alone";
        return Err(EngineError::Forbidden { why: why.into() });
    }
    if is_inside(&path, root) && !is_allowed {
        let also = allowed.and_then(|a| Some(format!(" or below its {}", a.file_name()?.to_string_lossy())));
        let why =
            format!("this lies inside the workspace; choose a folder outside it{}", also.unwrap_or_default());
        return Err(EngineError::Invalid { why });
    }
    for inbox in session.engine.shared.config().inboxes.iter().filter(|inbox| inbox.bucket().is_none()) {
        if is_inside(&path, &session.engine.workspace.resolve(&inbox.path)) {
            let why = format!("this lies inside inbox {}, which would take it in", inbox.name);
            return Err(EngineError::Invalid { why });
        }
    }
    Ok(())
}
