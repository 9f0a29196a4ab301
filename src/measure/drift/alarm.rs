//! An alarm that says what moved, since when, how sure, and what it comes from.

use super::changepoint::single;
use super::charts::{Baseline, Cusum, Signal};
use super::multiple::holm;
use super::shift::chi_square;
use super::trend::mann_whitney;
use crate::measure::special::t_two_sided;
use crate::measure::stats::{mean, sum_of_squares};

/// Rows that either side of a change must have to be dated.
const LEAST_SIDE: usize = 5;

/// A change in a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The chart's first signal.
    pub signal: Signal,
    /// Row from which on the mean is another: the likeliest change up to the end of the stream (or to where it goes
    /// back).
    pub since: usize,
    /// Mean before and after.
    pub before: f64,
    /// Mean from there on.
    pub after: f64,
    /// Change in standard deviations of the reference.
    pub effect_sd: f64,
    /// Two-sided p of before against after (Mann–Whitney). The row was chosen to look like a change: a measure of how
    /// clear it is, not of a planned test.
    pub p: f64,
}

/// Watches `values` with a two-sided CUSUM (k 0.5, h 5) standardised by the first `reference` rows and dates what it
/// finds; `None` without a signal after the reference, or where the reference does not vary.
pub fn watch(values: &[f64], reference: usize) -> Option<Change> {
    watch_from(values, reference, Baseline::of(values.get(..reference)?)?)
}

/// As [`watch`], standardised by a baseline of one's own.
pub fn watch_from(values: &[f64], reference: usize, baseline: Baseline) -> Option<Change> {
    if reference > values.len() {
        return None;
    }
    let mut chart = Cusum::new(0.5, 5.0);
    // The chart starts after the reference: its rows have made the limits.
    for v in &values[reference..] {
        chart.push(baseline.standardise(*v));
    }
    let first = *chart.signals().first()?;
    let signal = Signal { index: first.index + reference, ..first };
    let (since, before, after) = single(values, LEAST_SIDE)?;
    let p = mann_whitney(&values[..since], &values[since..]).map_or(1.0, |m| m.1);
    Some(Change { signal, since, before, after, effect_sd: (after - before) / baseline.sd, p })
}

/// [`Change::p`] corrected for the date having been chosen among all that could be (Bonferroni).
pub fn dated_p(change: &Change, rows: usize) -> f64 {
    (change.p * (rows + 1).saturating_sub(2 * LEAST_SIDE).max(1) as f64).min(1.0)
}

/// One read's metric with what may explain it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// The metric.
    pub value: f64,
    /// Who read, by number.
    pub reader: usize,
    /// What made the image or how hard the case is, by number of its stratum.
    pub stratum: usize,
    /// Whether it lies after the change.
    pub after: bool,
}

/// What a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Other scanners or cases than before; within each of them nothing comparable changed.
    Mix,
    /// These readers changed, the others did not.
    Readers(Vec<usize>),
    /// Readers changed together: a guideline, a tool, a scanner's upgrade.
    Common,
    /// Not enough to tell.
    Unclear,
}

/// A change by cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Mean after minus mean before.
    pub total: f64,
    /// Part from another mix of strata (Kitagawa's decomposition of means).
    pub mix: f64,
    /// Part from within strata.
    pub within: f64,
    /// Each reader's change, adjusted for strata, with its p-value after Holm; readers without reads on both sides are
    /// left out.
    pub readers: Vec<ReaderChange>,
    /// The likeliest cause.
    pub cause: Cause,
}

/// One reader's change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReaderChange {
    /// Who.
    pub reader: usize,
    /// Mean after minus mean before, of values with their stratum's mean taken off.
    pub change: f64,
    /// Two-sided p (Welch 1947), corrected for the number of readers (Holm).
    pub p: f64,
}

/// A change smaller than this share of the largest explains nothing, however sure it is.
const SHARE_OF_MOST: f64 = 0.25;

