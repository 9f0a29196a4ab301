//! Intraclass correlation: six forms with F test and confidence interval.
//!
//! Sources: Shrout and Fleiss 1979, Psychol Bull 86:420; McGraw and Wong 1996, Psychol Methods 1:30 (intervals of
//! the absolute-agreement forms). icc1: one-way random; icc2: two-way random, absolute agreement; icc3: two-way
//! mixed, consistency; k: the mean of all readers. Negative values are kept.

use crate::measure::estimate::{Estimate, Reason};
use crate::measure::special::{f_quantile, f_sf};

/// One form with its F test against 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Icc {
    /// The coefficient with its interval from F; `n` is the items used.
    pub estimate: Estimate,
    /// F of the test against zero.
    pub f: Option<f64>,
    /// Degrees of freedom of the numerator.
    pub df1: f64,
    /// Degrees of freedom of the denominator.
    pub df2: f64,
    /// P of the test.
    pub p: Option<f64>,
}

/// The six forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Iccs {
    /// One-way, single reader.
    pub icc1: Icc,
    /// Two-way random, absolute agreement, single reader.
    pub icc2: Icc,
    /// Two-way mixed, consistency, single reader.
    pub icc3: Icc,
    /// One-way, mean of the readers.
    pub icc1k: Icc,
    /// Two-way random, absolute agreement, mean of the readers.
    pub icc2k: Icc,
    /// Two-way mixed, consistency, mean of the readers.
    pub icc3k: Icc,
}

/// Mean squares of a two-way table of n items by k readers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anova {
    n: f64,
    k: f64,
    items: f64,
    readers: f64,
    within: f64,
    error: f64,
}

impl Anova {
    /// Of complete rows, each with `k` values, each counted `weight(row)` times.
    fn weighted(rows: &[f64], k: usize, weight: impl Fn(usize) -> f64) -> Option<Self> {
        let n: f64 = (0..rows.len() / k).map(&weight).sum();
        if n < 2.0 || k < 2 {
            return None;
        }
        let readers = k as f64;
        // Deviations from one value of the table keep the sums of squares exact for constant data.
        let origin = rows[0];
        let mut column = vec![0.0; k];
        let mut total = 0.0;
        for (at, row) in rows.chunks(k).enumerate() {
            let w = weight(at);
            let mut sum = 0.0;
            for (c, v) in column.iter_mut().zip(row) {
                *c += w * (v - origin);
                sum += v - origin;
            }
            total += w * sum;
        }
        let grand = total / (n * readers);
        let (mut ss_items, mut ss_within) = (0.0, 0.0);
        for (at, row) in rows.chunks(k).enumerate() {
            let w = weight(at);
            let mean = row.iter().map(|v| v - origin).sum::<f64>() / readers;
            ss_items += w * readers * (mean - grand).powi(2);
            ss_within += w * row.iter().map(|v| (v - origin - mean).powi(2)).sum::<f64>();
        }
        let ss_readers: f64 = column.iter().map(|c| n * (c / n - grand).powi(2)).sum();
        Some(Self {
            n,
            k: readers,
            items: ss_items / (n - 1.0),
            readers: ss_readers / (readers - 1.0),
            within: ss_within / (n * (readers - 1.0)),
            error: ((ss_within - ss_readers) / ((n - 1.0) * (readers - 1.0))).max(0.0),
        })
    }

    fn single(&self) -> [f64; 3] {
        let Self { n, k, items, readers, within, error } = *self;
        [
            (items - within) / (items + (k - 1.0) * within),
            (items - error) / (items + (k - 1.0) * error + k * (readers - error) / n),
            (items - error) / (items + (k - 1.0) * error),
        ]
    }

    fn mean(&self) -> [f64; 3] {
        let Self { n, items, readers, within, error, .. } = *self;
        [(items - within) / items, (items - error) / (items + (readers - error) / n), (items - error) / items]
    }
}

/// The six values of complete rows with weights, for resampling: icc1, icc2, icc3, icc1k, icc2k, icc3k.
pub fn values(rows: &[f64], k: usize, weight: impl Fn(usize) -> f64) -> [Option<f64>; 6] {
    let Some(anova) = Anova::weighted(rows, k, weight) else { return [None; 6] };
    let (single, mean) = (anova.single(), anova.mean());
    [single[0], single[1], single[2], mean[0], mean[1], mean[2]].map(|v| Some(v).filter(|v| v.is_finite()))
}

