//! Why a workspace cannot be opened, and what the adapters' errors are to who asks the engine.

use std::io::ErrorKind;

use super::EngineError;
use crate::blob::BlobError;
use crate::catalog::CatalogError;
use crate::config::WorkspaceError;
use crate::pipeline::Refusal;
use crate::workflow;

/// Why a workspace cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder, its lock, its secret or its configuration.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Harmonisation rules, protocols, or settings of checks.
    #[error("{0}")]
    Rules(String),
    /// The de-identification profile.
    #[error("the de-identification profile: {0}")]
    Profile(String),
}

impl OpenError {
    /// Whether there is no room on the disk for what opening for writing takes.
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Catalog(CatalogError::Full)
                | Self::Blob(BlobError::Io(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
                | Self::Workspace(WorkspaceError::Io {
                    kind: ErrorKind::StorageFull | ErrorKind::QuotaExceeded,
                    ..
                })
        ) || matches!(self, Self::Catalog(CatalogError::Io(error)) if error.kind() == ErrorKind::StorageFull)
    }
}

impl From<CatalogError> for EngineError {
    fn from(error: CatalogError) -> Self {
        match error {
            error if error.is_read_only() => Self::ReadOnly {
                why: "this workspace is open for reading only: what leaves a mark in its trail is refused"
                    .into(),
            },
            CatalogError::Refused(why) => Self::Conflict { why },
            CatalogError::Workflow(refused) => refused.into(),
            CatalogError::Full => Self::Full,
            CatalogError::Damaged(_) => Self::Damaged { why: error.to_string() },
            other => Self::Storage { why: other.to_string() },
        }
    }
}

impl From<workflow::Refused> for EngineError {
    fn from(refused: workflow::Refused) -> Self {
        use workflow::Refused;
        let why = refused.to_string();
        match refused {
            Refused::NoTask(id) => Self::NotFound { what: "task".into(), id: id.to_string() },
            Refused::Barred(_) | Refused::NotCoordinator => Self::Forbidden { why },
            Refused::State(_) => Self::Conflict { why },
            Refused::NoReason => Self::Invalid { why },
        }
    }
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Full,
            Refusal::Other(why) => Self::Storage { why },
        }
    }
}

impl From<BlobError> for EngineError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(id) => Self::NotFound { what: "blob".into(), id },
            BlobError::Io(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => Self::Full,
            other => Self::Storage { why: other.to_string() },
        }
    }
}
