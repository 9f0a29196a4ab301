//! What a check is.

use serde_json::Value;

use super::SeriesPixels;
use super::settings::{self, Settings, Threshold};
use crate::harmonise::{self, Attributes, Harmonised, Rules};
use crate::model::{Finding, Severity};
use crate::series::Series;

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The assembled series, with its instances.
    pub series: &'a Series,
    /// Statistics of its pixels, where they were decoded.
    pub pixels: Option<&'a SeriesPixels>,
    /// What its headers say, and what that means, where somebody looked.
    pub about: Option<&'a Described>,
    /// How the checks are set.
    pub settings: &'a Settings,
}

/// What the headers of a series say, and what that means.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Described {
    /// Attributes as they stand there.
    pub attributes: Attributes,
    /// Harmonised values.
    pub harmonised: Harmonised,
    /// What each instance says, those that say the same together; empty where only the first was looked at.
    pub instances: Vec<SameAttributes>,
}

/// Instances of a series whose headers say the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SameAttributes {
    /// Attributes as they stand there.
    pub attributes: Attributes,
    /// Harmonised values.
    pub harmonised: Harmonised,
    /// How many instances.
    pub count: u32,
}

impl SameAttributes {
    /// Gathers what instances say, in their order; neighbours that say the same are taken together.
    pub fn gather(every: impl IntoIterator<Item = Attributes>, rules: &Rules) -> Vec<Self> {
        let mut out: Vec<Self> = Vec::new();
        for attributes in every {
            match out.last_mut().filter(|last| last.attributes == attributes) {
                Some(last) => last.count += 1,
                None => {
                    let harmonised = harmonise::derive(&attributes, rules);
                    out.push(Self { attributes, harmonised, count: 1 });
                }
            }
        }
        out
    }
}

impl<'a> Input<'a> {
    /// A series by its headers alone, and every check as it is.
    pub fn of(series: &'a Series) -> Self {
        Self { series, pixels: None, about: None, settings: &settings::NONE }
    }

    /// The threshold of a check.
    pub fn threshold(&self, check: &dyn Check) -> f64 {
        self.settings.threshold(check.id(), check.threshold())
    }
}

/// One check of a series. Pure and deterministic: the same series gives the same findings.
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

    /// The number that it compares with, where that may be set.
    fn threshold(&self) -> Option<Threshold> {
        None
    }

    /// What it finds.
    fn run(&self, input: &Input<'_>) -> Vec<Finding>;

    /// A finding of this check about the whole series.
    fn finding(&self, severity: Severity, message: String, evidence: Value) -> Finding {
        let version = self.version();
        Finding { check: self.id().into(), version, severity, message, evidence, stack: None }
    }
}
