//! Commands, one file per family. Each is carried out in one transaction with its audit event.

mod catalog;
mod config;
mod dataset;
mod deid;
mod intake;
mod labels;
mod review;
mod subjects;
mod vault;
mod verify;

pub use catalog::*;
pub use config::*;
pub use dataset::*;
pub use deid::*;
pub use intake::*;
pub use labels::*;
pub use review::*;
pub use subjects::*;
pub use vault::*;
pub use verify::*;

use serde::{Deserialize, Serialize};

use super::Act;
use super::query::HarmoniseOutcome;

macro_rules! commands {
    ($($name:ident => $outcome:ty,)*) => {
        /// Every command in its wire form.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "command", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is documented at its struct")]
        pub enum Command { $($name($name),)* }

        impl Command {
            /// Its name, for a log.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }
        }

        $(impl From<$name> for Command {
            fn from(command: $name) -> Self { Self::$name(command) }
        }
        impl Act for $name { type Outcome = $outcome; })*
    };
}

commands! {
    AddInbox => (),
    RemoveInbox => (),
    Ingest => IngestOutcome,
    RetryIntake => Moved,
    ReleaseIntake => Moved,
    MaskIntake => Moved,
    LookIntake => LookedAt,
    DiscardIntake => Moved,
    RetryJobs => Moved,
    ClaimTask => (),
    ClaimNext => Option<i64>,
    UnclaimTask => (),
    DecideTask => (),
    UndoDecision => (),
    Export => ExportOutcome,
    Backup => BackupOutcome,
    SaveSearch => (),
    ForgetSearch => (),
    ApplyRules => HarmoniseOutcome,
    ImportReads => ImportOutcome,
    UndoImport => ImportUndone,
    SealVault => (),
    FillVault => VaultFilled,
    OpenVault => VaultOpened,
    SetConfig => (),
    JoinSubjects => SubjectDecided,
    PartSubject => SubjectDecided,
    KeepSubject => SubjectDecided,
    Repair => Repaired,
    Reprocess => ReprocessOutcome,
    QuestionMasks => Moved,
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
            _ => None,
        }
    }
}
