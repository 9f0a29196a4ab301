//! Subjects.

use crate::engine::query::SubjectView;
use crate::engine::{EngineError, Session};

pub fn subjects(session: &Session) -> Result<Vec<SubjectView>, EngineError> {
    let reader = session.engine.shared.catalog.read();
    let mut views = Vec::new();
    for found in reader.subjects()? {
        views.push(SubjectView {
            study_uids: reader.studies_of_subject(&found.subject)?,
            subject: found.subject,
            site: found.site,
            series: found.series,
            has_conflict: found.conflicts > 0,
            has_namesake: found.namesakes > 0,
        });
    }
    Ok(views)
}
