//! *Is everything as it was stored?*

use serde::{Deserialize, Serialize};

pub use crate::pipeline::verify::{Checkpoint, Damage, DamageKind, Depth, Verified};

/// What is stored against the names, rows, hashes and trail entries that vouch for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// How much is looked at.
    pub depth: Depth,
    /// The end of the trail as it was once.
    pub checkpoint: Option<Checkpoint>,
}

/// The end of the trail as it is, for an outside keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeCheckpoint {}
