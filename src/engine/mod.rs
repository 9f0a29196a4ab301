//! The seam: commands, queries and events that every face uses alike; [`tools`] holds what needs no workspace.
//!
//! A query or command is a plain struct. `client.ask(query::Overview)` answers with that query's own type whether the
//! workspace is open in this process or served by another one on its Unix socket.

mod activity;
mod answer;
mod client;
pub mod command;
mod error;
mod freezing;
mod gate;
mod health;
mod holder;
mod live;
mod news;
mod open_error;
mod perform;

pub mod query;
pub mod refusals;
mod schedule;
mod scope;
mod session;
mod signing;
mod token_session;
pub mod tools;

pub use client::Client;
pub use error::EngineError;
pub use gate::Identity;
pub use news::{Line, Weight};
pub use open_error::OpenError;
pub use schedule::Schedule;
pub use session::{Engine, Session, Unwritable};

pub use crate::pipeline::now_ms;

use serde::Serialize;
use serde::de::DeserializeOwned;

use command::Command;
use query::Query;

/// A question that changes nothing. Its wire form is a variant of [`Query`].
pub trait Question: Into<Query> + Clone + Send + 'static {
    /// What it is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;
}

/// An act that changes the workspace, with its audit event, in one transaction. Its wire form is a variant of
/// [`Command`].
pub trait Act: Into<Command> + Clone + Send + 'static {
    /// What it is answered with.
    type Outcome: Serialize + DeserializeOwned + Send + 'static;
}
