//! Checks of a study: its series beside one another, and beside others of their kind.

pub mod doubled_series;
pub mod duplicate_pixels;
pub mod frame_of_reference;
pub mod identity_conflict;
mod member;
pub mod outliers;
pub mod partial_series;
pub mod study_conflict;

pub mod subject_split;
pub mod uid_reuse;

use std::collections::BTreeMap;

use serde_json::Value;

pub use member::{Contradiction, ImageStats, Member, Twin};

use super::settings::{Settings, Threshold};
use crate::model::{Finding, Severity};

/// Statistics of series that may be compared with one another, by [`ImageStats::kind`].
pub type Peers = BTreeMap<String, Vec<ImageStats>>;

/// What a check of a study looks at.
#[derive(Debug, Clone, Copy)]
pub struct Study<'a> {
    /// Its series.
    pub members: &'a [Member],
    /// Series of the same kinds, its own included.
    pub peers: &'a Peers,
    /// How the checks are set.
    pub settings: &'a Settings,
}

/// One check of a study. Pure and deterministic.
pub trait StudyCheck: Sync {
    /// Its stable name, in snake_case.
    fn id(&self) -> &'static str;

    /// Raised whenever its findings may change for the same study.
    fn version(&self) -> u32 {
        1
    }

    /// Whether it rests on decoded pixels.
    fn needs_pixels(&self) -> bool {
        false
    }

    /// The number that it compares with, where that may be set.
    fn threshold(&self) -> Option<Threshold> {
        None
    }

    /// What it finds: the member by its index, and the finding.
    fn run(&self, study: &Study<'_>) -> Vec<(usize, Finding)>;

    /// A finding of this check.
    fn finding(&self, severity: Severity, message: String, evidence: Value) -> Finding {
        let version = self.version();
        Finding { check: self.id().into(), version, severity, message, evidence, stack: None }
    }
}

impl Study<'_> {
    /// The threshold of a check.
    pub fn threshold(&self, check: &dyn StudyCheck) -> f64 {
        self.settings.threshold(check.id(), check.threshold())
    }

    /// Image series that are no surveys.
    fn images(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().enumerate().filter(|(_, m)| m.is_image && !m.is_survey)
    }
}
