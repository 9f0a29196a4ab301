//! A plan put in force, or what that would change.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::bytes::ByteSource;
use crate::catalog::{CatalogError, DocumentRecord, PlanRecord, Tx};
use crate::config::read_plan;
use crate::engine::command::{ApplyPlan, PlanApplied, PlanTasks};
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::casework::{self, PlanInForce, TaskCounts};
use crate::pipeline::now_ms;
use crate::workflow::{Consensus, Plan};

/// A plan's text, at most.
const MOST_TEXT: usize = 1 << 20;
/// A document, at most.
const MOST_DOCUMENT: usize = 32 << 20;

pub(in crate::engine::perform) fn apply(
    session: &Session,
    command: &ApplyPlan,
) -> Result<PlanApplied, EngineError> {
    if command.text.len() > MOST_TEXT {
        return Err(EngineError::Invalid { why: "a plan has at most 1 MiB".into() });
    }
    let plan = read_plan(&command.text, Path::new("plan")).map_err(|mistakes| EngineError::Refused {
        why: "the plan cannot be used".into(),
        reasons: mistakes
            .iter()
            .map(|m| {
                let at =
                    m.at.map(|(line, column)| format!("line {line}, column {column}: ")).unwrap_or_default();
                let key = m.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
                json!({ "code": "plan", "structure": m.key, "message": format!("{at}{key}{}", m.message) })
            })
            .collect(),
    })?;
    let documents = documents(&plan, command)?;
    let digest = digest(&plan, &documents)?;
    let warnings = warnings(&plan);
    let mut records = Vec::new();
    let mut staged = Vec::new();
    for (version, name, bytes) in &documents {
        let blob = crate::blob::name_of(bytes);
        if !command.dry_run {
            staged.push(session.engine.shared.store.stage(&ByteSource::from(bytes.as_slice()))?);
        }
        records.push(DocumentRecord { version: version.clone(), name: name.clone(), blob });
    }
    let shared = &session.engine.shared;
    let now = now_ms();
    let mut applied =
        PlanApplied { name: plan.name.clone(), warnings, dry_run: command.dry_run, ..PlanApplied::default() };
    let work = |tx: &Tx<'_>| put_in_force(session, tx, (&plan, &digest, &command.text), &records, now);
    let (in_force, cases, counts) = if command.dry_run {
        shared.catalog.rehearse(work)?
    } else {
        // Blobs before rows.
        if !staged.is_empty() {
            shared.store.settle(&mut staged, false)?;
        }
        let done = shared.catalog.write_first(work)?;
        shared.set_plan(Some(done.0.clone()));
        shared.bus.tell(ChangeKind::Reads);
        done
    };
    applied.version = in_force.version;
    applied.cases = cases;
    applied.tasks = PlanTasks {
        new: counts.new,
        unchanged: counts.unchanged,
        reopened: counts.reopened,
        cancelled: counts.cancelled,
    };
    Ok(applied)
}

type Applied = (Arc<PlanInForce>, u64, TaskCounts);

fn put_in_force(
    session: &Session,
    tx: &Tx<'_>,
    (plan, digest, text): (&Plan, &str, &str),
    documents: &[DocumentRecord],
    now: i64,
) -> Result<Applied, CatalogError> {
    let before = tx.plan()?;
    let same = before.as_ref().is_some_and(|p| p.digest == digest);
    let version = before.as_ref().map_or(0, |p| p.version) + u32::from(!same);
    let in_force = PlanInForce::new(plan.clone(), version, digest.to_owned()).map_err(|wrong| {
        let all: Vec<String> = wrong.into_iter().map(|w| format!("{}: {}", w.key, w.why)).collect();
        CatalogError::Refused(all.join("; "))
    })?;
    let guideline = in_force.guideline_at(now).to_owned();
    if same {
        tx.set_plan_guideline(version, &guideline)?;
    } else {
        let record = PlanRecord {
            version,
            text: text.into(),
            digest: digest.into(),
            guideline: guideline.clone(),
            applied_ms: now,
            actor: session.user.clone(),
        };
        tx.put_plan(&record, documents)?;
    }
    let (cases, counts) = casework::apply(tx, &in_force, now)?;
    let detail = json!({
        "version": version, "digest": digest, "name": plan.name, "cases": cases, "guideline": guideline,
        "new": counts.new, "unchanged": counts.unchanged, "reopened": counts.reopened, "cancelled": counts.cancelled,
        "documents": documents.iter().map(|d| json!({ "guideline": d.version, "sha256": d.blob })).collect::<Vec<_>>(),
    });
    tx.audit(now, &session.user, "plan.apply", "plan", &detail)?;
    Ok((Arc::new(in_force), cases, counts))
}

/// The guideline, the name and the bytes of each document that the plan names.
fn documents(plan: &Plan, command: &ApplyPlan) -> Result<Vec<(String, String, Vec<u8>)>, EngineError> {
    let mut found = Vec::new();
    for guideline in &plan.guidelines {
        let Some(name) = &guideline.document else { continue };
        let digits = command.documents.get(name).ok_or_else(|| EngineError::Conflict {
            why: format!("the document {name:?} of guideline {} is not there", guideline.version),
        })?;
        let bytes = hex::decode(digits)
            .map_err(|_| EngineError::Invalid { why: "a document is not hexadecimal digits".into() })?;
        if bytes.len() > MOST_DOCUMENT {
            return Err(EngineError::Conflict {
                why: format!("the document {name:?} is larger than {} MiB", MOST_DOCUMENT >> 20),
            });
        }
        let file = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.push((guideline.version.clone(), file, bytes));
    }
    Ok(found)
}

/// The digest of all that a plan says, however it is written down.
fn digest(plan: &Plan, documents: &[(String, String, Vec<u8>)]) -> Result<String, EngineError> {
    let text = serde_json::to_string(plan).map_err(|e| EngineError::Storage { why: e.to_string() })?;
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    for (version, _, bytes) in documents {
        hash.update(version.as_bytes());
        hash.update(Sha256::digest(bytes));
    }
    Ok(hex::encode(hash.finalize()))
}

/// What is allowed and probably not meant.
fn warnings(plan: &Plan) -> Vec<String> {
    let mut odd = Vec::new();
    if plan.reads > 1 && plan.structures.iter().all(|s| s.agree.is_none()) {
        odd.push("no structure says what must agree: several reads of a case always agree".into());
    }
    if plan.consensus == Consensus::Staple && plan.reads < 3 {
        odd.push("consensus = \"staple\" needs three reads: with fewer the majority stands".into());
    }
    if plan.guidelines.is_empty() {
        odd.push("there is no [[guideline]]: reads name no version of the instruction".into());
    }
    if let Some(escalate) = &plan.escalate
        && plan.deadline == crate::workflow::Deadlines::default()
    {
        odd.push(format!("nothing is ever escalated to level {}: there is no deadline", escalate.level));
    }
    odd
}
