//! Queries, one file per family. Each struct is a question; `Question::Answer` says with what it is answered.

mod access;
mod activity;
mod agreement;
mod archive;
mod catalog;
mod deid;
mod drift;
mod harmonise;
mod intake;
mod labels;
mod overview;
mod process;
mod queue;
mod reconcile;
mod remotes;
mod retention;
mod snapshots;
mod subjects;
mod tokens;
mod trail;
mod vault;
mod verify;
mod work;

pub use access::*;
pub use activity::*;
pub use agreement::*;
pub use archive::*;
pub use catalog::*;
pub use deid::*;
pub use drift::*;
pub use harmonise::*;
pub use intake::*;
pub use labels::*;
pub use overview::*;
pub use process::*;
pub use queue::*;
pub use reconcile::*;
pub use remotes::*;
pub use retention::*;
pub use snapshots::*;
pub use subjects::*;
pub use tokens::*;
pub use trail::*;
pub use vault::*;
pub use verify::*;
pub use work::*;

use serde::{Deserialize, Serialize};

use super::Question;
use crate::access::Permission;

/// A part of a long list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// How many rows to skip.
    pub offset: u64,
    /// How many rows at most.
    pub limit: u32,
}

/// The rows of a page and how many there are in all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// All rows that match.
    pub total: u64,
}

macro_rules! queries {
    ($($name:ident => $answer:ty: $permission:ident;)*) => {
        /// Every query in its wire form.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "query", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Query { $($name($name),)* }

        impl Query {
            /// Every query: its name, and the permission that it needs at least.
            pub const REGISTRY: &[(&str, Permission)] =
                &[$((stringify!($name), Permission::$permission),)*];

            /// Its line of the registry.
            pub fn registered(&self) -> (&'static str, Permission) {
                match self { $(Self::$name(_) => (stringify!($name), Permission::$permission),)* }
            }
        }

        $(impl From<$name> for Query {
            fn from(query: $name) -> Self { Self::$name(query) }
        }
        impl Question for $name { type Answer = $answer; })*
    };
}

queries! {
    Status => StatusView: Attend;
    Overview => OverviewView: SeeImages;
    Sources => Vec<SourceView>: SeePhi;
    IntakeGroups => Vec<IntakeGroup>: SeeImages;
    IntakeFiles => Rows<IntakeFile>: SeeImages;
    IntakeDetail => IntakeDetailView: SeeImages;
    IntakeMasks => IntakeMasksView: SeePhi;
    Facets => Vec<Facet>: SeeImages;
    SeriesPage => Rows<SeriesRow>: SeeImages;
    SeriesDetail => SeriesView: SeeImages;
    Complete => Vec<String>: SeeImages;
    Queue => QueueView: SeeImages;
    Task => TaskView: SeeImages;
    Stats => StatsView: SeeReads;
    History => Rows<TrailEntry>: SeeTrail;
    CheckClock => ClockView: SeeImages;
    ParkedJobs => Vec<ParkedJob>: SeeImages;
    VerifyTrail => TrailVerified: SeeTrail;
    Ledger => Vec<LedgerLine>: SeeTrail;
    SavedSearches => Vec<SavedSearchView>: SeeImages;
    HarmoniseCoverage => Vec<Coverage>: SeeImages;
    HarmoniseDryRun => HarmoniseOutcome: SeeImages;
    LearnProtocol => LearnedProtocol: SeeImages;
    Agreement => AgreementView: SeeReads;
    Drift => DriftView: SeeReads;
    Process => ProcessView: SeeReads;
    Reads => Rows<ReadView>: SeeImages;
    Sittings => Rows<SittingView>: SeeImages;
    SittingDetail => SittingHistory: SeeImages;
    Tasks => Rows<TaskLine>: SeeImages;
    TaskHistory => TaskHistoryView: SeeImages;
    CaseDetail => Option<CaseView>: SeeImages;
    Readers => Vec<ReaderView>: SeeReads;
    PlanState => Option<PlanView>: SeeImages;
    GoldCases => Vec<GoldView>: SeeTrail;
    Imports => Rows<ImportView>: SeeReads;
    Vault => VaultView: SeeImages;
    Subjects => Vec<SubjectView>: SeeImages;
    Verify => Verified: SeeTrail;
    TakeCheckpoint => Checkpoint: SeeTrail;
    ProfileState => ProfileStateView: SeeImages;
    WhoAmI => WhoView: Attend;
    Activities => Vec<ActivityView>: SeeReads;
    Snapshots => Vec<SnapshotView>: SeeReads;
    PreviewSnapshot => SnapshotPreview: SeeReads;
    Exports => Vec<ExportView>: SeeReads;
    SnapshotDetail => SnapshotView: SeeReads;
    SnapshotMembers => Rows<MemberView>: SeeReads;
    ProveMember => SnapshotProof: SeeReads;
    DiffSnapshots => Diff: SeeReads;
    VerifySnapshot => SnapshotVerified: SeeTrail;
    Withdrawals => Vec<WithdrawalView>: SeeReads;
    RetentionDue => Vec<DueView>: SeeImages;
    Remotes => Vec<RemoteView>: SeePhi;
    EchoRemote => EchoView: SeePhi;
    Reconcile => Vec<Reconciled>: SeePhi;
    ProvenanceOf => ProvenanceView: SeeReads;
    StoredStudies => Vec<StoredStudy>: SeeImages;
    StoredSeries => Vec<StoredSeriesView>: SeeImages;
    StoredInstances => Vec<StoredInstanceView>: SeeImages;
    Tokens => Vec<TokenView>: Configure;
}

impl Query {
    /// The permission that it needs: more where it asks for what identifies.
    pub fn permission(&self) -> Permission {
        match self {
            Self::IntakeFiles(q) if q.names => Permission::SeePhi,
            Self::IntakeDetail(q) if q.reveal => Permission::SeePhi,
            other => other.registered().1,
        }
    }

    /// Whether its answer comes from the landing side, in part at least.
    pub fn needs_landing(&self) -> bool {
        matches!(
            self,
            Self::Overview(_)
                | Self::Vault(_)
                | Self::Sources(_)
                | Self::IntakeGroups(_)
                | Self::IntakeFiles(_)
                | Self::IntakeDetail(_)
                | Self::IntakeMasks(_)
                | Self::Reconcile(_)
        )
    }
}
