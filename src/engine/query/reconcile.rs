//! *What a sender says it has sent: is it here?*

use serde::{Deserialize, Serialize};

/// Compares a list of a sender with what is here, by the UIDs that the sender knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// What the sender lists.
    pub listed: Vec<Listed>,
}

/// What a sender lists: an instance, or a study with how many instances it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    /// An instance, by its SOP instance UID.
    Instance(String),
    /// A study, by its UID, with its instances.
    Study(String, u64),
}

/// Where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Stored.
    Stored,
    /// On the landing side, on its way.
    Arrived,
    /// In quarantine.
    Quarantined,
    /// Not here; of a study, some of it.
    Missing,
    /// There is more of a study than was listed.
    Surplus,
}

/// What became of something that was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// Its UID, as the sender has it.
    pub uid: String,
    /// Where it is.
    pub state: Whereabouts,
    /// Of a study: instances that were listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<u64>,
    /// Of a study: instances that are stored, on their way, or in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<u64>,
}
