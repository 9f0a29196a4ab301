//! Verification.

use crate::engine::query::{Checkpoint, Verified, Verify};
use crate::engine::{EngineError, Session};
use crate::pipeline::{StageError, now_ms, verify};

pub fn verify(session: &Session, query: &Verify) -> Result<Verified, EngineError> {
    Ok(verify::verify(&session.engine.shared, query.depth, query.checkpoint.as_ref())?)
}

pub fn checkpoint(session: &Session) -> Result<Checkpoint, EngineError> {
    let catalog = &session.engine.shared.catalog;
    // Signed where the workspace can be written, else the end as it is.
    if !session.engine.is_read_only()
        && let Some(signed) = catalog.write_first(|tx| tx.checkpoint(now_ms()))?
    {
        return Ok(signed);
    }
    let (rows, entries) = catalog.read().trail(None, "", 0, 1)?;
    let hash = rows.first().map(|last| hex::encode(last.hash)).unwrap_or_default();
    Ok(Checkpoint { entries, hash, at_ms: now_ms(), ..Checkpoint::default() })
}

impl From<StageError> for EngineError {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Catalog(error) => error.into(),
            StageError::Blob(error) => error.into(),
            StageError::Full => Self::Full,
            other => Self::Storage { why: other.to_string() },
        }
    }
}
