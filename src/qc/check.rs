//! What a check is.

use serde_json::Value;

use super::SeriesPixels;
use crate::model::{Finding, Severity};
use crate::series::Series;

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The assembled series, with its instances.
    pub series: &'a Series,
    /// Statistics of its pixels, where they were decoded.
    pub pixels: Option<&'a SeriesPixels>,
}

/// One check. Pure and deterministic: the same series gives the same findings.
pub trait Check: Sync {
    /// Its stable name, in snake_case.
    fn id(&self) -> &'static str;

    /// Raised whenever its findings may change for the same series.
    fn version(&self) -> u32 {
        1
    }

    /// Whether it needs [`Input::pixels`].
    fn needs_pixels(&self) -> bool {
        false
    }

    /// What it finds.
    fn run(&self, input: &Input<'_>) -> Vec<Finding>;

    /// A finding of this check about the whole series.
    fn finding(&self, severity: Severity, message: String, evidence: Value) -> Finding {
        let version = self.version();
        Finding { check: self.id().into(), version, severity, message, evidence, stack: None }
    }
}
