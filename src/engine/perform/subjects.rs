//! Joining and parting subjects.

use std::collections::BTreeSet;

use serde_json::json;

use super::typed;
use crate::catalog::{CatalogError, Ruling, Tx};
use crate::engine::command::{JoinSubjects, KeepSubject, PartSubject, SubjectDecided};
use crate::engine::{EngineError, Session};
use crate::model::ChangeKind;
use crate::pipeline::{STUDY, now_ms};

pub fn join(session: &Session, command: &JoinSubjects) -> Result<SubjectDecided, EngineError> {
    let reason = reason(session, &command.reason)?;
    studies_of(session, &command.subject)?;
    let mut studies = Vec::new();
    for other in command.others.iter().filter(|other| **other != command.subject) {
        studies.extend(studies_of(session, other)?);
    }
    if studies.is_empty() {
        return Err(EngineError::Invalid { why: "name another subject to join with it".into() });
    }
    let detail = json!({
        "subject": command.subject, "others": command.others, "studies": studies, "reason": reason,
    });
    decide(session, "subject.join", &command.subject, &detail, |tx| {
        studies.iter().try_for_each(|study| tx.decide_subject(study, &command.subject))?;
        Ok(command.subject.clone())
    })
}

pub fn part(session: &Session, command: &PartSubject) -> Result<SubjectDecided, EngineError> {
    let reason = reason(session, &command.reason)?;
    let catalog = &session.engine.shared.catalog;
    let mut subjects = BTreeSet::new();
    for study in &command.studies {
        let missing = || EngineError::NotFound { what: "study".into(), id: study.clone() };
        let (by_header, _) = catalog.read().subject_of_study(study)?.ok_or_else(missing)?;
        subjects.insert(catalog.read().decided_subject(study)?.unwrap_or(by_header));
    }
    let mut subjects = subjects.into_iter();
    let (Some(subject), None) = (subjects.next(), subjects.next()) else {
        return Err(EngineError::Invalid {
            why: "the studies are of several subjects; part one after the other".into(),
        });
    };
    let stay = studies_of(session, &subject)?.into_iter().filter(|s| !command.studies.contains(s)).count();
    if stay == 0 {
        return Err(EngineError::Invalid {
            why: "these are all studies of the subject; name those of one person".into(),
        });
    }
    let detail = json!({ "studies": command.studies, "reason": reason });
    decide(session, "subject.part", &subject, &detail, |tx| {
        let new = tx.free_subject(&subject)?;
        command.studies.iter().try_for_each(|study| tx.decide_subject(study, &new))?;
        tx.rule(&subject, &new, Ruling::Different)?;
        Ok(new)
    })
}

pub fn keep(session: &Session, command: &KeepSubject) -> Result<SubjectDecided, EngineError> {
    let reason = reason(session, &command.reason)?;
    let studies = studies_of(session, &command.subject)?;
    let shared = &session.engine.shared;
    let mut namesakes = BTreeSet::new();
    for study in &studies {
        for other in shared.known.namesakes(study)? {
            let decided = shared.catalog.read().decided_subject(&other.study_uid)?;
            namesakes.insert(decided.unwrap_or(other.subject));
        }
    }
    namesakes.remove(&command.subject);
    let detail = json!({ "studies": studies, "others": namesakes, "reason": reason });
    decide(session, "subject.keep", &command.subject, &detail, |tx| {
        for (at, one) in studies.iter().enumerate() {
            studies[at..].iter().try_for_each(|other| tx.rule(one, other, Ruling::Same))?;
        }
        namesakes.iter().try_for_each(|other| tx.rule(&command.subject, other, Ruling::Different))?;
        Ok(command.subject.clone())
    })
}

/// Why, cleaned like everything that people type.
fn reason(session: &Session, reason: &str) -> Result<String, EngineError> {
    if reason.trim().is_empty() {
        return Err(EngineError::Invalid { why: "say why".into() });
    }
    typed::cleaned(session, None, reason)
}

fn studies_of(session: &Session, subject: &str) -> Result<Vec<String>, EngineError> {
    let studies = session.engine.shared.catalog.read().studies_of_subject(subject)?;
    if studies.is_empty() {
        return Err(EngineError::NotFound { what: "subject".into(), id: subject.into() });
    }
    Ok(studies)
}

/// One transaction with its event; the studies that it concerns are compared anew.
fn decide(
    session: &Session,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
    work: impl FnOnce(&Tx<'_>) -> Result<String, CatalogError>,
) -> Result<SubjectDecided, EngineError> {
    let shared = &session.engine.shared;
    let mut concerned: BTreeSet<String> =
        shared.catalog.read().studies_of_subject(subject)?.into_iter().collect();
    for study in concerned.clone() {
        concerned.extend(shared.known.namesakes(&study)?.into_iter().map(|p| p.study_uid));
    }
    let told = detail["studies"].as_array().cloned().unwrap_or_default();
    concerned.extend(told.iter().filter_map(|s| s.as_str()).map(String::from));
    let now = now_ms();
    let new = shared.catalog.write_first(|tx| {
        let new = work(tx)?;
        for study in &concerned {
            tx.enqueue(STUDY, study, now, now)?;
        }
        let mut detail = detail.clone();
        detail["now"] = new.clone().into();
        tx.audit(now, &session.user, action, subject, &detail)?;
        Ok(new)
    })?;
    shared.bus.tell(ChangeKind::Jobs);
    session.engine.drain()?;
    let studies = shared.catalog.read().studies_of_subject(&new)?.len() as u64;
    Ok(SubjectDecided { subject: new, studies })
}
