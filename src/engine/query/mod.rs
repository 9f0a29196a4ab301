//! Queries, one file per family. Each struct is a question; `Question::Answer` says with what it is answered.

mod agreement;
mod catalog;
mod deid;
mod drift;
mod harmonise;
mod intake;
mod labels;
mod overview;
mod process;
mod queue;
mod subjects;
mod trail;
mod vault;
mod verify;

pub use agreement::*;
pub use catalog::*;
pub use deid::*;
pub use drift::*;
pub use harmonise::*;
pub use intake::*;
pub use labels::*;
pub use overview::*;
pub use process::*;
pub use queue::*;
pub use subjects::*;
pub use trail::*;
pub use vault::*;
pub use verify::*;

use serde::{Deserialize, Serialize};

use super::Question;

/// A part of a long list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    ($($name:ident => $answer:ty,)*) => {
        /// Every query in its wire form.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "query", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Query { $($name($name),)* }

        $(impl From<$name> for Query {
            fn from(query: $name) -> Self { Self::$name(query) }
        }
        impl Question for $name { type Answer = $answer; })*
    };
}

queries! {
    Status => StatusView,
    Overview => OverviewView,
    Sources => Vec<SourceView>,
    IntakeGroups => Vec<IntakeGroup>,
    IntakeFiles => Rows<IntakeFile>,
    IntakeDetail => IntakeDetailView,
    IntakeMasks => IntakeMasksView,
    Facets => Vec<Facet>,
    SeriesPage => Rows<SeriesRow>,
    SeriesDetail => SeriesView,
    Complete => Vec<String>,
    Queue => QueueView,
    Task => TaskView,
    Stats => StatsView,
    History => Rows<TrailEntry>,
    CheckClock => ClockView,
    ParkedJobs => Vec<ParkedJob>,
    VerifyTrail => TrailVerified,
    Ledger => Vec<LedgerLine>,
    SavedSearches => Vec<SavedSearchView>,
    HarmoniseCoverage => Vec<Coverage>,
    HarmoniseDryRun => HarmoniseOutcome,
    LearnProtocol => LearnedProtocol,
    Agreement => AgreementView,
    Drift => DriftView,
    Process => ProcessView,
    Reads => Rows<ReadView>,
    ReadDetail => ReadHistory,
    Imports => Rows<ImportView>,
    Vault => VaultView,
    Subjects => Vec<SubjectView>,
    Verify => Verified,
    TakeCheckpoint => Checkpoint,
    ProfileState => ProfileStateView,
}

impl Query {
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
        )
    }
}
