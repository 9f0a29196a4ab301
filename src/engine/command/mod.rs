//! Commands, one file per family. Each is carried out in one transaction with its audit event.

mod catalog;
mod dataset;
mod intake;
mod labels;
mod review;
mod vault;

pub use catalog::*;
pub use dataset::*;
pub use intake::*;
pub use labels::*;
pub use review::*;
pub use vault::*;

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
    OpenVault => VaultOpened,
}

/// How many objects a command moved, and which it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// How many went through.
    pub moved: u64,
    /// How many did not, with the reason in a person's words.
    pub refused: Vec<(u64, String)>,
}
