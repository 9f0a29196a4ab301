//! Reads, one by one.

use crate::engine::query::{ReadHistory, ReadView, Reads, Rows};
use crate::engine::{EngineError, Session};

pub fn reads(_session: &Session, _query: &Reads) -> Result<Rows<ReadView>, EngineError> {
    Ok(Rows { rows: Vec::new(), total: 0 })
}

pub fn read(_session: &Session, id: i64) -> Result<ReadHistory, EngineError> {
    Err(EngineError::NotFound { what: "read".into(), id: id.to_string() })
}
