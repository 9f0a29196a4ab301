//! The trail is signed at each start and stop of whoever owns the workspace; in between the catalog does so in turn.

use serde_json::json;

use super::{EngineError, OpenError};
use crate::catalog::Catalog;
use crate::config::Workspace;
use crate::format::whole::write_whole;
use crate::model::words::io_words;
use crate::pipeline::now_ms;
use crate::pipeline::verify::read_kept;

/// From now on the trail is signed. A key that it does not name yet is named; what the last run left unsigned is signed.
pub(super) fn begin(workspace: &Workspace, catalog: &Catalog) -> Result<(), OpenError> {
    catalog.sign_with(workspace.trail_key()?);
    let key = catalog.public_key().unwrap_or_default();
    let is_named = catalog.read().trail_keys()?.last().is_some_and(|(_, named)| *named == key);
    let now = now_ms();
    if !is_named {
        catalog.write(|tx| tx.audit(now, "gantry", "trail.key", "trail", &json!({ "key": key })))?;
    }
    catalog.write(|tx| tx.checkpoint(now))?;
    Ok(())
}

/// Signs the trail as it ends, and keeps the signature beside the catalog, unless what was kept there before contradicts
/// the trail: that is for a person to explain.
pub(super) fn end(workspace: &Workspace, catalog: &Catalog) -> Result<(), EngineError> {
    let Some(signed) = catalog.write(|tx| tx.checkpoint(now_ms()))? else { return Ok(()) };
    let kept = read_kept(workspace.root());
    if kept.as_ref() == Some(&signed) {
        return Ok(());
    }
    if let Some(kept) = kept {
        let hash = catalog.read().trail_hash(kept.entries)?;
        if kept.contradicted_by(hash.as_ref(), signed.entries).is_some() {
            return Ok(());
        }
    }
    let text = serde_json::to_string(&signed).unwrap_or_default() + "\n";
    write_whole(&workspace.checkpoint_file(), &text, true).map_err(|e| EngineError::Storage {
        why: format!("trail.checkpoint cannot be written: {}", io_words(e.kind())),
    })
}
