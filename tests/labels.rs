//! Label files of every format: what is read, placed, refused and written, through the program.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "labels/acceptance.rs"]
mod acceptance;
mod common;
#[path = "labels/contours.rs"]
mod contours;
#[path = "labels/hostile.rs"]
mod hostile;
#[path = "labels/made.rs"]
mod made;
#[path = "labels/refusals.rs"]
mod refusals;
#[path = "labels/round_trips.rs"]
mod round_trips;
#[path = "labels/segmentations.rs"]
mod segmentations;
#[path = "labels/workspace.rs"]
mod workspace;
