//! The workspace's socket: the owner serves it, other consoles and commands attach. Who you are comes from the
//! operating system (peer credentials); the socket has mode 0600.
//!
//! One JSON object per line. A client sends `{"id", "query"}` or `{"id", "command"}` and gets `{"id", "ok"}` or
//! `{"id", "error"}`; events come in between as `{"event"}`.

mod client;
mod server;
mod user;

pub use client::Attached;
pub use server::{ServeError, Server};
pub use user::user_name;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::EngineError;
use crate::engine::command::Command;
use crate::engine::query::Query;
use crate::model::Event;

/// A line longer than this is not read on.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// From a client.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    id: u64,
    #[serde(flatten)]
    ask: Ask,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Query(Query),
    Command(Command),
}

/// To a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Answer { id: u64, result: Result<Value, EngineError> },
    Event(Event),
}
