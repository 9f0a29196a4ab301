//! Which checks run and how they are set.

use std::collections::BTreeMap;

use super::protocol::Protocol;
use crate::config;
use crate::model::{Finding, Severity};

/// A number that a check compares with, which may be set in the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// Without a setting.
    pub default: f64,
    /// What the number is, with its unit.
    pub about: &'static str,
}

/// How one check is set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Setting {
    /// Whether it runs; every check does, unless this says no.
    pub enabled: Option<bool>,
    /// The severity of its findings, in place of its own.
    pub severity: Option<Severity>,
    /// In place of the default threshold.
    pub threshold: Option<f64>,
}

/// Settings of all checks, and the protocols that series are compared with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// By the check's name.
    pub checks: BTreeMap<String, Setting>,
    /// Protocols; the first that has an entry for a series counts.
    pub protocols: Vec<Protocol>,
}

/// What is in force where nothing is set.
pub(super) static NONE: Settings = Settings { checks: BTreeMap::new(), protocols: Vec::new() };

impl Settings {
    /// From the configuration, with the protocols that were read from its files.
    ///
    /// # Errors
    /// A check that does not exist, or a threshold for one that has none; in words.
    pub fn new(qc: &config::Qc, protocols: Vec<Protocol>) -> Result<Self, String> {
        let mut checks: BTreeMap<String, Setting> = BTreeMap::new();
        for (name, set) in &qc.checks {
            let setting = Setting { enabled: set.enabled, severity: set.severity, threshold: set.threshold };
            checks.insert(name.clone(), setting);
        }
        for name in &qc.off {
            checks.entry(name.clone()).or_default().enabled = Some(false);
        }
        for (name, setting) in &checks {
            let known = super::about_checks().find(|c| c.name == name);
            let Some(check) = known else { return Err(format!("no check is called {name}")) };
            if setting.threshold.is_some() && check.threshold.is_none() {
                return Err(format!("the check {name} has no threshold"));
            }
            if setting.threshold.is_some_and(|t| !t.is_finite()) {
                return Err(format!("the threshold of {name} is no number"));
            }
        }
        Ok(Self { checks, protocols })
    }

    /// Whether a check runs.
    pub fn is_on(&self, check: &str) -> bool {
        self.checks.get(check).and_then(|s| s.enabled).unwrap_or(true)
    }

    /// The threshold of a check.
    pub fn threshold(&self, check: &str, threshold: Option<Threshold>) -> f64 {
        let set = self.checks.get(check).and_then(|s| s.threshold);
        set.or(threshold.map(|t| t.default)).unwrap_or(f64::NAN)
    }

    /// A finding with the severity that its check is set to.
    pub(super) fn weighed(&self, mut finding: Finding) -> Finding {
        if let Some(severity) = self.checks.get(&*finding.check).and_then(|s| s.severity) {
            finding.severity = severity;
        }
        finding
    }
}
