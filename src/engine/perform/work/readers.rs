//! Readers added and changed.

use serde_json::json;

use crate::catalog::CatalogError;
use crate::engine::command::PutReader;
use crate::engine::query::ReaderView;
use crate::engine::{EngineError, Session};
use crate::pipeline::casework::{self, day_bounds_ms};
use crate::pipeline::now_ms;
use crate::workflow::{Absence, Reader as Person};

/// Characters of one field of credentials, at most.
const MOST_FIELD: usize = 500;

pub(in crate::engine::perform) fn put(
    session: &Session,
    command: &PutReader,
) -> Result<ReaderView, EngineError> {
    let invalid = |why: String| EngineError::Invalid { why };
    let away = command.away.as_ref().map(|days| absences(days)).transpose().map_err(invalid)?;
    let too_long = |(name, text): (&String, &String)| name.len() > 64 || text.len() > MOST_FIELD;
    if command.credentials.iter().any(too_long) {
        return Err(invalid(format!(
            "a credential has a name of up to 64 and a text of up to {MOST_FIELD} letters"
        )));
    }
    let now = now_ms();
    let person = session.engine.shared.catalog.write_first(|tx| {
        let known = tx.person(&command.reader)?;
        let person = match (known, command.new) {
            (Some(_), true) => {
                let why =
                    format!("there is a reader {} already; `gantry reader set` changes them", command.reader);
                return Err(CatalogError::Refused(why));
            }
            (None, false) => {
                let why = format!("there is no reader {}; `gantry reader add` adds one", command.reader);
                return Err(CatalogError::Refused(why));
            }
            (Some(known), false) => known,
            (None, true) => Person::new(&command.reader, 1),
        };
        let person = changed(person, command, away.clone());
        if let Some(why) = person.mistake() {
            return Ok(Err(why));
        }
        tx.put_person(&person)?;
        let action = match (command.new, command.active) {
            (true, _) => "reader.add",
            (false, Some(false)) => "reader.retire",
            (false, _) => "reader.set",
        };
        let detail = json!({
            "level": person.level, "user": person.user, "skills": person.skills, "sites": person.sites,
            "per_day": person.per_day, "active": person.active, "away": person.absences.len(),
            "credentials": person.credentials.keys().collect::<Vec<_>>(),
        });
        tx.audit(now, &session.user, action, &format!("reader {}", person.id), &detail)?;
        if let Some(plan) = session.engine.shared.plan().filter(|_| !person.active || person.is_away(now)) {
            casework::free_kept_tasks(tx, &plan, (&person.id, &session.user), now)?;
        }
        Ok(Ok(person))
    })?;
    let person = person.map_err(|why| EngineError::Invalid { why: why.into() })?;
    let away = person.is_away(now);
    Ok(ReaderView { away, ..person.into() })
}

fn changed(mut person: Person, command: &PutReader, away: Option<Vec<Absence>>) -> Person {
    let lower = |all: &Vec<String>| all.iter().map(|s| s.trim().to_lowercase()).collect();
    if let Some(level) = command.level {
        person.level = level;
    }
    if let Some(user) = &command.user {
        person.user = Some(user.clone()).filter(|u| !u.is_empty());
    }
    if let Some(skills) = &command.skills {
        person.skills = lower(skills);
        person.skills.retain(|s| !s.is_empty());
    }
    if let Some(sites) = &command.sites {
        person.sites.clone_from(sites);
        person.sites.retain(|s| !s.is_empty());
    }
    if let Some(per_day) = command.per_day {
        person.per_day = Some(per_day).filter(|n| *n > 0);
    }
    if let Some(active) = command.active {
        person.active = active;
    }
    if let Some(away) = away {
        person.absences = away;
    }
    for (name, text) in &command.credentials {
        if text.is_empty() {
            person.credentials.remove(name);
        } else {
            person.credentials.insert(name.clone(), text.clone());
        }
    }
    person
}

/// `2026-07-01..2026-07-14`, or one day.
fn absences(days: &[String]) -> Result<Vec<Absence>, String> {
    let one = |text: &String| {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let wrong = |_| format!("{text:?} is no day, and no two days as 2026-07-01..2026-07-14");
        let (from_ms, _) = day_bounds_ms(from.trim()).map_err(wrong)?;
        let (_, until_ms) = day_bounds_ms(to.trim()).map_err(wrong)?;
        if from_ms >= until_ms {
            return Err(format!("{text:?} ends before it begins"));
        }
        Ok(Absence { from_ms, until_ms })
    };
    days.iter().filter(|d| !d.trim().is_empty()).map(one).collect()
}
