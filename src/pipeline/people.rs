//! Who the studies of a subject are said to be about: what contradicts, and who has the same name elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::Shared;
use crate::catalog::{CatalogError, Reader, Ruling};
use crate::landing::StudyPerson;
use crate::model::PersonConflict;
use crate::qc::Contradiction;

/// What is to be said of the subject of a study.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SubjectDoubts {
    /// Studies under the same pseudonym that cannot be of the same person.
    pub contradictions: Vec<Contradiction>,
    /// Other subjects with the same name and birth date.
    pub namesakes: Vec<String>,
    /// Studies for which the same is to be said now.
    pub concerned: BTreeSet<String>,
}

/// Compares what the headers of a study say of its subject with those of others. What a person has decided is not asked
/// again.
pub(super) fn doubts(
    shared: &Shared,
    reader: &Reader<'_>,
    study_uid: &str,
) -> Result<SubjectDoubts, CatalogError> {
    let own: Vec<StudyPerson> =
        shared.known.people(study_uid)?.into_iter().filter(|p| p.study_uid == study_uid).collect();
    let Some(first) = own.first() else { return Ok(SubjectDoubts::default()) };
    let subject = subject_of(reader, first)?;
    let mut doubts = SubjectDoubts::default();
    let mut differ: BTreeMap<String, BTreeSet<PersonConflict>> = BTreeMap::new();
    for (at, one) in own.iter().enumerate() {
        for other in own.iter().skip(at + 1) {
            note(&mut differ, &other.study_uid, one, other);
        }
    }
    if reader.ruling(study_uid, study_uid)?.is_some() {
        differ.clear();
    }
    for other in together_with(shared, reader, &subject, study_uid)? {
        if reader.ruling(study_uid, &other.study_uid)? != Some(Ruling::Same) {
            own.iter().for_each(|one| note(&mut differ, &other.study_uid, one, &other));
        }
    }
    for other in shared.known.namesakes(study_uid)? {
        let another = subject_of(reader, &other)?;
        if another != subject && reader.ruling(&subject, &another)?.is_none() {
            doubts.namesakes.push(another);
            doubts.concerned.insert(other.study_uid);
        }
    }
    doubts.namesakes.sort_unstable();
    doubts.namesakes.dedup();
    for (other, attributes) in differ {
        doubts.concerned.insert(other.clone());
        doubts
            .contradictions
            .push(Contradiction { study_uid: other, attributes: attributes.into_iter().collect() });
    }
    doubts.concerned.remove(study_uid);
    Ok(doubts)
}

fn note(
    differ: &mut BTreeMap<String, BTreeSet<PersonConflict>>,
    study_uid: &str,
    one: &StudyPerson,
    other: &StudyPerson,
) {
    let conflicts = one.person.conflicts(&other.person);
    if !conflicts.is_empty() {
        differ.entry(study_uid.to_string()).or_default().extend(conflicts);
    }
}

/// The subject of a study as the catalog has it now.
fn subject_of(reader: &Reader<'_>, person: &StudyPerson) -> Result<String, CatalogError> {
    Ok(reader.decided_subject(&person.study_uid)?.unwrap_or_else(|| person.subject.clone()))
}

/// People of the other studies of a subject, as its headers or a person say.
fn together_with(
    shared: &Shared,
    reader: &Reader<'_>,
    subject: &str,
    study_uid: &str,
) -> Result<Vec<StudyPerson>, CatalogError> {
    let mut found = Vec::new();
    for study in reader.studies_of_subject(subject)?.into_iter().filter(|study| study != study_uid) {
        found.extend(shared.known.people(&study)?.into_iter().filter(|p| p.study_uid == study));
    }
    Ok(found)
}
