//! *Is it healthy?*

use serde::{Deserialize, Serialize};

use crate::access::Permission;

/// Who and what: the header line of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {}

/// The state of the workspace in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// The project's name from the configuration.
    pub project: String,
    /// The operating-system user on whose behalf the client acts.
    pub user: String,
    /// The user's role in the workspace.
    pub role: String,
    /// What these roles may do.
    #[serde(default)]
    pub may: Vec<Permission>,
    /// The pipeline has work in hand.
    pub busy: bool,
    /// Somebody else's process serves the workspace.
    pub attached: bool,
    /// Series that wait to be assembled and checked, or are being so.
    #[serde(default)]
    pub series_waiting: u64,
    /// Lines under Attention, by severity.
    pub errors: u32,
    /// Lines under Attention of severity warning.
    pub warnings: u32,
    /// The latest revision.
    pub revision: u64,
}

/// The first screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Now, in milliseconds since 1970 (queries have no clock).
    pub now_ms: i64,
}

/// What the first screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverviewView {
    /// The line of the data from source to accepted, in order.
    pub flow: Vec<FlowStage>,
    /// What needs a person, the worst first.
    pub attention: Vec<Alert>,
    /// Measures of the last seven days beside the seven before.
    pub trends: Vec<Trend>,
    /// Open review tasks by hour, oldest first: (milliseconds since 1970, open tasks).
    pub backlog: Vec<(i64, u64)>,
    /// Bytes free on the workspace's file system.
    pub disk_free_bytes: u64,
    /// Bytes that stored instances take.
    pub store_bytes: u64,
}

/// One stage of the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowStage {
    /// `received`, `de-identified`, `catalogued`, `checked`, `in review`, `accepted`.
    pub name: String,
    /// How many passed in all: files, instances or series as the stage has it.
    pub total: u64,
    /// How many passed in the last hour.
    pub last_hour: u64,
    /// How many passed in each of the last twelve slots of five minutes, oldest first.
    pub slots: Vec<u64>,
    /// What stands beside it, such as (3, "settling"), (1, "quarantined").
    pub aside: Vec<(u64, String)>,
}

/// One line under Attention; Enter goes where it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What is the matter, in a person's words.
    pub text: String,
    /// Where Enter leads.
    pub door: DeepLink,
}

/// Severity of a finding or an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A person should look.
    Warning,
    /// Not fit for use as it is.
    Error,
}

/// A screen with a filter: where a line leads, and what a deep link holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeepLink {
    /// The screen's name, such as `ingest`.
    pub screen: String,
    /// The filter to set there, in the query language.
    pub filter: String,
    /// The row to select, if one.
    pub select: Option<String>,
}

/// A measure now and before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Its name, such as `first-pass accuracy`.
    pub name: String,
    /// Its value now; `None` with a reason when undefined.
    pub value: Option<f64>,
    /// Ninety-five percent confidence interval.
    pub ci95: Option<(f64, f64)>,
    /// The value of the seven days before.
    pub before: Option<f64>,
    /// How to print it: `%`, `d`, `` for a plain number.
    pub unit: String,
    /// Why there is no value.
    pub reason: Option<String>,
}
