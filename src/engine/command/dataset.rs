//! Datasets out.

use serde::{Deserialize, Serialize};

pub use crate::dataset::export::LeftOut;

/// The names of the formats in which a dataset can be written.
pub fn format_names() -> Vec<&'static str> {
    crate::dataset::export::FORMATS.iter().map(|f| f.name()).collect()
}

/// Writes series to a folder, model-ready.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Formats, such as `nifti`, `json`.
    pub formats: Vec<String>,
    /// The folder, absolute.
    pub to: String,
    /// Which series, in the query language; without one, every accepted series.
    pub filter: Option<String>,
    /// The snapshot that goes out, by its name or identifier; instead of a query.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// An export of just this that was interrupted is taken up again.
    #[serde(default)]
    pub resume: bool,
    /// Readers by their pseudonyms.
    #[serde(default)]
    pub pseudonyms: bool,
    /// Another grid or range of values for every volume.
    #[serde(default)]
    pub standard: StandardWords,
    /// A pattern for names, see [`crate::dataset::names::Pattern`].
    #[serde(default)]
    pub name: Option<String>,
    /// Values of Philips as they were measured, not as they are shown.
    #[serde(default)]
    pub precise: bool,
}

/// What is asked of a volume, in the words of a person; see [`crate::volume::Standard::parse`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandardWords {
    /// Gantry tilt is taken out.
    pub untilt: bool,
    /// Towards where the axes point.
    pub orientation: Option<String>,
    /// Distance of voxels.
    pub spacing: Option<String>,
    /// Range of values.
    pub range: Option<String>,
}

/// Copies the workspace to a folder that does not exist yet; the copy is a workspace of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The folder, absolute.
    pub to: String,
    /// Copy the landing side too: it may hold PHI.
    pub landing: bool,
}

/// What was copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOutcome {
    /// Stored instances.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportOutcome {
    /// The folder.
    pub to: String,
    /// Series written.
    pub series: u64,
    /// Files written.
    pub files: u64,
    /// Series that the query found, of whatever kind.
    pub matched: u64,
    /// Series, or stacks of them, that were left out.
    pub left_out: Vec<LeftOut>,
    /// What whoever uses the dataset should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// SHA-256 of the manifest, which the trail holds too.
    pub manifest_sha256: String,
}
