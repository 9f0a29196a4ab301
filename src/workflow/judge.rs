//! What a case becomes when the last read that it waits for is in.

use std::collections::BTreeMap;

use super::agree::{PairAgreement, nearest};
use super::case::{Case, CaseRead, How};
use super::draw::is_drawn;
use super::plan::{Plan, ReviewRule};
use super::task::{Step, TaskState};

/// What the reads of a round say.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// More are to come, or will never come.
    Incomplete,
    /// They do not agree: why, a line for each structure.
    Disagree(Vec<String>),
    /// This read stands.
    Stands { read: i64, how: How },
}

/// The word in a review rule for any warning or error.
const ANY_FINDING: &str = "finding";

pub(super) fn judge(case: &Case, pairs: &[PairAgreement], consensus: Option<i64>) -> Verdict {
    let mut slots = case.current().filter(|t| t.step == Step::Read).peekable();
    let is_whole = slots.peek().is_some() && slots.all(|t| matches!(t.state, TaskState::Done { .. }));
    let reads: Vec<i64> = case.current_reads().map(|r| r.id).collect();
    if !is_whole || reads.is_empty() {
        return Verdict::Incomplete;
    }
    let between = |p: &&PairAgreement| reads.contains(&p.a) && reads.contains(&p.b);
    let pairs: Vec<PairAgreement> = pairs.iter().filter(between).cloned().collect();
    let why = disagreements(&pairs);
    if !why.is_empty() {
        return Verdict::Disagree(why);
    }
    let how = if reads.len() == 1 { How::Single } else { How::Agreed };
    match consensus.or_else(|| nearest(&reads, &pairs)) {
        Some(read) => Verdict::Stands { read, how },
        None => Verdict::Incomplete,
    }
}

/// Which structures differ and by how much: of several pairs the one that differs most.
fn disagreements(pairs: &[PairAgreement]) -> Vec<String> {
    let mut worst: BTreeMap<&str, (f64, &str)> = BTreeMap::new();
    for structure in pairs.iter().flat_map(|p| &p.structures) {
        let Some(why) = &structure.why else { continue };
        let known = worst.get(&*structure.structure);
        if known.is_none_or(|(nearness, _)| structure.nearness < *nearness) {
            worst.insert(&structure.structure, (structure.nearness, why));
        }
    }
    worst.into_iter().map(|(structure, (_, why))| format!("{structure}: {why}")).collect()
}

/// Why the read that stands is looked at a second time; nothing where it is not.
pub(super) fn second_look(plan: &Plan, case: &Case, read: Option<&CaseRead>) -> Option<String> {
    let returned = case.current().any(|t| t.step == Step::Review);
    if returned {
        return Some("it was returned, and is looked at again".into());
    }
    let rule: &ReviewRule = plan.review.as_ref()?;
    let findings = read.map(|r| r.findings.as_slice()).unwrap_or_default();
    let wanted = |found: &&String| rule.when.iter().any(|when| when == ANY_FINDING || when == *found);
    if let Some(found) = findings.iter().find(wanted) {
        return Some(format!("a check found {found}"));
    }
    is_drawn(rule.share, rule.seed, &[&case.uid]).then(|| "drawn for a second look".into())
}
