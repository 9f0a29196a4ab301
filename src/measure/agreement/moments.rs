//! Krippendorff's α of continuous values at the interval level, from sums by item.
//!
//! Σ over ordered pairs of (a−b)² within m values is 2 (m Σx² − (Σx)²), so α needs three sums an item and none of the
//! pairs. Source: Krippendorff 2019, *Content Analysis*, 4th ed., ch. 12.

use crate::measure::estimate::{Estimate, Reason};
use crate::measure::exact::ExactSum;
use crate::measure::special::Z975;

/// Squared distance of all values from the centre, in their variance, from which on another centre is chosen.
const MOST_OFF: f64 = 100.0;

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

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.n == 0.0
    }

    /// The mean squared difference of two of its values; 0 with fewer than two.
    pub fn apart(&self) -> f64 {
        if self.n >= 2.0 { self.observed() / self.n } else { 0.0 }
    }

    /// What α is made of, one term each: values, their sum, their squares, what was observed.
    fn terms(&self) -> [f64; 4] {
        [self.n, self.sum, self.squares, self.observed()]
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
        if !self.squares.is_finite() || !self.observed.is_finite() {
            return Estimate::undefined(Reason::NOT_FINITE, self.items as usize);
        }
        match self.coefficient() {
            Some(value) => Estimate::new(value, self.items as usize),
            None => Estimate::undefined(Reason::NO_VARIATION, self.items as usize),
        }
    }

    /// α without words; `None` where nothing varies.
    fn coefficient(&self) -> Option<f64> {
        let expected = self.expected();
        // What is left of the squares where nothing varies is rounding.
        (expected > 1e-14 * self.squares / self.n).then(|| 1.0 - self.observed / self.n / expected)
    }

    /// The mean of all values.
    pub fn mean(&self) -> f64 {
        self.sum / self.n
    }

    /// Whether the values lie so far from the centre that their squares lose digits.
    pub fn off_centre(&self) -> bool {
        let spread = self.expected() / 2.0;
        spread > 0.0 && self.mean().powi(2) > MOST_OFF * spread
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

/// [`Totals`] kept up to date item by item, with what α's interval needs; exact, so that it never wanders off.
#[derive(Debug, Clone, Default)]
pub struct Running {
    items: u64,
    sums: [ExactSum; 4],
    /// Σ of the products of two terms of an item: (0,0), (1,0), (1,1), (2,0) …
    products: [ExactSum; 10],
}

impl Running {
    /// Puts an item in; one with fewer than two values does not count.
    pub fn put(&mut self, item: &Sums) {
        if item.n >= 2.0 {
            self.items += 1;
            self.shift(item, ExactSum::add);
        }
    }

    /// Takes an item out that was put in.
    pub fn withdraw(&mut self, item: &Sums) {
        if item.n >= 2.0 {
            self.items -= 1;
            self.shift(item, ExactSum::subtract);
        }
    }

    fn shift(&mut self, item: &Sums, by: fn(&mut ExactSum, f64)) {
        let terms = item.terms();
        let mut products = self.products.iter_mut();
        for (a, sum) in self.sums.iter_mut().enumerate() {
            by(sum, terms[a]);
            // The products second: `zip` must not take one too many.
            for (b, product) in terms[..=a].iter().zip(products.by_ref()) {
                by(product, terms[a] * b);
            }
        }
    }

    /// The totals now.
    pub fn totals(&self) -> Totals {
        let [n, sum, squares, observed] = self.sums.each_ref().map(ExactSum::value);
        Totals { items: self.items as f64, n, sum, squares, observed }
    }

    /// α with the interval of the infinitesimal jackknife (Jaeckel 1972; Efron 1982, *The Jackknife, the Bootstrap and
    /// Other Resampling Plans*, ch. 6), clipped at 1: what an item moves is taken in proportion to its terms, so that
    /// no item has to be left out. It is narrower than [`jackknife`] by about the share that the largest item has of the
    /// spread: for many items, and not for few of very different size.
    pub fn alpha(&self) -> Estimate {
        let all = self.totals();
        let alpha = all.alpha();
        let (Some(value), true) = (alpha.value, self.items >= 2) else { return alpha };
        // 1 − α is O (n − 1) / (2 D), D = n Q − S².
        let twice = 2.0 * (all.n * all.squares - all.sum * all.sum);
        let slope = [
            all.observed / twice - (1.0 - value) * 2.0 * all.squares / twice,
            (1.0 - value) * 4.0 * all.sum / twice,
            -(1.0 - value) * 2.0 * all.n / twice,
            (all.n - 1.0) / twice,
        ];
        let mut squares = 0.0;
        let mut products = self.products.iter();
        for a in 0..slope.len() {
            for b in 0..=a {
                let twin = if a == b { 1.0 } else { 2.0 };
                let product = products.next().map_or(0.0, ExactSum::value);
                squares += twin * slope[a] * slope[b] * product;
            }
        }
        let moved: f64 = slope.iter().zip(&self.sums).map(|(s, sum)| s * sum.value()).sum();
        let n = self.items as f64;
        let half = Z975 * ((n - 1.0) / n * (squares - moved * moved / n).max(0.0)).sqrt();
        alpha.with_ci(half.is_finite().then(|| [value - half, (value + half).min(1.0)]))
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
    // What each item moves is small beside the coefficient: its squares lose no digits.
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for item in items.iter().filter(|i| i.n >= 2.0) {
        if let Some(without) = all.without(item).coefficient() {
            let moved = without - value;
            (n, sum, squares) = (n + 1.0, sum + moved, squares + moved * moved);
        }
    }
    let half = Z975 * ((n - 1.0) / n * (squares - sum * sum / n).max(0.0)).sqrt();
    alpha.with_ci((n >= 2.0).then(|| [value - half, (value + half).min(1.0)]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::measure::agreement::bootstrap::SplitMix;
    use crate::measure::agreement::many::{self, Patterns};
    use crate::measure::agreement::{Level, Ratings};

    #[test]
    fn sums_say_what_pairs_say_and_the_interval_is_the_jackknifes() {
        let mut random = SplitMix::new(8, 8);
        let rows: Vec<Vec<f64>> = (0..60)
            .map(|_| {
                let size = 100.0 + 40.0 * random.normal();
                (0..random.below(5)).map(|_| (size + 9.0 * random.normal()).round()).collect()
            })
            .collect();
        let mut values: Vec<f64> = rows.iter().flatten().copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let place = |v: f64| values.iter().position(|x| *x == v).unwrap() as u32;
        let cells = rows.iter().flat_map(|r| (0..4).map(|k| r.get(k).map(|v| place(*v)))).collect();
        let ratings = Ratings::new(values.clone(), 4, cells).unwrap();
        let patterns = Patterns::of(&ratings);
        let pairs = many::alpha(patterns.all(), Level::Interval);
        let items: Vec<Sums> = rows.iter().map(|r| Sums::of(r.iter().copied(), 97.0)).collect();
        let sums = alpha_with_interval(&items);
        assert_eq!(sums.n, pairs.n);
        assert!((sums.value.unwrap() - pairs.value.unwrap()).abs() < 1e-12);
        let mut left = patterns.items.clone();
        let mut without = Vec::new();
        for at in (0..left.len()).filter(|&p| patterns.counts[p].iter().map(|c| c.1).sum::<u32>() >= 2) {
            left[at] -= 1.0;
            let value = many::alpha(patterns.resampled(&left), Level::Interval).value.unwrap();
            without.push((value, patterns.items[at]));
            left[at] += 1.0;
        }
        let (one, other) = (sums.ci95.unwrap(), jackknife(pairs.value.unwrap(), &without).unwrap());
        assert!((one[0] - other[0]).abs() < 1e-10 && (one[1] - other[1]).abs() < 1e-10, "{one:?} {other:?}");
    }

    #[test]
    fn kept_up_to_date_is_as_made_anew_and_its_interval_is_near_the_jackknifes() {
        // Sizes spread over orders of magnitude: what is in proportion to them is near only among many.
        for (seed, items, near) in [(1, 600, 0.35), (2, 6_000, 0.1), (3, 60_000, 0.03)] {
            let mut random = SplitMix::new(seed, 9);
            let mut draw = || {
                let size = (4.0 + random.normal()).exp();
                let n = random.below(6);
                Sums::of((0..n).map(|_| size * (0.2 * random.normal()).exp()).collect::<Vec<_>>(), 60.0)
            };
            let (standing, passing): (Vec<Sums>, Vec<Sums>) = (0..items).map(|_| (draw(), draw())).unzip();
            let mut running = Running::default();
            passing.iter().for_each(|i| running.put(i));
            standing.iter().for_each(|i| running.put(i));
            running.put(&Sums::of([1e140, -3e150], 60.0));
            running.withdraw(&Sums::of([1e140, -3e150], 60.0));
            passing.iter().for_each(|i| running.withdraw(i));
            let mut anew = Running::default();
            standing.iter().rev().for_each(|i| anew.put(i));
            assert_eq!(running.alpha(), anew.alpha());
            let (one, other) = (running.alpha(), alpha_with_interval(&standing));
            assert_eq!(one.n, other.n);
            assert!((one.value.unwrap() - other.value.unwrap()).abs() < 1e-12);
            let (one, other) = (one.ci95.unwrap(), other.ci95.unwrap());
            let width = |c: [f64; 2]| c[1] - c[0];
            assert!((width(one) / width(other) - 1.0).abs() < near, "{one:?} {other:?}");
        }
    }

    #[test]
    fn nothing_that_varies_has_no_coefficient() {
        let items = [Sums::of([0.1, 0.1], 0.3), Sums::of([0.1, 0.1, 0.1], 0.3)];
        assert_eq!(alpha_with_interval(&items).reason, Some(Reason::NO_VARIATION));
        assert_eq!(alpha_with_interval(&[Sums::of([1.0], 0.0)]).reason, Some(Reason::NO_PAIRS));
    }
}
