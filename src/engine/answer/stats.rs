//! Process metrics.

use std::collections::BTreeMap;

use super::readers;
use crate::catalog::{DecisionRecord, Which};
use crate::engine::query::{Measured, Stats, StatsGroup, StatsView};
use crate::engine::{EngineError, Session};
use crate::measure::agreement::proportion::wilson;

pub fn stats(session: &Session, query: &Stats) -> Result<StatsView, EngineError> {
    // First, as it takes connections of its own.
    let (readers, hours) = readers::readers(session)?;
    let reader = session.engine.shared.catalog.read();
    let decisions = reader.decisions()?;
    let backlog = reader.task_count(Which::Open, query.now_ms)?;
    let all: Vec<&DecisionRecord> = decisions.iter().collect();
    let whole = group("", &all);
    let accepted = decisions.iter().filter(|d| d.accepted).count() as u64;
    let reads = reader.read_totals()?.0;
    Ok(StatsView {
        backlog,
        decided: whole.decided,
        first_pass_accuracy: whole.first_pass_accuracy,
        rejection_rate: whole.rejection_rate,
        cycle_time_median_ms: whole.cycle_time_median_ms,
        cycle_time_p90_ms: cycle_time(&all, 0.9),
        sites: by(&decisions, |d| &d.site),
        reviewers: by(&decisions, |d| &d.actor),
        stages: readers::stages(&reader, query.now_ms)?,
        cost: readers::cost(&session.engine.shared.config().cost, reads, hours, whole.decided, accepted),
        readers,
    })
}

fn by<'a>(decisions: &'a [DecisionRecord], key: impl Fn(&'a DecisionRecord) -> &'a str) -> Vec<StatsGroup> {
    let mut groups: BTreeMap<&str, Vec<&DecisionRecord>> = BTreeMap::new();
    for decision in decisions {
        groups.entry(key(decision)).or_default().push(decision);
    }
    groups.into_iter().map(|(name, decisions)| group(name, &decisions)).collect()
}

fn group(name: &str, decisions: &[&DecisionRecord]) -> StatsGroup {
    let first = decisions.iter().filter(|d| d.first);
    StatsGroup {
        name: name.into(),
        decided: decisions.len() as u64,
        first_pass_accuracy: first_pass(first.copied()),
        rejection_rate: share(decisions.iter().filter(|d| !d.accepted).count(), decisions.len()),
        cycle_time_median_ms: cycle_time(decisions, 0.5),
    }
}

/// Share of first decisions that accepted.
pub fn first_pass<'a>(first: impl Iterator<Item = &'a DecisionRecord>) -> Measured {
    let (mut accepted, mut n) = (0, 0);
    for decision in first {
        n += 1;
        accepted += usize::from(decision.accepted);
    }
    share(accepted, n)
}

/// A share with Wilson's interval.
pub fn share(part: usize, whole: usize) -> Measured {
    if whole == 0 {
        return Measured { reason: Some("nothing decided yet".into()), ..Measured::default() };
    }
    Measured {
        value: Some(part as f64 / whole as f64),
        ci95: wilson(part as u64, whole as u64).map(|[low, high]| (low, high)),
        n: whole as u64,
        reason: None,
    }
}

/// A percentile of the time from task to decision (nearest rank). A decision before its task tells that a clock was set
/// back, and no time.
pub fn cycle_time(decisions: &[&DecisionRecord], quantile: f64) -> Measured {
    let mut times: Vec<i64> =
        decisions.iter().map(|d| d.at_ms - d.created_ms).filter(|time| *time >= 0).collect();
    times.sort_unstable();
    let rank = (quantile * times.len() as f64).ceil() as usize;
    match times.get(rank.saturating_sub(1)) {
        Some(&time) => Measured { value: Some(time as f64), ci95: None, n: times.len() as u64, reason: None },
        None if decisions.is_empty() => {
            Measured { reason: Some("nothing decided yet".into()), ..Measured::default() }
        }
        None => Measured { reason: Some("the clock was set back".into()), ..Measured::default() },
    }
}
