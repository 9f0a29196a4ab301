//! Process metrics.

use std::collections::BTreeMap;

use super::readers;
use crate::catalog::{DecisionRecord, DoneRead, Reader, Which};
use crate::engine::query::{Measured, ReadingGroup, Stats, StatsGroup, StatsView, WorkStats};
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
        work: work(&reader, session.engine.shared.plan().is_some())?,
        readers,
    })
}

/// How the reads of the plan go.
fn work(reader: &Reader<'_>, has_plan: bool) -> Result<Option<WorkStats>, EngineError> {
    if !has_plan {
        return Ok(None);
    }
    let done = reader.done_reads()?;
    let (several, adjudicated) = reader.adjudicated_cases()?;
    let all: Vec<&DoneRead> = done.iter().collect();
    Ok(Some(WorkStats {
        cases: reader.case_counts()?.into_iter().collect(),
        all: reading("", &all),
        adjudicated: share(adjudicated as usize, several as usize),
        readers: reading_by(&done, |d| d.reader.clone()),
        guidelines: reading_by(&done, |d| d.guideline.clone()),
        plan_versions: reading_by(&done, |d| d.plan_version.to_string()),
    }))
}

fn reading_by(done: &[DoneRead], key: impl Fn(&DoneRead) -> String) -> Vec<ReadingGroup> {
    let mut groups: BTreeMap<String, Vec<&DoneRead>> = BTreeMap::new();
    for read in done {
        groups.entry(key(read)).or_default().push(read);
    }
    groups.into_iter().map(|(name, reads)| reading(&name, &reads)).collect()
}

fn reading(name: &str, reads: &[&DoneRead]) -> ReadingGroup {
    let decided: Vec<&&DoneRead> = reads.iter().filter(|r| r.is_decided).collect();
    let first = decided.iter().filter(|r| r.sittings == 1).count();
    let stands = decided.iter().filter(|r| r.stands).count();
    ReadingGroup {
        name: name.into(),
        reads: reads.len() as u64,
        first_pass_acceptance: share(first, decided.len()),
        reworked: reads.iter().filter(|r| r.sittings > 1).count() as u64,
        stands: share(stands, decided.len()),
        seconds_median: median(reads.iter().filter_map(|r| r.seconds).collect()),
        held_median_ms: median(
            reads.iter().filter_map(|r| r.held_ms.filter(|ms| *ms >= 0)).map(|ms| ms as f64).collect(),
        ),
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
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
