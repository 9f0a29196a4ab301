//! The line: puts the services in order. Files go through [`intake`] in batches; from there on each series goes
//! through durable jobs, one [`stage`] after the other.
//!
//! ```text
//! Found ─▶ intake: read, hash, de-identify (workers) ─▶ flush blobs, one transaction (committer)
//!                                                          │ wants
//!                                                          ▼
//!                          (clean ─▶) assemble ─▶ check ─▶ route        (supervisor, leased jobs)
//! ```
//!
//! `clean` is for a study of which something is stored and that has named something new since.

mod after;
mod archives;
mod assemble;
mod buckets;
mod bus;
pub mod casework;
mod check;
mod clean;
mod clock;
mod commitment;
pub mod compare;
mod deidentify;
pub mod erase;
pub mod freeze;
mod fresh;
pub mod frozen;
pub mod intake;
mod landed;
pub mod landing;
mod listeners;
mod people;
mod progress;
mod pull;
mod queue;
mod remotes;
pub mod replace;
pub mod reprocess;
mod route;
mod send;
mod shared;
mod sources;
mod stage;
mod study;
mod study_identifiers;
mod supervisor;
mod tally;
mod vault;
pub mod verify;
mod watchers;

pub use after::settle_sources;
pub use assemble::Loaded;
pub use buckets::examine as examine_bucket;
pub use bus::Bus;
pub use clean::STAGE as CLEAN;
pub use clock::{day_of, now_ms};
pub use commitment::{Landing, is_stored, on_the_landing_side};
pub use deidentify::{Attribute, Deidentify, MASKS_QUESTIONED, Verdict, explain_reason};
pub use intake::Intake;
pub use landed::{Incoming, left_behind, take_up};
pub use listeners::{ListenerState, Listeners, tls_files};
pub use progress::Progress;
pub use pull::{PullEnd, PullTerms, pull};
pub use remotes::{address_of, move_destination_of, our_title, search};
pub use send::{SendEnd, one_of_each, send};
pub use shared::Shared;
pub use sources::Sources;
pub use stage::{Stage, StageError, stages};
pub use study::STAGE as STUDY;
pub use study_identifiers::resume_pending;
pub use supervisor::Supervisor;
pub use tally::{Counts, Refusal, Tally};
pub use watchers::{Watchers, watch};
