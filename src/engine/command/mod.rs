//! Commands, one file per family. Each is carried out in one transaction with its audit event.

mod catalog;
mod config;
mod dataset;
mod deid;
mod intake;
mod labels;
mod remotes;
mod report;
mod review;
mod snapshots;
mod subjects;
mod tokens;
mod vault;
mod verify;
mod work;

pub use catalog::*;
pub use config::*;
pub use dataset::*;
pub use deid::*;
pub use intake::*;
pub use labels::*;
pub use remotes::*;
pub use report::*;
pub use review::*;
pub use snapshots::*;
pub use subjects::*;
pub use tokens::*;
pub use vault::*;
pub use verify::*;
pub use work::*;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Act;
use super::query::{GoldView, HarmoniseOutcome, ReaderView, SnapshotView, TaskLine};
use crate::access::Permission;

/// Where the effect of a command lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// In the catalog: it commits with its event or not at all.
    Inside,
    /// In files or elsewhere, too, or in many transactions: the intent stands in the trail before anything happens, under this action, and the
    /// outcome after.
    Outside(&'static str),
}

macro_rules! commands {
    ($($name:ident => $outcome:ty: $permission:ident, $effect:expr;)*) => {
        /// Every command in its wire form.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "command", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Command { $($name($name),)* }

        impl Command {
            /// Every command: its name, the permission that it needs, where its effect lies.
            pub const REGISTRY: &[(&str, Permission, Effect)] =
                &[$((stringify!($name), Permission::$permission, $effect),)*];

            /// Its line of the registry.
            pub fn registered(&self) -> (&'static str, Permission, Effect) {
                match self { $(Self::$name(_) => (stringify!($name), Permission::$permission, $effect),)* }
            }

            /// Its name, for a log.
            pub fn name(&self) -> &'static str {
                self.registered().0
            }
        }

        $(impl From<$name> for Command {
            fn from(command: $name) -> Self { Self::$name(command) }
        }
        impl Act for $name { type Outcome = $outcome; })*
    };
}

use Effect::{Inside, Outside};

commands! {
    AddInbox => (): Configure, Outside("inbox.add");
    RemoveInbox => (): Configure, Outside("inbox.remove");
    Ingest => IngestOutcome: Triage, Outside("intake.ingest");
    RetryIntake => Moved: Triage, Outside("intake.retry");
    ReleaseIntake => Moved: Triage, Outside("intake.release");
    MaskIntake => Moved: Triage, Outside("intake.mask");
    LookIntake => LookedAt: SeePhi, Inside;
    DiscardIntake => Moved: Triage, Outside("intake.discard");
    RetryJobs => Moved: Triage, Inside;
    ClaimTask => (): Review, Inside;
    ClaimNext => Option<i64>: Review, Inside;
    UnclaimTask => (): Review, Inside;
    DecideTask => (): Review, Inside;
    UndoDecision => (): Review, Inside;
    Export => ExportOutcome: Export, Outside("dataset.export");
    Backup => BackupOutcome: Configure, Outside("backup");
    SaveSearch => (): KeepSearches, Inside;
    ForgetSearch => (): KeepSearches, Inside;
    ApplyRules => HarmoniseOutcome: Configure, Outside("harmonise.apply");
    ImportReads => ImportOutcome: ImportReads, Inside;
    UndoImport => ImportUndone: ImportReads, Inside;
    ExportLabel => LabelExported: Export, Outside("label.export");
    SealVault => (): Configure, Outside("vault.seal");
    FillVault => VaultFilled: Configure, Outside("vault.fill");
    OpenVault => VaultOpened: SeePhi, Inside;
    SetConfig => (): Configure, Outside("config.set");
    JoinSubjects => SubjectDecided: Triage, Inside;
    PartSubject => SubjectDecided: Triage, Inside;
    KeepSubject => SubjectDecided: Triage, Inside;
    Repair => Repaired: Configure, Outside("workspace.repair");
    Reprocess => ReprocessOutcome: Triage, Outside("deid.reprocess");
    QuestionMasks => Moved: Triage, Outside("masks.question");
    PutReader => ReaderView: Coordinate, Inside;
    ApplyPlan => PlanApplied: Coordinate, Inside;
    TakeNext => Option<TaskLine>: Read, Inside;
    ActOnTask => TaskActed: Read, Inside;
    SteerTask => TaskActed: Coordinate, Inside;
    SubmitTask => Submitted: Read, Inside;
    ReopenCase => TaskActed: Coordinate, Inside;
    SetGold => GoldView: Coordinate, Inside;
    CheckoutTask => Checkout: Read, Inside;
    CreateSnapshot => SnapshotView: Export, Inside;
    Withdraw => Withdrawn: Coordinate, Outside("subject.withdraw");
    WriteReport => ReportWritten: Export, Outside("report.write");
    MakeToken => TokenMade: Configure, Inside;
    RevokeTokens => u64: Configure, Inside;
    StoreLabel => LabelStored: Read, Inside;
    StoreImage => (): Triage, Outside("intake.stow");
    FindRemote => Vec<BTreeMap<String, String>>: SeePhi, Inside;
    PullRemote => PullOutcome: Triage, Outside("remote.pull");
    SendRemote => SendOutcome: Export, Outside("remote.send");
}

/// How many objects a command moved, and which it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// How many went through.
    pub moved: u64,
    /// How many did not, with the reason in a person's words.
    pub refused: Vec<(u64, String)>,
}

impl Command {
    /// The task that it is about, where it is about one.
    pub fn task(&self) -> Option<i64> {
        match self {
            Self::ClaimTask(c) => Some(c.task),
            Self::UnclaimTask(c) => Some(c.task),
            Self::DecideTask(c) => Some(c.task),
            Self::UndoDecision(c) => Some(c.task),
            Self::ActOnTask(c) => Some(c.task),
            Self::SteerTask(c) => Some(c.task),
            Self::SubmitTask(c) => Some(c.task),
            Self::CheckoutTask(c) => Some(c.task),
            _ => None,
        }
    }
}
