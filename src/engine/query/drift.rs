//! Drift: what moved, since when, how sure, most likely why.

use serde::{Deserialize, Serialize};

/// Control charts of what readers say and how they work; with one chart in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drift {
    /// The chart to draw, by [`DriftRow::id`]; without one, the first of the list.
    pub chart: Option<String>,
    /// Only charts of this structure.
    pub structure: Option<String>,
    /// Only charts whose group or metric holds this text.
    pub text: String,
}

/// Drift in the workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftView {
    /// Every chart, the most alarming first.
    pub charts: Vec<DriftRow>,
    /// One chart in full; `None` where there is none.
    pub selected: Option<DriftChart>,
    /// Why there is nothing to show, in a person's words.
    pub reason: Option<String>,
}

/// How a chart stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftState {
    /// It moved, and chance over all charts together is no explanation (Holm, 1 %).
    Alarm,
    /// It moved together with the other readers: the chart of all readers tells of it.
    Shared,
    /// A limit was crossed, and chance may explain it.
    Watch,
    /// Nothing moved.
    Stable,
    /// Too few reads to say, or the reference does not vary.
    Short,
}

/// By what the reads of a chart belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftGroup {
    /// All readers.
    All,
    /// One reader.
    Reader,
    /// One site.
    Site,
}

/// One chart in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftRow {
    /// Its name for deep links and scripts, such as `nodule/volume_mm3~panel/reader/reader-03`.
    pub id: String,
    /// The structure; empty where the table named none.
    pub structure: String,
    /// What is charted, for people: `volume_mm3 against the other readers`, `volume_mm3`, `missed`, `reading time`.
    pub metric: String,
    /// What its values are in: `%` (relative difference), `mm`, `s`, `` for a plain number.
    pub unit: String,
    /// By what its reads belong together.
    pub group: DriftGroup,
    /// The reader or site; empty for all readers.
    pub name: String,
    /// Reads on it.
    pub n: u64,
    /// How it stands.
    pub state: DriftState,
    /// When it moved, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// By how much, in `change_unit`.
    pub change: Option<f64>,
    /// What `change` is in: `%` (relative) or `` for the unit itself.
    pub change_unit: String,
    /// By how much, in standard deviations of the reference.
    pub change_sd: Option<f64>,
    /// P of the move, corrected for the choice of its date and for the number of charts (Holm).
    pub p: Option<f64>,
    /// What moved, since when, how sure, most likely why; or that nothing did.
    pub sentence: String,
}

/// One chart in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftChart {
    /// The chart, as in the list.
    pub row: DriftRow,
    /// Its reads in the order of time.
    pub points: Vec<DriftPoint>,
    /// Moving average (EWMA, λ 0.2) at each point, in `unit`.
    pub average: Vec<f64>,
    /// Mean of the reference.
    pub centre: Option<f64>,
    /// Lower limit for single points: three standard deviations of the reference.
    pub lower: Option<f64>,
    /// Upper limit for single points.
    pub upper: Option<f64>,
    /// How many of the first points are the reference.
    pub reference_n: u64,
    /// Where detectors crossed their limits, in the order of time.
    pub alarms: Vec<DriftAlarm>,
    /// What else changed, in the order of time.
    pub marks: Vec<DriftMark>,
    /// Where the change comes from, where there is one.
    pub attribution: Option<DriftAttribution>,
    /// The point after the change that lies furthest out: its position among `points`.
    pub worst: Option<u64>,
}

/// One read on a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftPoint {
    /// When it ended, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its value, in the chart's unit.
    pub value: f64,
    /// Beyond a limit for single points.
    pub beyond: bool,
    /// The item's name.
    pub item: String,
    /// The de-identified series UID, where the item belongs to a series here.
    pub series_uid: Option<String>,
    /// The series' review task.
    pub task: Option<i64>,
    /// The reader.
    pub reader: String,
    /// The site of the series.
    pub site: Option<String>,
}

/// A detector crossed its limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftAlarm {
    /// `cusum`, `ewma`, `page_hinkley`.
    pub detector: String,
    /// Position among the points.
    pub index: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The detector's statistic, in standard deviations of the reference.
    pub value: f64,
    /// The limit that it lies beyond.
    pub limit: f64,
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftMarkKind {
    /// Reads follow another version of the guideline from here.
    Guideline,
    /// Images of another scanner model than before come from here.
    Scanner,
    /// The mean is another from here: the date in the sentence.
    Change,
}

/// A vertical mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftMark {
    /// What it stands for.
    pub kind: DriftMarkKind,
    /// The first point after it.
    pub index: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// In a person's words, such as `guideline 2.0`.
    pub text: String,
}

/// What a change comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftCause {
    /// Some readers, named.
    Readers,
    /// All readers together, with a new guideline at about that time.
    Guideline,
    /// All readers together.
    Common,
    /// Other scanners, or cases of other difficulty, than before.
    Mix,
    /// Not enough to tell.
    Unclear,
}

/// A change by cause (Kitagawa's decomposition of means by scanner model; Welch's test by reader, Holm).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftAttribution {
    /// The likeliest cause.
    pub cause: DriftCause,
    /// The readers, where they are the cause.
    pub readers: Vec<String>,
    /// Mean after minus mean before, over all readers, in the row's `change_unit`.
    pub total: f64,
    /// Part from another mix of scanners.
    pub mix: f64,
    /// Part from within them.
    pub within: f64,
    /// Each reader's change and its corrected p: (reader, change, p).
    pub by_reader: Vec<(String, f64, f64)>,
}
