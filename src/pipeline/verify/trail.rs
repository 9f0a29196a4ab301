//! The trail, and what its entries vouch for: batches of instances, findings, decisions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{Checkpoint, DamageKind, StageError, Verified};
use crate::audit::{self, Hash, Verifier};
use crate::catalog::{AcceptedRow, CatalogError, DecisionRow, OutcomeRow, Reader, TrailRecord};
use crate::pipeline::reprocess;

/// What the entries say, gathered in one pass.
#[derive(Default)]
struct TrailClaims {
    /// Entries with a Merkle root over instances.
    batches: Vec<(u64, String)>,
    /// The latest root over the findings of a series by itself, and over those of its study.
    findings: HashMap<String, [Option<String>; 2]>,
    /// Decisions on each task, in order.
    decisions: BTreeMap<i64, Vec<Decided>>,
    /// What was accepted last of each case.
    accepted: BTreeMap<String, AcceptedRow>,
    /// The hash of the entry that a checkpoint names.
    at_checkpoint: Option<Hash>,
}

/// One decision as the trail tells it.
struct Decided {
    actor: String,
    accepted: bool,
    at_ms: i64,
    undone: bool,
    reason: Option<String>,
    comment: Option<String>,
}

pub fn verify(
    reader: &Reader<'_>,
    checkpoint: Option<&Checkpoint>,
    verified: &mut Verified,
) -> Result<(), StageError> {
    let told = chain(reader, checkpoint, verified)?;
    if let Some(checkpoint) = checkpoint {
        hold_against(checkpoint, &told, verified);
    }
    roots(reader, &told, verified)?;
    findings(reader, &told, verified)?;
    decisions(reader, &told, verified)?;
    accepted(reader, &told, verified)?;
    Ok(())
}

/// Verifies every link, and gathers what the entries vouch for.
fn chain(
    reader: &Reader<'_>,
    checkpoint: Option<&Checkpoint>,
    verified: &mut Verified,
) -> Result<TrailClaims, StageError> {
    let (mut verifier, mut told, mut broken) = (Verifier::default(), TrailClaims::default(), None);
    let mut entries = 0;
    reader.each_trail_entry(|record| {
        entries += 1;
        let entry = audit::Entry {
            sequence: record.sequence,
            at_ms: record.at_ms,
            actor: &record.actor,
            action: &record.action,
            object: &record.object,
            detail: &record.detail,
        };
        if broken.is_none() {
            broken = verifier.next(&entry, &record.hash).err();
        }
        if checkpoint.is_some_and(|c| c.entries == record.sequence) {
            told.at_checkpoint = Some(record.hash);
        }
        told.collect(&record);
        Ok(())
    })?;
    verified.trail_entries = entries;
    verified.last_hash = hex::encode(verifier.verified().1);
    if let Some(broken) = broken {
        verified.found(
            DamageKind::BrokenTrail,
            format!("entry {}", verifier.verified().0 + 1),
            broken.to_string(),
        );
    }
    Ok(told)
}

impl TrailClaims {
    fn collect(&mut self, record: &TrailRecord) {
        let detail: Value = serde_json::from_str(&record.detail).unwrap_or_default();
        let text = |key: &str| detail[key].as_str().map(String::from);
        match &*record.action {
            "series.erase" => {
                self.batches.extend(text("merkle_root").map(|root| (record.sequence, root)));
                self.findings.insert(record.object.clone(), [text("root"), text("study_root")]);
            }
            "intake.batch"
            | "study.clean"
            | "label.import"
            | "label.undo"
            | "task.submit"
            | reprocess::BATCH => {
                // Only an entry that says how many it covers binds rows: those of earlier versions do not.
                let is_bound = detail["leaves"].is_u64();
                self.batches
                    .extend(text("merkle_root").filter(|_| is_bound).map(|root| (record.sequence, root)));
            }
            "series.check" | "series.assemble" => {
                if let Some(root) = text("root") {
                    self.findings.entry(record.object.clone()).or_default()[0] = Some(root);
                }
            }
            "study.check" => {
                if let Some(root) = text("root") {
                    self.findings.entry(record.object.clone()).or_default()[1] = Some(root);
                }
            }
            "review.accept" | "review.return" => {
                let Some(task) = detail["task"].as_i64() else { return };
                self.decisions.entry(task).or_default().push(Decided {
                    actor: record.actor.clone(),
                    accepted: record.action == "review.accept",
                    at_ms: record.at_ms,
                    undone: false,
                    reason: text("reason"),
                    comment: text("comment"),
                });
            }
            "case.accept" => {
                let row = AcceptedRow {
                    case_uid: record.object.clone(),
                    read: detail["read"].as_i64().unwrap_or_default(),
                    by: text("by"),
                    how: text("how"),
                };
                self.accepted.insert(record.object.clone(), row);
            }
            "review.undo" => {
                let made = detail["task"].as_i64().and_then(|task| self.decisions.get_mut(&task));
                if let Some(last) = made.and_then(|made| made.iter_mut().rev().find(|d| !d.undone)) {
                    last.undone = true;
                }
            }
            _ => {}
        }
    }
}

fn hold_against(checkpoint: &Checkpoint, told: &TrailClaims, verified: &mut Verified) {
    if let Some(detail) = checkpoint.contradicted_by(told.at_checkpoint.as_ref(), verified.trail_entries) {
        verified.found(DamageKind::CutTrail, format!("entry {}", checkpoint.entries), detail);
    }
}

