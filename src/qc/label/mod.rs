//! Checks of a labelmap against its series.

pub mod border;
pub mod empty;
pub mod grid;
pub mod header;
pub mod holes;
pub mod islands;
pub mod outside;
pub mod sides;
pub mod skipped;
mod structures;
pub mod values;

use std::collections::BTreeMap;

use serde_json::Value;

pub use structures::{SliceSet, structures};

use super::settings::{Settings, Threshold};
use crate::model::{Finding, Severity};

/// What a check of a label looks at.
#[derive(Debug, Clone, Copy)]
pub struct LabelInput<'a> {
    /// Voxels along (i, j, k); k counts slices.
    pub shape: [usize; 3],
    /// Volume of one voxel.
    pub voxel_mm3: f64,
    /// Millimetres between voxels.
    pub spacing_mm: [f64; 3],
    /// (i, j, k, 1) to millimetres RAS+.
    pub affine_ras: [[f64; 4]; 4],
    /// Every structure, by its number.
    pub structures: &'a [SliceSet],
    /// Names of numbers; empty where nobody said.
    pub names: &'a BTreeMap<u32, String>,
    /// The series whose grid this is, or why there is none.
    pub place: &'a Place,
    /// For each voxel, in the order of the label, whether it is air outside the patient, where that is known.
    pub outside: Option<&'a [bool]>,
    /// What is odd about the file itself, in words.
    pub warnings: &'a [String],
    /// How the checks are set.
    pub settings: &'a Settings,
}

/// Where a label belongs.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// On the grid of a series.
    On {
        /// The series.
        series_uid: Option<String>,
    },
    /// On the grid of none.
    Nowhere {
        /// The series that comes nearest.
        nearest: Option<Nearest>,
    },
    /// It could not be read as a labelmap.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// A series whose grid a label nearly has.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// The series.
    pub series_uid: Option<String>,
    /// Voxels of its grid.
    pub shape: [usize; 3],
    /// How far the corners of the two grids lie apart, at most.
    pub corners_mm: f64,
}

/// One check of a label. Pure and deterministic.
pub trait LabelCheck: Sync {
    /// Its stable name, in snake_case.
    fn id(&self) -> &'static str;

    /// Raised whenever its findings may change for the same label.
    fn version(&self) -> u32 {
        1
    }

    /// The number that it compares with, where that may be set.
    fn threshold(&self) -> Option<Threshold> {
        None
    }

    /// What it finds.
    fn run(&self, input: &LabelInput<'_>) -> Vec<Finding>;

    /// A finding of this check.
    fn finding(&self, severity: Severity, message: String, evidence: Value) -> Finding {
        let version = self.version();
        Finding { check: self.id().into(), version, severity, message, evidence, stack: None }
    }
}

impl LabelInput<'_> {
    /// The threshold of a check.
    pub fn threshold(&self, check: &dyn LabelCheck) -> f64 {
        self.settings.threshold(check.id(), check.threshold())
    }

    /// A structure's name, or its number as text.
    pub fn name(&self, number: u32) -> String {
        self.names.get(&number).cloned().unwrap_or_else(|| number.to_string())
    }

    /// Millimetres RAS+ of a voxel.
    fn ras_mm(&self, voxel: [f64; 3]) -> [f64; 3] {
        let a = &self.affine_ras;
        std::array::from_fn(|r| a[r][0] * voxel[0] + a[r][1] * voxel[1] + a[r][2] * voxel[2] + a[r][3])
    }
}
