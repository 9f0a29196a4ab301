//! Tokens, and what comes by them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{labels, work};
use crate::access::Role;
use crate::catalog::{Filter, WhichTasks};
use crate::engine::command::{
    ImportReads, LabelStored, MakeToken, RevokeTokens, StoreImage, StoreLabel, SubmitTask, TokenMade,
};
use crate::engine::token_session::token_hash;
use crate::engine::{EngineError, Session};
use crate::model::Vetting;
use crate::pipeline::{Refusal, Tally, now_ms};
use crate::source::{DiscoveredBy, Found};
use crate::workflow::Step;

/// Random bytes of a token.
const BYTES: usize = 32;
/// A name is not longer.
const LONGEST_NAME: usize = 64;
/// Tasks that somebody holds at a time, at most.
const MOST_HELD: u32 = 1_000;

pub fn make(session: &Session, command: &MakeToken) -> Result<TokenMade, EngineError> {
    let name = command.name.trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        let why = "a name has letters, digits, - _ . and @; 64 at most";
        return Err(EngineError::Invalid { why: why.into() });
    }
    let shared = &session.engine.shared;
    if command.role == Role::Reader && shared.catalog.read().person(name)?.is_none() {
        let id = format!("{name}; `gantry reader` adds one, and --role gives another role");
        return Err(EngineError::NotFound { what: "reader".into(), id });
    }
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| EngineError::Storage { why: format!("no random bytes: {error}") })?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let detail = json!({ "name": name, "role": command.role });
    shared.catalog.write_first(|tx| {
        let now = now_ms();
        tx.put_token((name, command.role.as_str()), &token_hash(&token), (now, &session.user))?;
        tx.audit(now, &session.user, "token.make", &format!("token {name}"), &detail)
    })?;
    Ok(TokenMade { name: name.into(), role: command.role, token })
}

pub fn revoke(session: &Session, command: &RevokeTokens) -> Result<u64, EngineError> {
    let missing = || EngineError::NotFound { what: "token of".into(), id: command.name.clone() };
    let revoked = session.engine.shared.catalog.write_first(|tx| {
        let now = now_ms();
        let revoked = tx.revoke_tokens(&command.name, now)?;
        if revoked > 0 {
            let object = format!("token {}", command.name);
            tx.audit(now, &session.user, "token.revoke", &object, &json!({ "tokens": revoked }))?;
        }
        Ok(revoked)
    })?;
    if revoked > 0 { Ok(revoked) } else { Err(missing()) }
}

pub fn store_label(session: &Session, command: &StoreLabel) -> Result<LabelStored, EngineError> {
    let path = landed(session, &command.file)?;
    let text = path.to_string_lossy().into_owned();
    let person = session.person()?;
    // The file lies on the landing side, where it was put for them.
    let own = Session { is_owner: true, ..session.clone() };
    let reader = person.as_ref().map_or_else(|| session.account.clone(), |p| p.id.clone());
    let import = ImportReads { paths: vec![text.clone()], reader: Some(reader), ..ImportReads::default() };
    let tried = labels::import(&own, &ImportReads { dry_run: true, ..import.clone() })?;
    let file = tried.files.first();
    let label = file.and_then(|file| file.label.as_ref());
    let Some(series_uid) = label.and_then(|label| label.series_uid.clone()) else {
        let why = file.and_then(|f| f.refused.clone()).unwrap_or_else(|| "its series is not here".into());
        return Err(EngineError::Invalid { why });
    };
    if let Some(person) = person {
        if let Some(task) = held(session, &person.id, &series_uid)? {
            let submit = SubmitTask { task, paths: vec![text], ..SubmitTask::default() };
            work::submit(&own, &submit)?;
            return Ok(LabelStored { series_uid, task: Some(task) });
        }
        if session.token_role == Some(Role::Reader) {
            let why = "you hold no task on this series".into();
            return Err(EngineError::Forbidden { why });
        }
    }
    if let Some(why) = file.and_then(|f| f.refused.clone()) {
        return Err(EngineError::Invalid { why });
    }
    labels::import(&own, &import)?;
    Ok(LabelStored { series_uid, task: None })
}

pub fn store_image(session: &Session, command: &StoreImage) -> Result<(), EngineError> {
    let shared = &session.engine.shared;
    let path = landed(session, &command.file)?;
    let length = path.metadata().map_or(0, |found| found.len());
    let (inbox, site) = ("web".to_owned(), shared.config().ingest.default_site.clone());
    let found = Found {
        inbox,
        path: path.clone(),
        bytes: length,
        mtime_ns: 0,
        site,
        vetting: Vetting::None,
        by: DiscoveredBy::Person,
    };
    let tally = Arc::new(Tally::default());
    let is_taken = session.engine.with_intake(|intake| intake.hand_in(found, &tally));
    is_taken.filter(|taken| *taken).ok_or(EngineError::Gone)?;
    while tally.open() > 0 {
        tally.wait(Duration::from_millis(200));
    }
    let counts = tally.counts();
    match &counts.failure {
        Some(Refusal::Full) => return Err(EngineError::Full),
        Some(why) => return Err(EngineError::Storage { why: why.to_string() }),
        None => {}
    }
    let detail = json!({ "deidentified": counts.deidentified, "quarantined": counts.quarantined, "rejected": counts.rejected });
    shared.catalog.write_first(|tx| tx.audit(now_ms(), &session.user, "intake.stow", "intake", &detail))?;
    if counts.rejected > 0 {
        let row = shared.map.row("web", &path.to_string_lossy())?;
        let why = row.map_or_else(|| "it cannot be processed".into(), |row| row.file.reason);
        return Err(EngineError::Invalid { why });
    }
    Ok(())
}

/// A file of those that were put on the landing side for this; its name is no path.
fn landed(session: &Session, name: &str) -> Result<PathBuf, EngineError> {
    let is_name = Path::new(name).file_name().is_some_and(|last| last == name);
    let path = session.engine.shared.received.with_file_name("stowed").join(name);
    if is_name && path.is_file() {
        return Ok(path);
    }
    Err(EngineError::NotFound { what: "file".into(), id: name.chars().take(64).collect() })
}

/// The reading task on a series that somebody holds.
fn held(session: &Session, reader: &str, series_uid: &str) -> Result<Option<i64>, EngineError> {
    let which = WhichTasks {
        step: Some(Step::Read),
        state: Some("claimed".into()),
        reader: Some(reader.into()),
        ..WhichTasks::default()
    };
    let reader = session.engine.shared.catalog.read();
    let (tasks, _) = reader.case_tasks(&which, &Filter::default(), 0, MOST_HELD)?;
    Ok(tasks.into_iter().find(|task| task.series_uid == series_uid).map(|task| task.task.id))
}
