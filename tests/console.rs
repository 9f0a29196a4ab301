//! The console through its public seam: messages in, frames out, over an engine of plain structs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "console/bench.rs"]
mod bench;
mod common;
#[path = "console/datasets.rs"]
mod datasets;
#[path = "console/frames.rs"]
mod frames;
#[path = "console/labels.rs"]
mod labels;
#[path = "console/masks.rs"]
mod masks;
#[path = "console/measures.rs"]
mod measures;
#[path = "console/protocols.rs"]
mod protocols;
#[path = "console/review.rs"]
mod review;
#[path = "console/stub.rs"]
mod stub;
#[path = "console/terminal.rs"]
mod terminal;
