//! Cases, tasks and reads: random histories of the rules, and a case from plan to export through the engine.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod common;
#[path = "workflow/datasets.rs"]
mod datasets;
#[path = "workflow/engine.rs"]
mod engine;
#[path = "workflow/histories.rs"]
mod histories;
#[path = "workflow/plans.rs"]
mod plans;
#[path = "workflow/project.rs"]
mod project;
