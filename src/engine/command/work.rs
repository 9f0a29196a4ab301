//! Work of people on cases: readers, the plan, tasks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LabelFinding;
use crate::engine::query::{LabelView, TaskLine};
use crate::workflow::{CaseState, Reason, Step};

/// Adds a reader, or changes one; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutReader {
    /// The name.
    pub reader: String,
    /// Whether there may be none of that name yet, or must be one.
    pub new: bool,
    /// 1 annotator, 2 radiologist, 3 senior.
    pub level: Option<u8>,
    /// The system's user who acts as this reader; empty: nobody.
    pub user: Option<String>,
    /// Regions and families of modalities.
    pub skills: Option<Vec<String>>,
    /// Sites.
    pub sites: Option<Vec<String>>,
    /// Reads a day; 0: as many as they like.
    pub per_day: Option<u32>,
    /// Whether they still read.
    pub active: Option<bool>,
    /// Days on which they are away, `YYYY-MM-DD..YYYY-MM-DD`; an empty list: never.
    pub away: Option<Vec<String>>,
    /// What a dossier says of them; an empty text takes a field away.
    pub credentials: BTreeMap<String, String>,
}

/// Puts a plan in force, or says what that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyPlan {
    /// The file.
    pub text: String,
    /// Documents of guidelines by the name that the plan gives them, as hexadecimal digits.
    pub documents: BTreeMap<String, String>,
    /// Only say what would happen.
    pub dry_run: bool,
}

/// What applying a plan changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanApplied {
    /// The plan's name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Cases that match.
    pub cases: u64,
    /// What becomes of tasks.
    pub tasks: PlanTasks,
    /// What is odd, in words.
    pub warnings: Vec<String>,
    /// Nothing was changed: this is what would happen.
    pub dry_run: bool,
}

/// What becomes of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanTasks {
    /// Made.
    pub new: u64,
    /// There before, and there still.
    pub unchanged: u64,
    /// Made since a case is read again.
    pub reopened: u64,
    /// Not wanted any more.
    pub cancelled: u64,
}

/// Takes the best task that the reader may do; `None` when there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeNext {
    /// Only of this step.
    pub step: Option<Step>,
}

/// Does something with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActOnTask {
    /// The task.
    pub task: i64,
    /// What.
    pub act: TaskAct,
}

/// What is done with a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum TaskAct {
    /// The reader takes it.
    Claim,
    /// It is given back.
    Release,
    /// It waits.
    Hold {
        /// For what.
        reason: String,
    },
    /// It goes on.
    Resume,
    /// The case cannot be read.
    Refuse {
        /// Why.
        reason: String,
    },
    /// The read stands, or the series is fit.
    Accept,
    /// The read goes back to its reader, or the series to its site.
    Return {
        /// Why.
        reason: String,
    },
    /// One of the reads stands.
    Choose {
        /// Which.
        read: i64,
    },
}

/// Says who gets a task, or that nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteerTask {
    /// The task.
    pub task: i64,
    /// What.
    pub to: Steering,
}

/// Who gets a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Steering {
    /// This reader.
    Reader {
        /// The name.
        reader: String,
    },
    /// Nobody: it is not wanted.
    Nobody {
        /// Why.
        reason: String,
    },
}

/// A task after an act.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskActed {
    /// The task.
    pub line: TaskLine,
    /// Where its case stands.
    pub case_state: Option<CaseState>,
    /// Tasks that follow from it.
    pub next: Vec<TaskLine>,
}

/// Takes a read in: files of what was drawn, values, what was not found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SubmitTask {
    /// The task.
    pub task: i64,
    /// Label files, absolute.
    pub paths: Vec<String>,
    /// Structures that were looked for and not found.
    pub none: Vec<String>,
    /// Values: structure, instance where one is named, text.
    pub values: Vec<(String, Option<u32>, String)>,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// A read that was taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// The task.
    pub task: i64,
    /// The read's number.
    pub read: i64,
    /// What was said, structure by structure.
    pub labels: Vec<LabelView>,
    /// What the checks say of it.
    pub findings: Vec<LabelFinding>,
    /// Where the case stands.
    pub case_state: CaseState,
    /// Tasks that follow from it.
    pub next: Vec<TaskLine>,
}

/// Has a case read again that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenCase {
    /// The case: the UID of its series or study.
    pub case: String,
    /// Why.
    pub reason: String,
}

/// Says that a read of a case is true: the case may be slipped in to measure readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetGold {
    /// The case: the UID of its series or study.
    pub case: String,
    /// The read.
    pub read: i64,
}

/// Gives what a reader needs in their own tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutTask {
    /// The task.
    pub task: i64,
}

/// What a reader needs in their own tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkout {
    /// The task, its structures and, where it is about reads, those.
    pub about: serde_json::Value,
    /// The image's instances, in order, as blobs.
    pub instances: Vec<String>,
    /// The guideline's document: its name and its blob.
    pub document: Option<(String, String)>,
    /// What was drawn in the reads that the task is about: the read, its reader's letter or name, the structure, the blob.
    pub drawn: Vec<DrawnLabel>,
}

/// One structure of a read that a task is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnLabel {
    /// The read.
    pub read: i64,
    /// Its reader, or a letter.
    pub reader: String,
    /// The structure.
    pub structure: String,
    /// The blob.
    pub blob: String,
}

/// Every reason for which a read was refused.
pub type Reasons = Vec<Reason>;
