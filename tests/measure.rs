//! The measuring core against vectors from independent packages, and against planted behaviour.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::needless_range_loop)]

#[path = "measure/agreement.rs"]
mod agreement;
#[path = "measure/commands.rs"]
mod commands;
mod common;
#[path = "measure/consensus.rs"]
mod consensus;
#[path = "measure/detection.rs"]
mod detection;
#[path = "measure/drift.rs"]
mod drift;
#[path = "measure/masks.rs"]
mod masks;
#[path = "measure/nifti.rs"]
mod nifti;
#[path = "measure/planted.rs"]
mod planted;
#[path = "measure/quality.rs"]
mod quality;
#[path = "measure/reads.rs"]
mod reads;
#[path = "measure/segmentations.rs"]
mod segmentations;
#[path = "measure/tables.rs"]
mod tables;
#[path = "measure/vectors.rs"]
mod vectors;
