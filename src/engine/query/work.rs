//! Cases, their tasks and reads, readers, the plan.

use serde::{Deserialize, Serialize};

use super::Page;
use crate::workflow::{CaseState, How, PairAgreement, Plan, Reader, Said, Step};

/// The worklist, the most urgent first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tasks {
    /// Only this step.
    pub step: Option<Step>,
    /// Only this state; without it what is done or cancelled is left out.
    pub state: Option<String>,
    /// Only those that this reader holds, has done, or that are kept for them.
    pub reader: Option<String>,
    /// Only of this case.
    pub case: Option<String>,
    /// Only of series that match, in the query language of the catalog.
    pub filter: String,
    /// Which part.
    pub page: Page,
}

/// One task, as every command tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskLine {
    /// Its number.
    pub task: i64,
    /// The case: the UID of the series, or of the study where the plan says so.
    pub case: String,
    /// The series that is read.
    pub series_uid: String,
    /// `series_review`, `read`, `review` or `adjudicate`.
    pub step: String,
    /// Which of the case's reads, from 1.
    pub slot: u32,
    /// `open`, `claimed`, `held`, `done` or `cancelled`.
    pub state: String,
    /// Who holds it or has done it, or for whom it is kept.
    pub reader: Option<String>,
    /// The least level.
    pub level: u8,
    /// Larger goes first.
    pub priority: i32,
    /// When it is due, in milliseconds since 1970.
    pub due_ms: Option<i64>,
    /// Why it is there and why so urgent.
    pub why: Vec<String>,
    /// The guideline's version.
    pub guideline: Option<String>,
    /// The plan's version.
    pub plan_version: Option<u32>,
}

/// One task with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHistory {
    /// The task.
    pub task: i64,
}

/// A task and the acts on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskHistoryView {
    /// The task.
    #[serde(flatten)]
    pub line: TaskLine,
    /// The first act first.
    pub history: Vec<TaskActView>,
}

/// One act on a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskActView {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// What, such as `task.claim`.
    pub action: String,
    /// The rest.
    pub detail: serde_json::Value,
}

/// The case that a series or study is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseDetail {
    /// The UID of the series, or of the study.
    pub uid: String,
}

/// A case, as far as the person may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseView {
    /// The case.
    pub case: String,
    /// Where it stands.
    pub case_state: CaseState,
    /// Its round of reading.
    pub round: u32,
    /// The guideline of this round.
    pub guideline: Option<String>,
    /// Its reads that may be seen, those of earlier rounds included.
    pub reads: Vec<SittingView>,
    /// Its tasks that may be seen.
    pub tasks: Vec<TaskLine>,
    /// How far its reads agree.
    pub agreement: Vec<PairAgreement>,
    /// What stands.
    pub accepted: Option<AcceptedView>,
}

/// The read that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedView {
    /// The read.
    pub read: i64,
    /// Who decided; nobody where readers agreed.
    pub by: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How.
    pub how: How,
}

/// Reads, the latest first: all that one reader said of a series in one sitting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sittings {
    /// Only of this reader.
    pub reader: Option<String>,
    /// Only with this structure.
    pub structure: Option<String>,
    /// Only on this series.
    pub series_uid: Option<String>,
    /// Also those that a later one has replaced.
    pub history: bool,
    /// Which part.
    pub page: Page,
}

/// One read with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SittingDetail {
    /// The read.
    pub read: i64,
}

/// All that one reader said of a series in one sitting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SittingView {
    /// Its number.
    pub read: i64,
    /// The series; none where the item belongs to none here.
    pub series_uid: Option<String>,
    /// The reader, or a letter where they are not to be known.
    pub reader: String,
    /// The guideline's version; empty where nobody said.
    pub guideline: String,
    /// The plan's version, where a task brought it.
    pub plan_version: Option<u32>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took.
    pub seconds: Option<f64>,
    /// What was said, structure by structure.
    pub labels: Vec<LabelView>,
    /// What the checks say of it.
    pub findings: Vec<crate::engine::command::LabelFinding>,
    /// The read that has replaced it; itself where its import was taken back.
    pub superseded_by: Option<i64>,
    /// Its series is not here yet.
    pub waiting: bool,
}

/// One reader's answer for one structure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelView {
    /// The structure.
    pub structure: String,
    /// Which part of the series: an instance or an item; none for the whole.
    pub item: Option<String>,
    /// `found`, or `none`: looked, and found nothing.
    pub state: String,
    /// What was said, where it is one value.
    pub value: Option<Said>,
    /// Everything that was said and measured, by name.
    pub values: std::collections::BTreeMap<String, Said>,
    /// Voxels that were drawn.
    pub voxels: Option<u64>,
    /// The blob of what was drawn, by its SHA-256.
    pub sha256: Option<String>,
}

/// A read with those before and after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SittingHistory {
    /// The read.
    #[serde(flatten)]
    pub read: SittingView,
    /// Every read of the same reader and series, the latest first.
    pub history: Vec<SittingView>,
}

/// Readers, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readers {}

/// A reader with what is before them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReaderView {
    /// The name.
    pub reader: String,
    /// 1 annotator, 2 radiologist, 3 senior.
    pub level: u8,
    /// The system's user who acts as this reader.
    pub user: Option<String>,
    /// Regions and families of modalities; empty: all.
    pub skills: Vec<String>,
    /// Sites; empty: all.
    pub sites: Vec<String>,
    /// Reads that they take a day, at most.
    pub per_day: Option<u32>,
    /// Tasks that they hold, or that are kept for them.
    pub open: u64,
    /// Tasks that they have done.
    pub done: u64,
    /// Whether they still read.
    pub active: bool,
    /// Whether they are away now.
    pub away: bool,
    /// What a dossier says of them.
    pub credentials: std::collections::BTreeMap<String, String>,
}

/// The plan in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanState {}

/// The plan in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The plan.
    #[serde(flatten)]
    pub plan: Plan,
    /// Its version.
    pub version: u32,
    /// The guideline in force.
    pub guideline_in_force: Option<String>,
    /// When it was applied, in milliseconds since 1970.
    pub applied_ms: i64,
    /// By whom.
    pub applied_by: String,
    /// The file, as it was given.
    pub text: String,
    /// Cases by state.
    pub cases: std::collections::BTreeMap<String, u64>,
}

/// Cases of known truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldCases {}

/// A case of known truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldView {
    /// The case.
    pub case: String,
    /// The read that is true.
    pub read: i64,
}

impl From<Reader> for ReaderView {
    fn from(reader: Reader) -> Self {
        Self {
            reader: reader.id,
            level: reader.level,
            user: reader.user,
            skills: reader.skills,
            sites: reader.sites,
            per_day: reader.per_day,
            open: 0,
            done: 0,
            active: reader.active,
            away: false,
            credentials: reader.credentials,
        }
    }
}
