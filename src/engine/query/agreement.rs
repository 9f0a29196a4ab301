//! How well readers agree: one line per measure, and one measure in detail.

use serde::{Deserialize, Serialize};

use super::Measured;

/// Agreement of the readers on what they said, by measure; with one measure in detail.
///
/// A *measure* is something that readers say of a structure: a rating (`nodule/malignancy`), a measured value
/// (`nodule/volume_mm3`), or whether it is there at all (`nodule/presence`: every read that found it against every read
/// that looked and found nothing).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agreement {
    /// Only measures of this structure.
    pub structure: Option<String>,
    /// The measure to take apart, by [`AgreementRow::id`]; without one, the first of the list.
    pub measure: Option<String>,
    /// Only reads that ended at or after this time, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only reads on series that match, in the query language of the catalog; empty: all reads, also those on items
    /// that belong to no series here.
    pub filter: String,
    /// Worst cases at most; 0 stands for 50.
    pub worst: u32,
}

/// Agreement in the workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgreementView {
    /// Every measure, the ones that need somebody first: below its threshold, unsure, met, undefined.
    pub measures: Vec<AgreementRow>,
    /// One measure in detail; `None` where there is none.
    pub selected: Option<AgreementDetail>,
    /// Reads that were looked at (the current one of each reader, item and structure).
    pub reads: u64,
    /// Items that were read.
    pub items: u64,
    /// Why there is nothing to show, in a person's words.
    pub reason: Option<String>,
}

/// What the numbers of a measure mean (Stevens 1946).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasureLevel {
    /// Names: alike or not.
    Nominal,
    /// An order.
    Ordinal,
    /// Equal steps: differences count.
    Interval,
    /// A true zero as well: relative differences count.
    Ratio,
}

/// How a coefficient stands to its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval lies below the threshold.
    Below,
    /// The threshold lies within the interval, there is no interval yet, or the coefficient misleads (see `warning`).
    Unsure,
    /// The whole interval lies at or above the threshold.
    Met,
    /// The coefficient is undefined.
    Undefined,
}

/// One measure in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementRow {
    /// Its name for deep links and scripts: `structure/name`.
    pub id: String,
    /// The structure, such as `nodule`; empty where the table named none.
    pub structure: String,
    /// What is said of it, such as `malignancy`, `volume_mm3`, `presence`.
    pub name: String,
    /// What its numbers mean.
    pub level: MeasureLevel,
    /// The coefficient, such as `krippendorff_alpha`.
    pub coefficient: String,
    /// Its value, interval, the items with at least two ratings (`n`), or why it is undefined.
    pub value: Measured,
    /// The least that is wanted.
    pub threshold: Option<f64>,
    /// Where it stands.
    pub verdict: Verdict,
    /// Unweighted observed agreement (categories only).
    pub percent_agreement: Measured,
    /// Ratings in all.
    pub ratings: u64,
    /// Readers who gave any.
    pub readers: u32,
    /// Where the coefficient misleads (high agreement with low kappa, unbalanced margins), in a person's words.
    pub warning: Option<String>,
    /// More about the value, in a person's words.
    #[serde(default)]
    pub note: Option<String>,
}

/// One measure in detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgreementDetail {
    /// The measure, as in the list.
    pub row: AgreementRow,
    /// Who reads this structure, by name; other parts refer to them by position.
    pub readers: Vec<ReaderLooks>,
    /// The coefficient of pairs: `cohen_kappa` (unweighted), `weighted_kappa` (quadratic), `concordance` (Lin 1989).
    pub pair_coefficient: String,
    /// Every pair of readers once, `a < b`; the diagonal is not in it.
    pub pairs: Vec<PairAgreement>,
    /// Categories in order, or the bins of a continuous value as `low – high`.
    pub bins: Vec<String>,
    /// Lower edges of the bins and the upper edge of the last; empty where the bins are categories.
    pub edges: Vec<f64>,
    /// Ratings of each reader by bin: `distribution[reader][bin]`.
    pub distribution: Vec<Vec<u64>>,
    /// Items on which readers differ most, the worst first.
    pub worst: Vec<WorstCase>,
}

/// How often a reader looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderLooks {
    /// The reader.
    pub name: String,
    /// Items on which the reader found the structure.
    pub found: u64,
    /// Items on which the reader looked and found nothing.
    pub nothing: u64,
    /// Items that others read and this reader did not look at.
    pub not_looked: u64,
}

/// Two readers against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairAgreement {
    /// Position of the first reader.
    pub a: u32,
    /// Position of the second.
    pub b: u32,
    /// The coefficient on the items that both rated (`n`), or why it is undefined.
    pub value: Measured,
    /// Where it misleads.
    pub warning: Option<String>,
}

/// An item on which readers differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorstCase {
    /// The item's name: `#2` of its series, or its pseudonym.
    pub item: String,
    /// The de-identified series UID, where the item belongs to a series here.
    pub series_uid: Option<String>,
    /// The series' review task.
    pub task: Option<i64>,
    /// The subject's pseudonym.
    pub subject: Option<String>,
    /// The site.
    pub site: Option<String>,
    /// Disagreement within the item over what chance expects: 0 all alike, 1 as unlike as ratings drawn at random, more
    /// is possible.
    pub disagreement: f64,
    /// What each reader said, by position in [`AgreementDetail::readers`].
    pub values: Vec<RatedValue>,
}

/// What a reader said of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum RatedValue {
    /// A number.
    Number {
        /// The number.
        value: f64,
    },
    /// A category.
    Category {
        /// Its name.
        value: String,
    },
    /// Looked, and found nothing.
    Nothing,
    /// Looked and found it, and said nothing of this measure.
    Unsaid,
    /// Did not look.
    NotLooked,
}
