//! The workspace's socket: the owner serves it, other consoles and commands attach. Who you are comes from the
//! operating system (peer credentials). The socket has mode 0600, or 0660 for the group that `[access] group` names.
//!
//! One JSON object per line. Each side begins with `{"hello": {"protocol", "version"}}`; where the protocols differ, the
//! owner says so and hangs up. Then a client sends `{"id", "query"}`, `{"id", "command"}`, `{"id", "blob"}` or
//! `{"id", "quarantined"}` and gets `{"answer": {"id", "result"}}`; events come in between as `{"event"}`. Bytes come in
//! pieces of at most [`MAX_PIECE_BYTES`], as base64.

mod client;
mod pieces;
mod server;
mod web;

pub use client::{AttachError, Attached};
pub use server::{ServeError, Server};
pub use web::Web;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::EngineError;
use crate::engine::command::Command;
use crate::engine::query::Query;
use crate::model::Event;

/// The version of what is spoken; another one is not understood.
const PROTOCOL: u32 = 3;
/// A line longer than this is not read on.
const MAX_LINE_BYTES: u64 = 64 << 20;
/// Bytes of one piece of a blob, at most.
const MAX_PIECE_BYTES: u64 = 4 << 20;

/// What each side says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hello {
    /// The version of what is spoken.
    protocol: u32,
    /// The version of Gantry, for people.
    version: String,
    /// The client is the user who owns the workspace; the owner's side says it.
    #[serde(default)]
    is_owner: bool,
    /// The reader for whom the client acts; the client's side says it.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    acts_for: Option<String>,
}

impl Hello {
    fn new(is_owner: bool, acts_for: Option<&str>) -> Self {
        let acts_for = acts_for.map(str::to_owned);
        Self { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), is_owner, acts_for }
    }
}

/// A part of a blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Range<T> {
    of: T,
    offset: u64,
}

/// Bytes of a blob from an offset, and how many there are in all.
#[derive(Debug, Serialize, Deserialize)]
struct Piece {
    bytes: u64,
    base64: String,
}

/// From a client.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    #[serde(default)]
    id: u64,
    #[serde(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Hello(Hello),
    Query(Query),
    Command(Command),
    /// A stored instance, by its hash.
    Blob(Range<String>),
    /// A quarantined file, by its number.
    Quarantined(Range<i64>),
}

/// To a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Hello(Hello),
    /// The connection is refused, in a person's words.
    Refused(String),
    Answer {
        id: u64,
        result: Result<Value, EngineError>,
    },
    Event(Event),
    /// The owner ends: everything that was begun is answered, and nothing else was begun.
    Closing,
}
