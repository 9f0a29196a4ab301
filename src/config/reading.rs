//! Configuration of what readers do: the agreement that is wanted, and what work costs.

use serde::{Deserialize, Serialize};

/// What agreement is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agreement {
    /// Least Krippendorff's α where a measure has none of its own.
    pub threshold: f64,
    /// Measures of which more is known.
    #[serde(rename = "measure")]
    pub measures: Vec<MeasureConfig>,
}

/// What is known of a measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasureConfig {
    /// The structure; empty for every one.
    #[serde(default)]
    pub structure: String,
    /// The name of what is said.
    pub name: String,
    /// What its numbers mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Its categories in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Vec<String>>,
    /// Least Krippendorff's α.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// What the numbers of a measure mean (Stevens 1946).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Names.
    Nominal,
    /// An order.
    Ordinal,
    /// Equal steps.
    Interval,
    /// A true zero as well.
    Ratio,
}

/// What work costs, in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cost {
    /// The currency's code.
    pub currency: String,
    /// One read.
    pub per_read: f64,
    /// One review decision.
    pub per_review: f64,
    /// One hour of reading.
    pub per_hour: f64,
}

impl Default for Agreement {
    fn default() -> Self {
        // Krippendorff 2019: the lowest at which tentative conclusions may be drawn.
        Self { threshold: 0.667, measures: Vec::new() }
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self { currency: "EUR".into(), per_read: 0.0, per_review: 0.0, per_hour: 0.0 }
    }
}

impl Agreement {
    /// Keys that are wrong, and why.
    pub(super) fn invalid_values(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut share = |key: String, value: f64| {
            if !(-1.0..=1.0).contains(&value) {
                wrong.push((key, "a coefficient lies between -1 and 1".to_string()));
            }
        };
        share("agreement.threshold".into(), self.threshold);
        for (i, measure) in self.measures.iter().enumerate() {
            if let Some(threshold) = measure.threshold {
                share(format!("agreement.measure[{i}].threshold"), threshold);
            }
        }
        for (i, measure) in self.measures.iter().enumerate() {
            let mut say =
                |key: &str, why: &str| wrong.push((format!("agreement.measure[{i}].{key}"), why.into()));
            if measure.name.trim().is_empty() {
                say("name", "a measure has a name");
            }
            let scale = measure.scale.iter().flatten();
            let mut seen = std::collections::BTreeSet::new();
            if !scale.map(|s| s.trim()).all(|s| seen.insert(s)) {
                say("scale", "a category stands there twice");
            }
        }
        wrong
    }

    /// The threshold of a measure: its own, that of its name, or the general one.
    pub fn threshold(&self, structure: &str, name: &str) -> f64 {
        self.declared(structure, name).unwrap_or(self.threshold)
    }

    /// The threshold that a measure has of its own, or that of its name.
    pub fn declared(&self, structure: &str, name: &str) -> Option<f64> {
        let of = |exact: bool| {
            let fits = move |m: &&MeasureConfig| {
                m.name == name && if exact { m.structure == structure } else { m.structure.is_empty() }
            };
            self.measures.iter().find(fits).and_then(|m| m.threshold)
        };
        of(true).or_else(|| of(false))
    }
}

impl Cost {
    /// Keys that are wrong, and why.
    pub(super) fn invalid_values(&self) -> Vec<(String, String)> {
        let rates =
            [("per_read", self.per_read), ("per_review", self.per_review), ("per_hour", self.per_hour)];
        let wrong = rates.into_iter().filter(|(_, rate)| !rate.is_finite() || *rate < 0.0);
        wrong.map(|(key, _)| (format!("cost.{key}"), "a rate is not below zero".into())).collect()
    }

    /// Whether any rate is set.
    pub fn is_set(&self) -> bool {
        self.per_read > 0.0 || self.per_review > 0.0 || self.per_hour > 0.0
    }
}
