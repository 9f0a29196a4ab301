//! *What is stuck, why?*

use serde::{Deserialize, Serialize};

use super::Page;
use crate::model::Drawing;
use crate::source::Unread;

/// Every inbox and other source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {}

/// One source as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    /// Its name in the configuration.
    pub name: String,
    /// `folder` for a watched folder, `bucket`, `listener`, or `remote` for an archive elsewhere.
    pub kind: String,
    /// The folder.
    pub path: String,
    /// The site whose data it brings.
    pub site: String,
    /// What is done with a file once it is safe: `keep`, `remove`, `move`.
    pub after: String,
    /// File events arrive here; otherwise only the rescan finds files.
    pub events: bool,
    /// Why there are no events, or why the source cannot be read.
    pub problem: Option<String>,
    /// What was not read at the last look over the folder, by reason.
    pub unread: Unread,
    /// Files found by an event since start.
    pub by_event: u64,
    /// Files found by the rescan since start.
    pub by_rescan: u64,
    /// Files seen that are still being written.
    pub settling: u64,
    /// Files waiting to be processed; of a pull that is under way, what has not come yet.
    pub waiting: u64,
    /// Files received in all.
    pub received: u64,
    /// Files received in each of the last twelve slots of five minutes, oldest first.
    pub slots: Vec<u64>,
    /// When the last file came, in milliseconds since 1970.
    pub last_arrival_ms: Option<i64>,
    /// Of a listener: AE titles of those whose associations stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<String>,
    /// Of a listener: associations since start.
    #[serde(default)]
    pub associations: u64,
    /// Of a listener: objects that were refused since start.
    #[serde(default)]
    pub refused: u64,
}

/// What was quarantined or rejected, in groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeGroups {
    /// Only groups that match every word: `status:`, `reason:`, `site:` and `day:` (a beginning of the day), with several
    /// values joined by commas and quotes around what holds spaces; a word without a field is looked for in the text.
    pub filter: String,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntakeStatus {
    /// Stored.
    Deidentified,
    /// Kept on the landing side until somebody decides.
    Quarantined,
    /// Never processable.
    Rejected,
    /// Stored before.
    Duplicate,
    /// Discarded by a person out of quarantine.
    Discarded,
}

impl IntakeStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Deidentified, Self::Quarantined, Self::Rejected, Self::Duplicate, Self::Discarded];

    /// As it stands in JSON and in filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deidentified => "deidentified",
            Self::Quarantined => "quarantined",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
            Self::Discarded => "discarded",
        }
    }

    /// The status of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Files that share site, outcome, reason and day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeGroup {
    /// Identifies the group in commands and further queries.
    pub key: String,
    /// How they ended.
    pub status: IntakeStatus,
    /// Why, as a stable code such as `pixels_unchecked`.
    pub reason: String,
    /// The same for people.
    pub explanation: String,
    /// The site.
    pub site: String,
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// How many files.
    pub count: u64,
    /// When the last of them came, in milliseconds since 1970.
    pub latest_ms: i64,
}

/// The files of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeFiles {
    /// The group.
    pub group: String,
    /// Which part.
    pub page: Page,
    /// With the path of each, which may name a patient. Audited.
    #[serde(default)]
    pub names: bool,
}

/// One file of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeFile {
    /// Identifies the file in commands.
    pub id: i64,
    /// The path as the source has it. Landing side: may hold PHI, told only on request.
    pub path: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How it ended.
    pub status: IntakeStatus,
    /// Why.
    pub reason: String,
    /// Where exactly, without values: a tag, a byte offset.
    pub detail: String,
    /// When it came, in milliseconds since 1970.
    pub at_ms: i64,
}

/// One file with what de-identification would do to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeDetail {
    /// The file.
    pub id: i64,
    /// Show values as they stand, and the file's path. Audited; otherwise values are masked.
    pub reveal: bool,
}

/// The attribute table of a quarantined file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeDetailView {
    /// The file.
    pub file: IntakeFile,
    /// The attributes, in order; empty where the file cannot be read.
    pub attributes: Vec<AttributeRow>,
    /// A copy is kept and holds pixel data that can be looked at.
    pub has_picture: bool,
}

/// What would be masked of a quarantined file's pixels: where a person begins to draw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeMasks {
    /// The file.
    pub id: i64,
}

/// Masks of a quarantined file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeMasksView {
    /// What the search for burned-in text would mask.
    pub drawing: Drawing,
    /// How many frames the file has.
    pub frames: u32,
}

/// One attribute of a quarantined file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeRow {
    /// The tag, `(GGGG,EEEE)`; inside sequences with the path before it.
    pub tag: String,
    /// The keyword.
    pub keyword: String,
    /// The value representation.
    pub vr: String,
    /// The value, masked (`•••`) where it may be PHI and was not asked to be revealed.
    pub value: String,
    /// What the profile does with it.
    pub action: String,
}
