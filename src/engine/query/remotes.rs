//! *Whom do we call, and are they there?*

use serde::{Deserialize, Serialize};

use crate::config::Method;

/// The archives of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remotes {}

/// An archive elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteView {
    /// Its name.
    pub remote: String,
    /// Its AE title, where it is a DICOM application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ae_title: Option<String>,
    /// Where that is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The base of its services, where it speaks DICOMweb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How objects come from a DICOM application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The site whose data it holds.
    pub site: String,
}

/// Whether an archive is there: one C-ECHO, or a search for one study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoRemote {
    /// Its name.
    pub remote: String,
}

/// Whether it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EchoView {
    /// Which.
    pub remote: String,
    /// Whether it answers.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why not, in the other's words.
    pub reason: Option<String>,
}
