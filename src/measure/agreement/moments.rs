//! Krippendorff's α of continuous values at the interval level, from sums by item.
//!
//! Σ over ordered pairs of (a−b)² within m values is 2 (m Σx² − (Σx)²), so α needs three sums an item and none of the
//! pairs. Source: Krippendorff 2019, *Content Analysis*, 4th ed., ch. 12.

use crate::measure::estimate::{Estimate, Reason};
use crate::measure::special::Z975;

/// Sums of the values of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    n: f64,
    sum: f64,
    squares: f64,
    alike: bool,
}

impl Sums {
    /// Of an item's values less `centre`, which is near all of them (so that squares keep their digits).
    pub fn of(values: impl IntoIterator<Item = f64>, centre: f64) -> Self {
        let mut sums = Self { alike: true, ..Self::default() };
        let mut first = None;
        for value in values {
            let first = *first.get_or_insert(value);
            sums.alike &= value == first;
            let x = value - centre;
            sums = Self { n: sums.n + 1.0, sum: sums.sum + x, squares: sums.squares + x * x, ..sums };
        }
        sums
    }

    /// Mean squared difference over ordered pairs of values, times the values: the item's part of what was observed.
    fn observed(&self) -> f64 {
        if self.alike {
            0.0
        } else {
            2.0 * (self.n * self.squares - self.sum * self.sum).max(0.0) / (self.n - 1.0)
        }
    }
}

/// All items with at least two values.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    items: f64,
    n: f64,
    sum: f64,
    squares: f64,
    observed: f64,
}

impl Totals {
    /// Of items, each counted so often as `weight` says; those with one value do not count.
    pub fn of<'a>(items: impl IntoIterator<Item = (&'a Sums, f64)>) -> Self {
        let mut all = Self::default();
        for (item, weight) in items {
            if item.n >= 2.0 && weight > 0.0 {
                all.items += weight;
                all.n += weight * item.n;
                all.sum += weight * item.sum;
                all.squares += weight * item.squares;
                all.observed += weight * item.observed();
            }
        }
        all
    }

    /// Mean squared difference of any two values: what chance expects.
    pub fn expected(&self) -> f64 {
        2.0 * (self.n * self.squares - self.sum * self.sum) / (self.n * (self.n - 1.0))
    }

    /// α; `n` is the items with at least two values.
    pub fn alpha(&self) -> Estimate {
        if self.items == 0.0 {
            return Estimate::undefined(Reason::NO_PAIRS, 0);
        }
        let expected = self.expected();
        // What is left of the squares where nothing varies is rounding.
        if expected.is_nan() || expected <= 1e-14 * self.squares / self.n {
            return Estimate::undefined(Reason::NO_VARIATION, self.items as usize);
        }
        Estimate::new(1.0 - self.observed / self.n / expected, self.items as usize)
    }

    fn without(&self, item: &Sums) -> Self {
        Self {
            items: self.items - 1.0,
            n: self.n - item.n,
            sum: self.sum - item.sum,
            squares: self.squares - item.squares,
            observed: self.observed - item.observed(),
        }
    }

    /// Disagreement within an item over what chance expects (0 all alike, 1 as unlike as values drawn at random).
    pub fn disagreement(&self, item: &Sums) -> Option<f64> {
        let expected = self.expected();
        (item.n >= 2.0 && expected > 0.0).then(|| item.observed() / item.n / expected)
    }
}

/// 95 % interval of a coefficient from its values with each item left out, the latter with how many items share each:
/// normal with the jackknife's standard error (Efron and Stein 1981), clipped at 1.
pub fn jackknife(estimate: f64, left_out: &[(f64, f64)]) -> Option<[f64; 2]> {
    let n: f64 = left_out.iter().map(|l| l.1).sum();
    if n < 2.0 {
        return None;
    }
    let mean = left_out.iter().map(|l| l.0 * l.1).sum::<f64>() / n;
    let squares: f64 = left_out.iter().map(|l| l.1 * (l.0 - mean).powi(2)).sum();
    let half = Z975 * ((n - 1.0) / n * squares).sqrt();
    half.is_finite().then(|| [estimate - half, (estimate + half).min(1.0)])
}

/// α of items with its [`jackknife`] interval.
pub fn alpha_with_interval(items: &[Sums]) -> Estimate {
    let all = Totals::of(items.iter().map(|i| (i, 1.0)));
    let alpha = all.alpha();
    let Some(value) = alpha.value else { return alpha };
    let left_out: Vec<(f64, f64)> = items
        .iter()
        .filter(|i| i.n >= 2.0)
        .filter_map(|i| Some((all.without(i).alpha().value?, 1.0)))
        .collect();
    alpha.with_ci(jackknife(value, &left_out))
}
