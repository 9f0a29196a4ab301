//! Agreement of the readers.

use crate::engine::query::{Agreement, AgreementView};
use crate::engine::{EngineError, Session};

/// What an empty workspace says.
pub const NO_READS: &str = "nobody has read anything yet: gantry label import TABLE";

pub fn agreement(_session: &Session, _query: &Agreement) -> Result<AgreementView, EngineError> {
    Ok(AgreementView { reason: Some(NO_READS.into()), ..AgreementView::default() })
}
