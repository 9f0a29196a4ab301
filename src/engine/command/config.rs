//! The configuration.

use serde::{Deserialize, Serialize};

/// Sets one value of the configuration file; comments and order stay. What changed stands in the trail, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetConfig {
    /// Such as `review.share`.
    pub key: String,
    /// As TOML has it; what is no TOML is taken as text.
    pub value: String,
}
