//! Whether symbolic links are followed.

use serde::{Deserialize, Serialize};

/// Whether symbolic links are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Links {
    /// Never.
    #[default]
    Never,
    /// Where they lead to something inside the folder that is walked.
    Inside,
}
