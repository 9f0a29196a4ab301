//! Work for people: review tasks.

use serde::{Deserialize, Serialize};

use super::{Page, Severity};

/// The review queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Which tasks.
    pub view: QueueTab,
    /// The filter, in the query language of the catalog.
    pub filter: String,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// Which part.
    pub page: Page,
}

/// The tabs of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueTab {
    /// Claimed by me.
    Mine,
    /// Not decided, whoever holds them.
    #[default]
    Open,
    /// Open, and nobody holds them.
    Free,
    /// Open, and somebody holds them.
    Claimed,
    /// Past their due time.
    Overdue,
    /// Decided.
    Done,
    /// Everything.
    All,
}

impl QueueTab {
    /// Every tab.
    pub const EVERY: [Self; 7] =
        [Self::Mine, Self::Open, Self::Free, Self::Claimed, Self::Overdue, Self::Done, Self::All];
}

/// The queue as a tab shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueView {
    /// The tasks, the most urgent first (in `Done` the latest first).
    pub rows: Vec<TaskRow>,
    /// How many the tab holds.
    pub total: u64,
    /// How many each tab holds.
    pub counts: Vec<(QueueTab, u64)>,
}

/// One task in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRow {
    /// The task.
    pub id: i64,
    /// The series to look at.
    pub series_uid: String,
    /// The subject's pseudonym.
    pub subject: String,
    /// The site.
    pub site: String,
    /// Modality.
    pub modality: String,
    /// Body part.
    pub body_part: Option<String>,
    /// The series' description.
    pub description: Option<String>,
    /// Frames to look at.
    pub frames: u64,
    /// `open` where nobody holds it, else `claimed`; `accepted`, `returned`.
    pub state: String,
    /// Who holds or decided it.
    pub assignee: Option<String>,
    /// Until when a claim holds, in milliseconds since 1970.
    pub claim_until_ms: Option<i64>,
    /// Why it is here: `every series`, `sampled`, or what was found.
    pub why: String,
    /// The worst finding.
    pub severity: Option<Severity>,
    /// When it is due, in milliseconds since 1970.
    pub due_ms: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Reason and comment of the decision.
    pub decision: Option<String>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The task.
    pub id: i64,
}

/// A task with its series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    /// The row of the list.
    pub row: TaskRow,
    /// The series with everything known of it.
    pub series: super::SeriesView,
    /// Reasons for a return that the configuration offers.
    pub return_reasons: Vec<String>,
}

/// Process metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Process metrics of the workspace and per site and reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsView {
    /// Open tasks.
    pub backlog: u64,
    /// Decided tasks.
    pub decided: u64,
    /// Share of first decisions that accepted, with Wilson's interval.
    pub first_pass_accuracy: Measured,
    /// Share of decisions that returned, with Wilson's interval.
    pub rejection_rate: Measured,
    /// Median time from task to decision, in milliseconds.
    pub cycle_time_median_ms: Measured,
    /// Ninetieth percentile of the same.
    pub cycle_time_p90_ms: Measured,
    /// The same per site.
    pub sites: Vec<StatsGroup>,
    /// The same per reviewer.
    pub reviewers: Vec<StatsGroup>,
    /// How long each stage takes, unfinished work included.
    pub stages: Vec<StageStats>,
    /// How readers compare with each other.
    pub readers: Vec<ReaderStats>,
    /// What it costs, where rates are configured.
    pub cost: Option<CostStats>,
    /// How reading goes, where there is a plan.
    #[serde(default)]
    pub work: Option<WorkStats>,
}

/// How the reads of a plan go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkStats {
    /// Cases by state.
    pub cases: std::collections::BTreeMap<String, u64>,
    /// Reads of all readers together.
    pub all: ReadingGroup,
    /// Share of cases with several reads that went to an adjudicator, with Wilson's interval.
    pub adjudicated: Measured,
    /// The same by reader.
    pub readers: Vec<ReadingGroup>,
    /// The same by version of the guideline.
    pub guidelines: Vec<ReadingGroup>,
    /// The same by version of the plan.
    pub plan_versions: Vec<ReadingGroup>,
}

/// The reads of somebody, or under something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadingGroup {
    /// The reader, or the version.
    pub name: String,
    /// Reads that are done.
    pub reads: u64,
    /// Share of those in accepted cases that were never returned, with Wilson's interval.
    pub first_pass_acceptance: Measured,
    /// Reads that were handed in again after they were returned.
    pub reworked: u64,
    /// Share of those in accepted cases that are the read that stands.
    pub stands: Measured,
    /// Median time that readers say a read took, in seconds.
    pub seconds_median: Option<f64>,
    /// Median time from taking a task to handing it in, in milliseconds.
    pub held_median_ms: Option<f64>,
}

/// How long a stage takes (Kaplan and Meier 1958: work that is not done yet counts for as long as it has waited).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageStats {
    /// `review`: from a look at a series to its decision; `read`, `second look`, `adjudicate`: from a task of the plan to
    /// its end.
    pub name: String,
    /// Done.
    pub done: u64,
    /// Not done yet.
    pub open: u64,
    /// Time by which half is done, with its interval (Brookmeyer and Crowley 1982).
    pub median_ms: Measured,
    /// Time by which nine tenths are done.
    pub p90_ms: Measured,
}

/// How a reader compares with the others, over the latest reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReaderStats {
    /// The reader.
    pub name: String,
    /// Reads with a time.
    pub reads: u64,
    /// Share missed of what most others found, with Wilson's interval.
    pub missed: Measured,
    /// Median time of a read, in seconds.
    pub reading_time_median_s: Option<f64>,
    /// By measure, against the other readers of the same item.
    pub consistency: Vec<Consistency>,
}

/// A reader against the other readers of the same item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// The measure, as `gantry agreement` names it.
    pub measure: String,
    /// Mean difference with its interval.
    pub bias: Measured,
    /// Standard deviation of the differences.
    pub spread: Option<f64>,
    /// `%` or `` for the measure's own.
    pub unit: String,
}

/// What work costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostStats {
    /// The currency's code.
    pub currency: String,
    /// In all.
    pub total: f64,
    /// For each accepted series.
    pub per_accepted_series: Measured,
}

/// A number with its interval, how many it rests on, and why it is undefined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value.
    pub value: Option<f64>,
    /// Ninety-five percent confidence interval.
    pub ci95: Option<(f64, f64)>,
    /// How many observations it rests on.
    pub n: u64,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// Process metrics of a site or reviewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatsGroup {
    /// The site or reviewer.
    pub name: String,
    /// Decided tasks.
    pub decided: u64,
    /// Share accepted at first.
    pub first_pass_accuracy: Measured,
    /// Share returned.
    pub rejection_rate: Measured,
    /// Median time from task to decision, in milliseconds.
    pub cycle_time_median_ms: Measured,
}
