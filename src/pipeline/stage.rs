//! Stages of the line after intake. A stage takes one job, does one thing, and commits its result, the next job and
//! the audit event in one transaction; it can be run again with the same outcome.

use super::Shared;
use super::assemble::Assemble;
use super::check::Check;
use super::clean::Clean;
use super::compare::CompareReads;
use super::route::Route;
use super::study::CompareStudy;
use crate::blob::BlobError;
use crate::catalog::{CatalogError, Job};

/// When a stage that follows another may begin: before everything that has not begun, so that a series is finished
/// before the next one is taken up.
pub const AT_ONCE: i64 = 0;

/// One stage.
pub trait Stage: Send + Sync {
    /// Its name, as jobs have it.
    fn name(&self) -> &'static str;

    /// Does the job, and finishes it in the transaction of its result.
    ///
    /// # Errors
    /// The job is tried again, and parked with this reason when that does not help.
    fn run(&self, shared: &Shared, job: &Job) -> Result<(), StageError>;
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A stored value.
    #[error("a stored value cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// Stored instances from which what their study names could not be taken.
    #[error("{count} stored instances hold what another of their study names and cannot be cleaned: {why}")]
    Uncleaned {
        /// How many.
        count: u64,
        /// Why the last could not, without values.
        why: String,
    },
    /// The disk has no room for what is made.
    #[error("the disk is full")]
    Full,
    /// A stage that this version does not have.
    #[error("no stage is called {0}")]
    Unknown(String),
    /// The stage panicked; the process goes on.
    #[error("a defect in stage {0}")]
    Defect(String),
}

/// Every stage, in order.
pub fn stages() -> &'static [&'static dyn Stage] {
    &[&Clean, &Assemble, &Check, &CompareStudy, &Route, &CompareReads]
}
