//! How work flows: the last seven days beside the time before, and what needs a person.

use serde::{Deserialize, Serialize};

use super::{Alert, DeepLink, Measured};

/// Process figures of the last seven days beside the time before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Now, in milliseconds since 1970 (queries have no clock).
    pub now_ms: i64,
}

/// What the Overview shows of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    /// The figures, in the order to show them.
    pub figures: Vec<Figure>,
    /// Open tasks.
    pub backlog: u64,
    /// When the backlog will be empty (median of resampled futures), in milliseconds since 1970; `None` where fewer than
    /// half of the futures get there within 60 days, or nothing was decided yet.
    pub empty_ms: Option<i64>,
    /// Expected backlog at the end of each coming day with its 90 % band: (milliseconds since 1970, expected, low, high).
    pub forecast: Vec<(i64, f64, f64, f64)>,
    /// Lines of drift and agreement that need a person, the worst first; each is a door.
    pub attention: Vec<Alert>,
}

/// Which way of a figure is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither.
    Neither,
}

/// One figure now and before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name, such as `first-pass accuracy`, `α malignancy`.
    pub name: String,
    /// The last seven days, in `unit`.
    pub now: Measured,
    /// The time before, in `unit`: the seven days before, or everything before where these hold nothing.
    pub before: Measured,
    /// `%`, `d`, or `` for a plain number.
    pub unit: String,
    /// Which way is good.
    pub better: Better,
    /// What stands beside it, such as `p90 6.1 d`.
    pub aside: Option<String>,
    /// Where Enter leads.
    pub door: DeepLink,
}
