//! The vault: to whom it is sealed, and opening it.

use serde::{Deserialize, Serialize};

pub use crate::deid::VaultEntry;

/// Seals the vault to a public key from now on; entries that stand stay sealed as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealVault {
    /// The public key, `age1…`.
    pub recipient: String,
}

/// Opens the vault. The opening is in the trail before an entry is read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenVault {
    /// The text of the key file.
    pub key: String,
    /// Only the study with this new UID.
    pub study_uid: Option<String>,
    /// Only studies of the subject with this pseudonym.
    pub subject: Option<String>,
    /// Only studies of the person with this Patient ID, as its sender knows it.
    #[serde(default)]
    pub patient_id: Option<String>,
    /// Only the study with this Accession Number, as its sender knows it.
    #[serde(default)]
    pub accession_number: Option<String>,
    /// Why it is opened.
    pub reason: String,
}

impl std::fmt::Debug for OpenVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenVault").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Adds entries of studies that have none, from sources that are still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillVault {
    /// Files and folders, absolute.
    pub paths: Vec<String>,
}

/// What was added to the vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultFilled {
    /// Files looked at.
    pub files: u64,
    /// Entries added.
    pub added: u64,
    /// Files of studies that are not in the catalog, or that are no DICOM.
    pub unknown: u64,
    /// Studies in the catalog that still have no entry.
    pub without_entry: u64,
}

/// What was in the vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultOpened {
    /// The entries asked for.
    pub entries: Vec<VaultEntry>,
    /// Entries that are sealed to another key, or damaged.
    pub shut: u64,
}
