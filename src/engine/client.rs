//! How a face speaks to the engine, be it in this process or behind a socket.

use serde_json::Value;

use super::command::Command;
use super::query::Query;
use super::{Act, EngineError, Question};
use crate::bytes::ByteSource;
use crate::model::Event;

/// A connection to the engine. Calls block until they are answered: never call from a render loop.
pub trait Client: Send + Sync {
    /// Answers a query in its wire form.
    ///
    /// # Errors
    /// See [`EngineError`].
    fn query(&self, query: Query) -> Result<Value, EngineError>;

    /// Carries a command out, in its wire form.
    ///
    /// # Errors
    /// See [`EngineError`].
    fn command(&self, command: Command) -> Result<Value, EngineError>;

    /// Events from now on. A receiver that lags loses the oldest; the next event's revision tells.
    fn subscribe(&self) -> tokio::sync::broadcast::Receiver<Event>;

    /// The bytes of a stored, de-identified instance (a whole DICOM file) by its content hash.
    ///
    /// # Errors
    /// Not there, or its bytes no longer match the hash.
    fn blob(&self, hash: &str) -> Result<ByteSource<'static>, EngineError>;

    /// The bytes of a quarantined file: landing side, may hold PHI; only for the picture on screen. Who looks leaves a
    /// mark in the trail first.
    ///
    /// # Errors
    /// Not there (discarded, released), or the user may not.
    fn quarantined(&self, id: i64) -> Result<ByteSource<'static>, EngineError>;
}

impl dyn Client + '_ {
    /// Asks a query and decodes its answer.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, EngineError> {
        decode(self.query(question.into())?)
    }

    /// Carries a command out and decodes its outcome.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub fn act<A: Act>(&self, act: A) -> Result<A::Outcome, EngineError> {
        decode(self.command(act.into())?)
    }
}

fn decode<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, EngineError> {
    serde_json::from_value(value).map_err(|e| EngineError::Storage { why: format!("unexpected answer: {e}") })
}
