//! Folders that people name: what is read must not be the workspace, what is written must not be taken in.

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

/// What is written lies neither in the workspace, but for `allowed` there, nor in a folder that is watched.
pub(super) fn is_target(session: &Session, path: &Path, allowed: Option<&Path>) -> Result<(), EngineError> {
    let root = session.engine.workspace.root();
    let path = resolved(path);
    let is_allowed = allowed.is_some_and(|a| path != resolved(a) && is_inside(&path, a));
    if is_inside(&path, root) && !is_allowed {
        let also = allowed.and_then(|a| Some(format!(" or below its {}", a.file_name()?.to_string_lossy())));
        let why =
            format!("this lies inside the workspace; choose a folder outside it{}", also.unwrap_or_default());
        return Err(EngineError::Invalid { why });
    }
    for inbox in &session.engine.shared.config().inboxes {
        if is_inside(&path, &session.engine.workspace.resolve(&inbox.path)) {
            let why = format!("this lies inside inbox {}, which would take it in", inbox.name);
            return Err(EngineError::Invalid { why });
        }
    }
    Ok(())
}