/// Takes a change apart into mix and readers; `None` where one side has no reads.
///
/// The cause is the mix where its part is at least twice the rest and the mix did change (χ² at 1 %); else the readers
/// whose change, adjusted for strata, is significant at 1 % after Holm in the direction of the within part, and no trifle
/// beside the largest: at least half of those that can be compared (and two) is a common cause, fewer are named; else the mix where it is the larger part
/// and did change at 5 %.
pub fn attribute(reads: &[Observed]) -> Option<Attribution> {
    let side = |after: bool| reads.iter().filter(move |r| r.after == after);
    let values = |after: bool| side(after).map(|r| r.value).collect::<Vec<_>>();
    let (before, now) = (values(false), values(true));
    if before.is_empty() || now.is_empty() {
        return None;
    }
    let total = mean(&now) - mean(&before);
    let strata = by_stratum(reads);
    let mix = mix_part(&strata, before.len() as f64, now.len() as f64);
    let within = total - mix;
    let readers = reader_changes(reads, &strata);
    let sure = |r: &&ReaderChange| r.p < 0.01 && r.change.signum() == within.signum();
    let most = readers.iter().filter(sure).map(|r| r.change.abs()).fold(0.0, f64::max);
    let moved: Vec<usize> = readers
        .iter()
        .filter(sure)
        .filter(|r| r.change.abs() >= SHARE_OF_MOST * most)
        .map(|r| r.reader)
        .collect();
    let mix_p = mix_p(&strata);
    let cause = if mix.abs() >= 2.0 * within.abs() && mix_p < 0.01 {
        Cause::Mix
    } else if moved.len() >= 2 && 2 * moved.len() >= readers.len() {
        Cause::Common
    } else if !moved.is_empty() {
        Cause::Readers(moved)
    } else if mix.abs() >= within.abs() && mix_p < 0.05 {
        Cause::Mix
    } else {
        Cause::Unclear
    };
    Some(Attribution { total, mix, within, readers, cause })
}

/// Reads and the sum of their values, before and after, by stratum.
type Strata = Vec<[(f64, f64); 2]>;

fn by_stratum(reads: &[Observed]) -> Strata {
    let mut strata = vec![[(0.0, 0.0); 2]; reads.iter().map(|r| r.stratum).max().map_or(0, |s| s + 1)];
    for r in reads {
        let (n, sum) = &mut strata[r.stratum][usize::from(r.after)];
        *n += 1.0;
        *sum += r.value;
    }
    strata
}

/// P of the strata being mixed as before (χ² of homogeneity); 1 where they cannot be compared.
fn mix_p(strata: &Strata) -> f64 {
    let count = |side: usize| strata.iter().map(|s| s[side].0).collect::<Vec<f64>>();
    chi_square(&count(0), &count(1)).map_or(1.0, |t| t.0.p)
}

fn mix_part(strata: &Strata, n: f64, m: f64) -> f64 {
    strata
        .iter()
        .map(|&[(k, s), (l, t)]| {
            let level = match (k > 0.0, l > 0.0) {
                (true, true) => f64::midpoint(s / k, t / l),
                (true, false) => s / k,
                (false, true) => t / l,
                (false, false) => 0.0,
            };
            (l / m - k / n) * level
        })
        .sum()
}

/// Changes of readers in values with the stratum's mean before the change taken off (its mean at all where it is new).
fn reader_changes(reads: &[Observed], strata: &Strata) -> Vec<ReaderChange> {
    let level = |&[(k, s), (l, t)]: &[(f64, f64); 2]| if k > 0.0 { s / k } else { t / l };
    let levels: Vec<f64> = strata.iter().map(level).collect();
    let readers = reads.iter().map(|r| r.reader).max().map_or(0, |r| r + 1);
    let mut values = vec![[Vec::new(), Vec::new()]; readers];
    for r in reads {
        values[r.reader][usize::from(r.after)].push(r.value - levels[r.stratum]);
    }
    let change = |(reader, [before, after]): (usize, &[Vec<f64>; 2])| {
        let (change, p) = welch(before, after)?;
        Some(ReaderChange { reader, change, p })
    };
    let mut changes: Vec<ReaderChange> = values.iter().enumerate().filter_map(change).collect();
    let adjusted = holm(&changes.iter().map(|c| c.p).collect::<Vec<_>>());
    for (change, p) in changes.iter_mut().zip(adjusted) {
        change.p = p;
    }
    changes
}

/// Difference of means and its two-sided p without assuming equal variances (Welch 1947); `None` with fewer than two
/// values a side or no variation.
fn welch(before: &[f64], after: &[f64]) -> Option<(f64, f64)> {
    let part = |v: &[f64]| {
        let n = v.len() as f64;
        (v.len() >= 2).then(|| (sum_of_squares(v) / (n - 1.0) / n, n))
    };
    let ((a, n), (b, m)) = (part(before)?, part(after)?);
    let change = mean(after) - mean(before);
    let variance = a + b;
    if variance == 0.0 {
        return None;
    }
    let df = variance * variance / (a * a / (n - 1.0) + b * b / (m - 1.0));
    Some((change, t_two_sided(change / variance.sqrt(), df)))
}
