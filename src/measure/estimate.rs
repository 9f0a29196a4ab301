//! What every measure answers: a value or the reason why there is none, its interval, and on how much it rests.

use serde::Serialize;

/// Why a measure has no value (or which edge case a value stands for).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(pub &'static str);

impl Reason {
    /// Neither side has anything.
    pub const BOTH_EMPTY: Self = Self("both empty");
    /// The reference has nothing, the test has something.
    pub const REFERENCE_EMPTY: Self = Self("reference empty");
    /// The test has nothing, the reference has something.
    pub const TEST_EMPTY: Self = Self("test empty");
    /// No item was rated by two readers.
    pub const NO_PAIRS: Self = Self("no item has two ratings");
    /// Zero divided by zero: agreement by chance is already complete.
    pub const NO_VARIATION: Self = Self("no variation");
    /// The reference does not vary.
    pub const REFERENCE_CONSTANT: Self = Self("reference constant");
    /// Nothing to compare with the reference.
    pub const NO_CURRENT: Self = Self("no rows after the reference");
    /// Fewer values than the measure needs.
    pub const TOO_FEW: Self = Self("too few values");
    /// A result that is no finite number.
    pub const NOT_FINITE: Self = Self("not finite");
}

/// A measure: its value (or none, with a reason), a 95 % interval where there is one, and how many items (voxels,
/// surface elements, ratings: what the function's documentation says) it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The value; never NaN or infinite.
    pub value: Option<f64>,
    /// Two-sided 95 % interval.
    pub ci95: Option<[f64; 2]>,
    /// How many items it rests on.
    pub n: usize,
    /// Why there is no value, or which edge case it stands for.
    pub reason: Option<Reason>,
}

impl Estimate {
    /// A value on `n` items; one that is not finite becomes undefined.
    pub fn new(value: f64, n: usize) -> Self {
        if value.is_finite() {
            Self { value: Some(value), ci95: None, n, reason: None }
        } else {
            Self::undefined(Reason::NOT_FINITE, n)
        }
    }

    /// No value, and why.
    pub fn undefined(reason: Reason, n: usize) -> Self {
        Self { value: None, ci95: None, n, reason: Some(reason) }
    }

    /// `numerator / denominator`, undefined where the denominator is zero (0/0 is never 0 or 1).
    pub fn ratio(numerator: f64, denominator: f64, reason: Reason, n: usize) -> Self {
        if denominator == 0.0 { Self::undefined(reason, n) } else { Self::new(numerator / denominator, n) }
    }

    /// The same with an interval; one that is not finite is left out.
    #[must_use]
    pub fn with_ci(mut self, ci: Option<[f64; 2]>) -> Self {
        self.ci95 = ci.filter(|c| self.value.is_some() && c.iter().all(|v| v.is_finite()));
        self
    }

    /// The same with the edge case that the value stands for.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }
}
