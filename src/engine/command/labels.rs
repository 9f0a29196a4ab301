//! Reads in.

use serde::{Deserialize, Serialize};

/// Takes tables of what readers said and files of what they drew, each in one transaction (large ones in several, of 2,000 reads each) with its
/// audit event. The same table again changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReads {
    /// CSV, Parquet or JSON tables (plain or gzipped), label files, and folders of them; absolute.
    pub paths: Vec<String>,
    /// The bytes of one more table, as hexadecimal digits: what came by the standard input.
    pub inline: Option<String>,
    /// Who read, where a table does not say.
    pub reader: Option<String>,
    /// Under which version of the guideline, where a table does not say.
    pub guideline: Option<String>,
    /// Which structure, where a table does not say.
    pub structure: Option<String>,
    /// The tables are matrices with a column per reader, and this is what they rated.
    pub matrix: Option<String>,
    /// Names of structures in label files, by their numbers.
    #[serde(default)]
    pub names: Vec<(u32, String)>,
    /// The series of label files that name none.
    #[serde(default)]
    pub series: Option<String>,
    /// A template of their names, such as `{series}_{reader}_{structure}.nii.gz`.
    #[serde(default)]
    pub template: Option<String>,
    /// Take the nearest voxel where a label lies on other voxels than its series.
    #[serde(default)]
    pub resample: bool,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// Takes a whole import back: what stood before it stands again, and the history stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoImport {
    /// Its number.
    pub import: i64,
}

/// Writes what one read drew, on the voxels of its series.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportLabel {
    /// The read.
    pub read: i64,
    /// The file, absolute; a folder where it ends in `/`.
    pub to: String,
    /// The format's name, where the ending does not say it.
    pub format: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelExported {
    /// The format.
    pub format: String,
    /// The files.
    pub outputs: Vec<String>,
    /// What is odd about them, in words.
    pub warnings: Vec<String>,
}

/// What became of the reads of an import that was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportUndone {
    /// The import's number.
    pub import: i64,
    /// Reads that were new, and no longer stand.
    pub withdrawn: u64,
    /// Reads of which stands again what stood before.
    pub restored: u64,
}

/// What became of the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// The import's number, by which it can be taken back; none where nothing was stored.
    pub import: Option<i64>,
    /// Nothing was stored: this is what would happen.
    pub dry_run: bool,
    /// Each table, in the order of the paths.
    pub files: Vec<ImportedFile>,
    /// All of them together.
    pub total: ImportCounts,
    /// Wall time.
    pub elapsed_ms: u64,
}

/// What became of the reads: the first is the sum of the next five.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCounts {
    /// Reads that the tables hold.
    pub reads: u64,
    /// The first of their reader, guideline, item and structure.
    pub new: u64,
    /// They said more than what was there.
    pub completed: u64,
    /// They replaced what was there, which is kept as history.
    pub corrected: u64,
    /// They were there.
    pub duplicates: u64,
    /// On a series that is not here yet; they wait for it and count from when it comes.
    pub unmatched: u64,
    /// Label files of which nobody knows the series; nothing of them is taken.
    #[serde(default)]
    pub parked: u64,
}

/// What became of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    /// The path that was asked for.
    pub path: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its rows.
    pub rows: u64,
    /// Rows that say nothing: not looked at.
    pub empty_rows: u64,
    /// What became of its reads.
    #[serde(flatten)]
    pub counts: ImportCounts,
    /// Reads on items that belong to no series here; stored under a pseudonym of the item's name.
    pub without_series: u64,
    /// First rows of reads on a series that is not here (at most 100).
    pub unmatched_rows: Vec<u64>,
    /// Columns that were left alone.
    pub ignored_columns: Vec<String>,
    /// Why nothing of it was taken; row and column, never what stands there.
    pub refused: Option<String>,
    /// What it is, where it is a label file.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub label: Option<ImportedLabel>,
}

/// What became of a label file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedLabel {
    /// The format.
    pub format: String,
    /// The de-identified UID of the series that it lies on.
    pub series_uid: Option<String>,
    /// Its structures.
    pub structures: Vec<ImportedStructure>,
    /// The code of why it was refused, such as `other_grid`.
    pub code: Option<String>,
    /// What differs between its grid and that of the series.
    pub difference: Option<serde_json::Value>,
    /// What is odd about it, in words.
    pub warnings: Vec<String>,
}

/// One structure of a label file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedStructure {
    /// Its name, as it is stored.
    pub name: String,
    /// `found`, or `none`: looked, and found nothing.
    pub state: String,
    /// Its voxels.
    pub voxels: u64,
}
