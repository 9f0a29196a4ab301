//! What the vault holds, without opening it.

use serde::{Deserialize, Serialize};

/// The state of the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vault {}

/// The state of the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultView {
    /// The public key that entries are sealed to; without one none is kept.
    pub recipient: Option<String>,
    /// Studies that have an entry.
    pub entries: u64,
    /// Studies in the catalog.
    pub studies: u64,
    /// Studies in the catalog that have no entry: `gantry vault fill` adds them from their sources.
    pub without_entry: u64,
}