/// The six forms of `rows`, complete items of `k` readers' values one after another.
///
/// Edge cases: fewer than two items or readers, or no variation at all, is undefined; no error within items gives
/// an infinite F, shown as absent.
pub fn icc(rows: &[f64], k: usize) -> Iccs {
    let n = rows.len().checked_div(k).unwrap_or(0);
    let Some(anova) = (k > 0).then(|| Anova::weighted(rows, k, |_| 1.0)).flatten() else {
        let none =
            Icc { estimate: Estimate::undefined(Reason::TOO_FEW, n), f: None, df1: 0.0, df2: 0.0, p: None };
        return Iccs {
            icc1: none.clone(),
            icc2: none.clone(),
            icc3: none.clone(),
            icc1k: none.clone(),
            icc2k: none.clone(),
            icc3k: none,
        };
    };
    let (single, mean) = (anova.single(), anova.mean());
    let (one, two) = (one_way(&anova), two_way(&anova));
    let form = |value: f64, test: &Test, interval: [f64; 2]| {
        let estimate = if value.is_finite() {
            Estimate::new(value, n).with_ci(Some(interval))
        } else {
            Estimate::undefined(Reason::NO_VARIATION, n)
        };
        Icc {
            estimate,
            f: Some(test.f).filter(|f| f.is_finite()),
            df1: test.df1,
            df2: test.df2,
            p: Some(f_sf(test.f, test.df1, test.df2)).filter(|p| p.is_finite()),
        }
    };
    let absolute = absolute_interval(&anova, single[1]);
    let up = |v: f64| v * anova.k / (1.0 + v * (anova.k - 1.0));
    Iccs {
        icc1: form(single[0], &one, one.bounds.map(|f| (f - 1.0) / (f + anova.k - 1.0))),
        icc2: form(single[1], &two, absolute),
        icc3: form(single[2], &two, two.bounds.map(|f| (f - 1.0) / (f + anova.k - 1.0))),
        icc1k: form(mean[0], &one, one.bounds.map(|f| 1.0 - 1.0 / f)),
        icc2k: form(mean[1], &two, absolute.map(up)),
        icc3k: form(mean[2], &two, two.bounds.map(|f| 1.0 - 1.0 / f)),
    }
}

/// An F test and F's own 95 % bounds.
struct Test {
    f: f64,
    df1: f64,
    df2: f64,
    bounds: [f64; 2],
}

impl Test {
    fn new(f: f64, df1: f64, df2: f64) -> Self {
        Self { f, df1, df2, bounds: [f / f_quantile(0.975, df1, df2), f * f_quantile(0.975, df2, df1)] }
    }
}

fn one_way(a: &Anova) -> Test {
    Test::new(a.items / a.within, a.n - 1.0, a.n * (a.k - 1.0))
}

fn two_way(a: &Anova) -> Test {
    Test::new(a.items / a.error, a.n - 1.0, (a.n - 1.0) * (a.k - 1.0))
}

/// Interval of icc2 with Satterthwaite's degrees of freedom (Shrout and Fleiss 1979; McGraw and Wong 1996).
fn absolute_interval(anova: &Anova, value: f64) -> [f64; 2] {
    let Anova { n, k, items, readers, error, .. } = *anova;
    let f = readers / error;
    let above = (k - 1.0) * (n - 1.0) * (k * value * f + n * (1.0 + (k - 1.0) * value) - k * value).powi(2);
    let below =
        (n - 1.0) * k * k * value * value * f * f + (n * (1.0 + (k - 1.0) * value) - k * value).powi(2);
    let v = above / below;
    if !v.is_finite() || v <= 0.0 {
        return [f64::NAN; 2];
    }
    let upper = f_quantile(0.975, n - 1.0, v);
    let lower = f_quantile(0.975, v, n - 1.0);
    [
        n * (items - upper * error) / (upper * (k * readers + (k * n - k - n) * error) + n * items),
        n * (lower * items - error) / (k * readers + (k * n - k - n) * error + n * lower * items),
    ]
}
