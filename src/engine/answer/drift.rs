//! Drift of what readers say and how they work.

use super::agreement::NO_READS;
use crate::engine::query::{Drift, DriftView};
use crate::engine::{EngineError, Session};

pub fn drift(_session: &Session, _query: &Drift) -> Result<DriftView, EngineError> {
    Ok(DriftView { reason: Some(NO_READS.into()), ..DriftView::default() })
}
