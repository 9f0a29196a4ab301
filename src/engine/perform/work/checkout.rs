//! What a reader needs in their own tool: names of blobs and what is known of the task; files are made of it where the
//! reader is (`engine::tools::checkout`).

use serde_json::{Value, json};

use super::{case_of, plan_of};
use crate::catalog::SittingRecord;
use crate::engine::answer::line_of;
use crate::engine::command::{Checkout, CheckoutTask, DrawnLabel};
use crate::engine::query::{SittingDetail, TaskLine};
use crate::engine::scope::Scope;
use crate::engine::{Client, EngineError, Session};
use crate::pipeline::now_ms;
use crate::workflow::{Bar, Case, Plan, Refused, Step, Task, TaskState};

pub(in crate::engine::perform) fn checkout(
    session: &Session,
    command: &CheckoutTask,
) -> Result<Checkout, EngineError> {
    let plan = plan_of(session)?;
    let shared = &session.engine.shared;
    let now = now_ms();
    let person = session.person()?.ok_or(Refused::Barred(Bar::NoReader))?;
    let case = shared.catalog.write_first(|tx| {
        let case = case_of(tx, command.task)?;
        let held = case.task(command.task).map(|t| &t.state);
        let is_theirs = matches!(held, Some(TaskState::Claimed { holder, .. }) if *holder == person.id);
        if !is_theirs {
            return Err(Refused::State(format!("{} does not hold task {}", person.id, command.task)).into());
        }
        let detail = json!({ "task": command.task });
        tx.audit(now, &session.user, "task.checkout", &case.uid, &detail)?;
        Ok(case)
    })?;
    let missing = || EngineError::NotFound { what: "task".into(), id: command.task.to_string() };
    let task = case.task(command.task).ok_or_else(missing)?;
    let line = line_of(&case.uid, &case.series_uid, task);
    let record = shared.catalog.read().series(&case.series_uid)?.ok_or_else(missing)?;
    if !shared.known.is_clean(&record.study_uid, &shared.catalog)? {
        let why = "its series is to be cleaned of what another instance of its study names";
        return Err(EngineError::Conflict { why: why.into() });
    }
    let reader = shared.catalog.read();
    let instances = reader.instances(&case.series_uid)?.into_iter().map(|i| i.blob).collect();
    let document = reader.document(&task.guideline)?.map(|d| (d.name, d.blob));
    drop(reader);
    let (reads, drawn) = decided_on(session, &case, task)?;
    Ok(Checkout { about: about(&plan.plan, &line, reads), instances, document, drawn })
}

/// What `task.json` says.
fn about(plan: &Plan, line: &TaskLine, reads: Vec<Value>) -> Value {
    let structures: Vec<Value> = plan
        .structures
        .iter()
        .map(|s| {
            json!({
                "name": s.name, "kind": s.kind, "code": s.code, "instances": s.instances, "scale": s.scale,
                "values": s.values, "unit": s.unit, "of": s.of, "required": s.required, "wanted": s.wants(),
            })
        })
        .collect();
    let mut about = serde_json::to_value(line).unwrap_or_default();
    if let Some(fields) = about.as_object_mut() {
        fields.insert("structures".into(), structures.into());
        if line.step != Step::Read.as_str() {
            fields.insert("reads".into(), reads.into());
        }
    }
    about
}

/// The reads that a review or an adjudication is about, as its holder may know them.
fn decided_on(
    session: &Session,
    case: &Case,
    task: &Task,
) -> Result<(Vec<Value>, Vec<DrawnLabel>), EngineError> {
    let ids: Vec<i64> = match task.step {
        Step::Review => task.read.into_iter().collect(),
        Step::Adjudicate => case.current_reads().map(|r| r.id).collect(),
        Step::Read | Step::SeriesReview => Vec::new(),
    };
    let scope = Scope::of(session)?;
    let client: &dyn Client = session;
    let (mut reads, mut drawn) = (Vec::new(), Vec::new());
    for id in ids {
        let sitting: Option<SittingRecord> = session.engine.shared.catalog.read().sitting(id)?;
        if !sitting.is_some_and(|s| scope.sees(Some(case), &s)) {
            continue;
        }
        let read = client.ask(SittingDetail { read: id })?.read;
        for label in &read.labels {
            if let Some(blob) = &label.sha256 {
                drawn.push(DrawnLabel {
                    read: id,
                    reader: read.reader.clone(),
                    structure: label.structure.clone(),
                    blob: blob.clone(),
                });
            }
        }
        reads.push(serde_json::to_value(&read).unwrap_or_default());
    }
    Ok((reads, drawn))
}
