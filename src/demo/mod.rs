//! The demo's data: synthetic chest CT of several sites, with faults planted by name, sent to watched folders; and the
//! verdict whether the line found all of them and nothing else.
//!
//! Everything is drawn from a seed: the same seed gives the same bytes of every file. People, places and findings are
//! invented.

mod arrive;
mod burned;
mod faults;
mod judge;
mod people;
mod phantom;
mod readers;
mod rle;
mod scanner;
mod send;
mod study;

pub use arrive::{Arrivals, Pace};
pub use faults::{Expected, Fault};
pub use judge::{Judged, Told, Verdict, judge};
pub use phantom::{AIR_HU, FAT_HU, LUNG_HU, Nodule, NoduleKind, Phantom, Plane, SOFT_HU};
pub use readers::{Alarmed, LEAST_NODULES, ReaderFault, Readings, Truth};
pub use scanner::{Kernel, MATRIX, SCANNERS, Scanner};
pub use send::{Planted, Senders, Sent};
pub use study::{Image, SourceFile, Study, StudyPlan, later, plans};
