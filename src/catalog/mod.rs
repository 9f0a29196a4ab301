//! The catalog of a workspace: instances, series, jobs, tasks, trail. One file per table family; state changes and
//! their audit entries go through one [`Tx`].
//!
//! SQLite in WAL mode: one writer (a person's command goes before machine work), any number of readers. The intake
//! map of the landing side is a database of its own ([`IntakeMap`]), and so is what studies name
//! ([`KnownIdentifiers`]), so that nothing that carries a name is ever beside de-identified data.

mod about;
mod archive;
mod behind;
mod case_figures;
mod case_tasks;
mod cases;
mod checkpoints;
mod comparisons;
pub(crate) mod database;
mod export_runs;
mod facets;
mod fields;
mod filter;
mod findings;
mod imports;
mod index;
mod instances;
mod integrity;
mod intents;
mod jobs;
pub(crate) mod opening;
mod plans;
mod profiles;
mod pulse;
mod read_leaves;
mod readers;
mod reads;
mod saved;
mod series;
mod sittings;
mod snapshots;
mod studies;
mod subjects;
mod tasks;
mod tokens;
mod trail;
mod withdrawals;

pub use about::About;
pub use archive::{ArchiveFilter, ArchiveSeries};
pub use behind::{Behind, Described, Replacement};
pub use case_figures::{AcceptedRow, DoneRead};
pub use case_tasks::{CaseTaskRecord, LateTasks, WhichTasks};
pub use cases::SeriesOfCase;
pub use checkpoints::CHECKPOINT_EVERY;
pub use comparisons::{Compared, DrawnRead, PairFigures};
pub use database::{Catalog, CatalogError, Reader, Tx};
pub use export_runs::{CountedRun, ExportRun, NewExportRun};
pub use fields::{FIELDS, Field, Order, SortField};
pub use filter::{Filter, FilterError, tokens};
pub use findings::NewFinding;
pub use imports::{ImportRecord, Undone};
use index::Index;
pub use instances::{InstanceRecord, LedgerLine, NewInstance};
pub use integrity::{DecisionRow, OutcomeRow, StoredInstance};
pub use intents::Intent;
pub use jobs::{Job, JobBell, MAX_ATTEMPTS, Parked};
pub use plans::{DocumentRecord, PlanRecord};
pub use profiles::ProfileName;
pub use pulse::{Pulse, SLOT_MS};
pub use readers::PersonRecord;
pub use reads::{ItemKey, NewRead, Put, Rated, ReadRecord, SeriesFacts, VALUE, WhichReads};
pub use saved::SavedSearch;
pub use series::SeriesRecord;
pub use sittings::{NewSitting, SittingRecord};
pub use snapshots::{Candidate, Gone, NewContent, SnapshotRecord, StoredContent};
pub use studies::{StatsRecord, TwinRecord};
pub use subjects::{Ruling, SubjectRecord};
pub use tasks::{DecisionRecord, NewTask, TaskRecord, Which};
pub use tokens::TokenRecord;
pub use trail::TrailRecord;
pub use withdrawals::{Erasure, Withdrawal};
