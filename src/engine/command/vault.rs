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
    /// Why it is opened.
    pub reason: String,
}

impl std::fmt::Debug for OpenVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenVault").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// What was in the vault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultOpened {
    /// The entries asked for.
    pub entries: Vec<VaultEntry>,
    /// Entries that are sealed to another key, or damaged.
    pub shut: u64,
}
