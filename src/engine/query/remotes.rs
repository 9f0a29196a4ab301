//! *Whom do we call, and are they there?*

use serde::{Deserialize, Serialize};

/// The DICOM applications of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remotes {}

/// A DICOM application elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteView {
    /// Its name.
    pub remote: String,
    /// Its AE title.
    pub ae_title: String,
    /// Where it is called.
    pub address: String,
    /// The site whose data it holds.
    pub site: String,
}

/// Whether an application is there: one C-ECHO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoRemote {
    /// Its name.
    pub remote: String,
}

/// What became of a C-ECHO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoView {
    /// Whom it was sent to.
    pub remote: String,
    /// Whether it was answered.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why not, in the other's words.
    pub reason: Option<String>,
}