/// Whether the root of a trail entry is that of the rows that it covers, as they stand.
pub(super) fn root_holds(reader: &Reader<'_>, event: u64, root: &str) -> Result<bool, CatalogError> {
    let leaves = reader.leaves(event)?;
    let in_order = leaves.iter().enumerate().all(|(i, (place, _))| *place == i as u64);
    let hashes: Vec<Hash> = leaves.into_iter().map(|(_, hash)| hash).collect();
    Ok(in_order && hex::encode(audit::merkle_root(&hashes)) == root)
}

/// Every root is made again of the rows as they stand.
fn roots(reader: &Reader<'_>, told: &TrailClaims, verified: &mut Verified) -> Result<(), StageError> {
    for (event, root) in &told.batches {
        verified.roots += 1;
        if !root_holds(reader, *event, root)? {
            verified.found(
                DamageKind::BrokenRoot,
                format!("entry {event}"),
                "instances, ledger lines or reads that it covers were changed, added or removed",
            );
        }
    }
    Ok(())
}

/// Findings of each series against the latest root of them.
fn findings(reader: &Reader<'_>, told: &TrailClaims, verified: &mut Verified) -> Result<(), StageError> {
    for (uid, roots) in &told.findings {
        let stand = reader.finding_roots(uid)?;
        verified.findings += 1;
        let differs = roots
            .iter()
            .zip(&stand)
            .any(|(told, stands)| told.as_ref().is_some_and(|told| *told != hex::encode(stands)));
        if differs {
            verified.add(super::Damage {
                kind: DamageKind::ChangedFinding,
                object: uid.clone(),
                detail: "its findings are not those that its checks reported".into(),
                series_uid: Some(uid.clone()),
            });
        }
    }
    Ok(())
}

/// Decisions and the outcomes of tasks against the acts in the trail.
fn decisions(reader: &Reader<'_>, told: &TrailClaims, verified: &mut Verified) -> Result<(), StageError> {
    let mut rows: BTreeMap<i64, Vec<DecisionRow>> = BTreeMap::new();
    for row in reader.decision_rows()? {
        verified.decisions += 1;
        rows.entry(row.task).or_default().push(row);
    }
    let tasks: BTreeSet<i64> = rows.keys().chain(told.decisions.keys()).copied().collect();
    for task in tasks {
        let (stand, said) = (rows.get(&task), told.decisions.get(&task));
        let stand = stand.map(Vec::as_slice).unwrap_or_default();
        let said = said.map(Vec::as_slice).unwrap_or_default();
        let alike = stand.len() == said.len() && stand.iter().zip(said).all(|(row, told)| told.is(row));
        if !alike {
            let detail = "its decisions are not those that were made";
            verified.found(DamageKind::ChangedDecision, format!("task {task}"), detail);
        }
    }
    for outcome in reader.outcome_rows()? {
        let said = told.decisions.get(&outcome.task);
        if let Some(detail) =
            contradiction(&outcome, said.and_then(|made| made.iter().rev().find(|d| !d.undone)))
        {
            verified.found(DamageKind::ChangedDecision, format!("task {}", outcome.task), detail);
        }
    }
    for uid in reader.undecided_outcomes()? {
        let detail = "the series is accepted or returned, and has no task";
        verified.found(DamageKind::ChangedDecision, uid, detail);
    }
    Ok(())
}

/// What stands of each case against the acts in the trail.
fn accepted(reader: &Reader<'_>, told: &TrailClaims, verified: &mut Verified) -> Result<(), StageError> {
    let rows = reader.accepted_cases()?;
    let stand: BTreeMap<&String, &AcceptedRow> = rows.iter().map(|row| (&row.case_uid, row)).collect();
    verified.decisions += rows.len() as u64;
    let cases: BTreeSet<&String> = stand.keys().copied().chain(told.accepted.keys()).collect();
    for case in cases {
        if stand.get(case).copied() != told.accepted.get(case) {
            let detail = "the read that stands is not the one that was accepted";
            verified.found(DamageKind::ChangedDecision, format!("case {case}"), detail);
        }
    }
    Ok(())
}

impl Decided {
    fn is(&self, row: &DecisionRow) -> bool {
        (&*self.actor, self.accepted, self.at_ms, self.undone)
            == (&*row.actor, row.accepted, row.at_ms, row.undone)
    }
}

/// What the outcome of a task says against the decision that stands. An open task may have been decided before: it is
/// opened again when its series changes.
fn contradiction(outcome: &OutcomeRow, decision: Option<&Decided>) -> Option<&'static str> {
    let is_decided = |state: &str| matches!(state, "accepted" | "returned");
    if !is_decided(&outcome.state) {
        return is_decided(&outcome.series_state).then_some("the series is decided and its task is open");
    }
    let Some(decision) = decision else { return Some("it is decided, and nobody has decided it") };
    let state = if decision.accepted { "accepted" } else { "returned" };
    if outcome.state != state {
        return Some("its outcome is another than the one that was decided");
    }
    if (&outcome.reason, &outcome.comment) != (&decision.reason, &decision.comment) {
        return Some("its reason or comment is another than the one that was given");
    }
    // A series that is assembled anew begins from the first state while its task still stands.
    (is_decided(&outcome.series_state) && outcome.series_state != state)
        .then_some("the state of its series is another than the one that was decided")
}
