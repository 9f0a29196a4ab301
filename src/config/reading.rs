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
    /// The key that is wrong and why.
    pub(super) fn validate(&self) -> Result<(), (String, String)> {
        let share = |key: String, value: f64| {
            let fits = (-1.0..=1.0).contains(&value);
            if fits { Ok(()) } else { Err((key, "a coefficient lies between -1 and 1".to_string())) }
        };
        share("agreement.threshold".into(), self.threshold)?;
        for (i, measure) in self.measures.iter().enumerate() {
            let key = |key: &str| format!("agreement.measure[{i}].{key}");
            measure.threshold.map_or(Ok(()), |t| share(key("threshold"), t))?;
            let scale = measure.scale.iter().flatten();
            let mut seen = std::collections::BTreeSet::new();
            if !scale.map(|s| s.trim()).all(|s| seen.insert(s)) {
                return Err((key("scale"), "a category stands there twice".into()));
            }
        }
        Ok(())
    }

    /// The threshold of a measure: its own, that of its name, or the general one.
    pub fn threshold(&self, structure: &str, name: &str) -> f64 {
        let of = |exact: bool| {
            let fits = move |m: &&MeasureConfig| {
                m.name == name && if exact { m.structure == structure } else { m.structure.is_empty() }
            };
            self.measures.iter().find(fits).and_then(|m| m.threshold)
        };
        of(true).or_else(|| of(false)).unwrap_or(self.threshold)
    }
}

impl Cost {
    /// The key that is wrong and why.
    pub(super) fn validate(&self) -> Result<(), (String, String)> {
        let rates =
            [("per_read", self.per_read), ("per_review", self.per_review), ("per_hour", self.per_hour)];
        for (key, rate) in rates {
            if !rate.is_finite() || rate < 0.0 {
                return Err((format!("cost.{key}"), "a rate is not below zero".into()));
            }
        }
        Ok(())
    }

    /// Whether any rate is set.
    pub fn is_set(&self) -> bool {
        self.per_read > 0.0 || self.per_review > 0.0 || self.per_hour > 0.0
    }
}
