//! Bytes over the socket, piece by piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{MAX_PIECE_BYTES, Piece};
use crate::bytes::ByteSource;
use crate::engine::EngineError;
use crate::model::words::io_words;

/// Bytes that a client takes together, at most: what is larger is for whoever may read the store itself.
const MAX_BYTES: u64 = 2 << 30;

/// The piece of some bytes that begins at an offset.
pub(super) fn piece(bytes: &ByteSource<'_>, offset: u64) -> Result<Value, EngineError> {
    let all = bytes.len();
    let length = all.saturating_sub(offset).min(MAX_PIECE_BYTES);
    let from = offset.min(all);
    let taken = bytes.read(from..from + length);
    let taken = taken.map_err(|e| EngineError::Storage { why: io_words(e.kind()).to_string() })?;
    let piece = Piece { bytes: all, base64: STANDARD.encode(taken) };
    serde_json::to_value(piece).map_err(|e| EngineError::Storage { why: e.to_string() })
}

/// All bytes, from pieces that `ask` brings by their offsets.
pub(super) fn gather(
    ask: impl Fn(u64) -> Result<Value, EngineError>,
) -> Result<ByteSource<'static>, EngineError> {
    let unexpected = |why: &str| EngineError::Storage { why: format!("unexpected answer: {why}") };
    let mut all: Vec<u8> = Vec::new();
    loop {
        let piece: Piece =
            serde_json::from_value(ask(all.len() as u64)?).map_err(|e| unexpected(&e.to_string()))?;
        if piece.bytes > MAX_BYTES {
            return Err(unexpected("too many bytes"));
        }
        let bytes = STANDARD.decode(&piece.base64).map_err(|_| unexpected("no base64"))?;
        if bytes.is_empty() && (all.len() as u64) < piece.bytes {
            return Err(unexpected("it ends before it is complete"));
        }
        all.extend_from_slice(&bytes);
        if all.len() as u64 >= piece.bytes {
            return Ok(all.into());
        }
    }
}
