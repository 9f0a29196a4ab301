//! The landing side: what may hold PHI, apart from everything that is de-identified. The intake map (which source became
//! what), what the headers of studies name, and who their subjects are said to be. Nothing here is reachable from the
//! catalog; values that identify are sealed under the workspace's secret, and the folder has mode 0700.

mod intake_map;
mod people;
mod study_identifiers;

pub use intake_map::{Choice, FileRecord, GroupRecord, IntakeMap, Known, NewFile, PutOutcome};
pub use people::StudyPerson;
pub use study_identifiers::{KnownIdentifiers, StudyKnown};
