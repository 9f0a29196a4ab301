//! Documents that lie beside a dataset: where everything came from (W3C PROV-JSON), what it is for machines (Croissant), and
//! for people (the card). They tell of what is in the dataset, and of nobody who is not.

mod card;
mod croissant;
mod provenance;

pub use provenance::{Provenance, tree};

use super::export::{FileEntry, LeftOut, Whole};
use crate::snapshot::{Content, ImageRef};

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// The identifier of its content.
    pub id: String,
    /// The Merkle root, as hexadecimal digits.
    pub root: String,
    /// Which series were asked for.
    pub query: Option<String>,
    /// What a person says of it.
    pub note: String,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its series.
    pub series: u64,
    /// Their subjects.
    pub subjects: u64,
    /// Their stored instances.
    pub instances: u64,
    /// Accepted labels.
    pub labels: u64,
    /// Bytes of the stored instances.
    pub bytes: u64,
}

/// A series of the dataset.
#[derive(Debug, Clone)]
pub struct Series<'d> {
    /// What is held of it.
    pub content: &'d Content,
    /// Its instances.
    pub images: &'d [ImageRef],
    /// Its split.
    pub split: Option<&'d str>,
    /// Who read, as the dataset names people.
    pub reader: Option<String>,
    /// Whether its read stands; otherwise it is one read of it among others.
    pub stands: bool,
    /// Who decided, where somebody did.
    pub by: Option<String>,
}

/// A dataset.
#[derive(Debug, Clone)]
pub struct Dataset<'d> {
    /// The snapshot that it was made of.
    pub snapshot: Snapshot,
    /// What is known of it as a whole.
    pub whole: &'d Whole<'d>,
    /// Its files.
    pub files: &'d [FileEntry],
    /// What is not in it.
    pub left_out: &'d [LeftOut],
    /// Its series.
    pub series: Vec<Series<'d>>,
}

/// Every document, with its file name.
pub fn write(dataset: &Dataset<'_>) -> Vec<(&'static str, String)> {
    let mut provenance = Provenance::default();
    provenance.snapshot(&dataset.snapshot, &dataset.series);
    dataset.series.iter().for_each(|series| provenance.series(series));
    provenance.files(&dataset.snapshot, dataset.files, &dataset.series);
    let text = |value: &serde_json::Value| format!("{value:#}\n");
    vec![
        ("provenance.json", text(&provenance.json())),
        ("croissant.json", text(&croissant::document(dataset))),
        ("README.md", card::text(dataset)),
    ]
}

/// A time as RFC 3339 has it, in UTC.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The day of a time, in UTC.
fn day(ms: i64) -> String {
    time(ms)[..10].to_owned()
}
