//! What people type: comments and reasons are cleaned before they are stored, like any free text.

use crate::engine::{EngineError, Session};

/// The name of a structure without what identifies; `None` where nothing of it can stay.
///
/// # Errors
/// What the study names cannot be read.
pub fn name(session: &Session, study_uid: Option<&str>, name: &str) -> Result<Option<String>, EngineError> {
    let shared = &session.engine.shared;
    let known = match study_uid {
        Some(uid) => shared.known.of(uid)?.identifiers,
        None => [].into(),
    };
    let cleaned = shared.deid.clean_name(name, &known);
    Ok(Some(cleaned).filter(|c| !c.is_empty()))
}

/// A reason that people give each other about a case, without what identifies; words of every day stay.
///
/// # Errors
/// Nothing of it can stay; what the study names cannot be read.
pub fn reason(session: &Session, study_uid: Option<&str>, typed: &str) -> Result<String, EngineError> {
    match name(session, study_uid, typed)? {
        Some(reason) => Ok(reason),
        None => Err(EngineError::Invalid {
            why: "nothing of the reason can be kept, since all of it may identify somebody".into(),
        }),
    }
}

/// A typed text without what could identify somebody; `study_uid` is the study it is about.
///
/// # Errors
/// Nothing of it can stay; what the study names cannot be read.
pub fn cleaned(session: &Session, study_uid: Option<&str>, typed: &str) -> Result<String, EngineError> {
    let shared = &session.engine.shared;
    let known = match study_uid {
        Some(uid) => shared.known.of(uid)?.identifiers,
        None => [].into(),
    };
    let cleaned = shared.deid.clean_words(typed, &known);
    if cleaned.is_empty() && !typed.trim().is_empty() {
        return Err(EngineError::Invalid {
            why: "nothing of the text can be kept: names, numbers, dates and words that are no terms of the trade are cut, \
                  since they may identify somebody; `deid.allow_words` takes words that may stay"
                .into(),
        });
    }
    Ok(cleaned)
}
