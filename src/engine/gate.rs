//! The one gate: every command, query and blob comes through here. Who asks, whether they may, and, for what has an effect
//! outside the catalog, the intent before and the outcome after.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command::{Command, Effect};
use super::query::Query;
use super::{EngineError, OpenError, Session, Unwritable, answer, perform, scope};
use crate::access::{Denied, Permission, Principal, Role, Way};
use crate::catalog::{Catalog, Intent};
use crate::pipeline::{casework, now_ms};

/// Who somebody is, as the operating system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of the user.
    pub user: String,
    /// The number of the user.
    pub uid: u32,
    /// The groups that the user is in: numbers and names.
    pub groups: Vec<(u32, String)>,
    /// It is the user whose process owns the workspace.
    pub is_owner: bool,
    /// How they have come.
    pub way: Way,
}

impl Identity {
    /// The owner of the workspace.
    pub fn owner(user: &str, way: Way) -> Self {
        Self {
            user: user.into(),
            uid: rustix::process::getuid().as_raw(),
            groups: Vec::new(),
            is_owner: true,
            way,
        }
    }
}

/// The level from which on readers also review.
const REVIEWS: u8 = 2;
/// A refusal that comes again within this time is not written again: a screen that asks each second fills no trail.
const SAME_REFUSAL: Duration = Duration::from_secs(60);
/// Refusals that are remembered, at most.
const MOST_REFUSALS: usize = 1_000;

/// Refusals that were written lately, by user and what was asked for.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<(String, &'static str), Instant>>);

impl Refusals {
    /// Whether this one is to be written.
    pub(super) fn is_new(&self, user: &str, what: &'static str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REFUSALS {
            known.retain(|_, at| at.elapsed() < SAME_REFUSAL);
        }
        let before = known.insert((user.into(), what), Instant::now());
        before.is_none_or(|at| at.elapsed() >= SAME_REFUSAL)
    }
}

impl Session {
    /// Who asks, with the roles that the configuration gives them now.
    pub fn principal(&self) -> Principal {
        if self.is_owner {
            return Principal::owner(&self.account, self.way);
        }
        if let Some(role) = self.token_role {
            return Principal { user: self.account.clone(), roles: [role].into(), way: self.way };
        }
        let groups: Vec<String> = self.groups.iter().map(|(_, name)| name.clone()).collect();
        let roles = self.engine.shared.config().access.roles.of(&self.account, &groups);
        Principal { user: self.account.clone(), roles, way: self.way }
    }

    /// As whom something is asked for: the user, or the reader for whom they act, with a reader's roles.
    pub(super) fn acting(&self) -> Result<Principal, EngineError> {
        let user = self.principal();
        if self.token_role.is_some() {
            return Ok(user);
        }
        let Some(id) = &self.acts_for else { return Ok(user) };
        let reader = self.engine.shared.catalog.read().person(id)?;
        let reader = reader.ok_or_else(|| EngineError::NotFound { what: "reader".into(), id: id.clone() })?;
        if reader.user.as_ref() != Some(&self.account) {
            user.may(Permission::Coordinate)
                .map_err(|denied| EngineError::Forbidden { why: format!("acting for {id}: {denied}") })?;
        }
        let mut roles = std::collections::BTreeSet::from([Role::Reader]);
        if reader.level >= REVIEWS {
            roles.insert(Role::Reviewer);
        }
        Ok(Principal { user: self.user.clone(), roles, way: self.way })
    }

    /// Whether the user may; a refusal leaves its mark.
    pub(super) fn may(&self, permission: Permission, what: &'static str) -> Result<(), EngineError> {
        let Err(denied) = self.acting()?.may(permission) else { return Ok(()) };
        if !self.engine.is_read_only() && self.engine.refusals.is_new(&self.user, what) {
            let Denied { needs, has, .. } = &denied;
            let detail = json!({ "what": what, "needs": needs, "has": has });
            let catalog = &self.engine.shared.catalog;
            catalog
                .write_first(|tx| tx.audit(now_ms(), &self.user, "access.refused", "workspace", &detail))?;
        }
        Err(EngineError::Forbidden { why: denied.to_string() })
    }
}

/// Answers a query of somebody who may ask it.
pub(super) fn query(session: &Session, query: Query) -> Result<Value, EngineError> {
    session.may(query.permission(), query.registered().0)?;
    scope::may_ask(session, &query)?;
    keep_time(session)?;
    if session.engine.read_only.is_some_and(|readable| !readable.landing) && query.needs_landing() {
        let why = "this workspace is open for reading only, and its landing side cannot be read by this user";
        return Err(EngineError::ReadOnly { why: why.into() });
    }
    answer::answer(session, query)
}

/// Carries a command out for somebody who may.
pub(super) fn command(session: &Session, command: Command) -> Result<Value, EngineError> {
    let (name, permission, effect) = command.registered();
    session.may(permission, name)?;
    keep_time(session)?;
    if let Some(readable) = session.engine.read_only {
        let why = match command {
            _ if readable.why == Unwritable::Unsigned => {
                "trail.key is none or others can read it, and what cannot be signed is not done; chmod 600 it, or restore it \
                 from a backup"
            }
            Command::Export(_) if readable.landing => return perform::perform(session, command),
            // Whether a study must be cleaned of what another instance names stands on the landing side.
            Command::Export(_) => {
                "its landing side cannot be read by this user, so nothing is exported from it"
            }
            _ if session.engine.is_full() => return Err(EngineError::Full),
            _ => "nothing in it can be changed",
        };
        return Err(EngineError::ReadOnly { why: format!("this workspace is open for reading only: {why}") });
    }
    let task = command.task();
    let outcome = match effect {
        Effect::Inside => perform::perform(session, command),
        Effect::Outside(action) => outside(session, action, || perform::perform(session, command)),
    };
    match &outcome {
        Ok(_) => tracing::info!(user = session.user, task, "{name}"),
        Err(error) => tracing::info!(user = session.user, task, "{name} was refused: {}", error.code()),
    }
    outcome
}

/// What time brings to tasks is there before anybody looks at them.
fn keep_time(session: &Session) -> Result<(), EngineError> {
    if session.engine.is_read_only() {
        return Ok(());
    }
    Ok(casework::keep_time(&session.engine.shared)?)
}

/// The intent first, then the act, which writes its outcome; a failure is written here.
fn outside(
    session: &Session,
    action: &'static str,
    act: impl FnOnce() -> Result<Value, EngineError>,
) -> Result<Value, EngineError> {
    let catalog = &session.engine.shared.catalog;
    let entry = catalog.write_first(|tx| tx.intend(&session.user, action, now_ms()))?;
    let intent = Intent { entry, actor: session.user.clone(), action: action.into() };
    let outcome = act();
    let failed = outcome.as_ref().err().map(|error| json!({ "code": error.code() }));
    let how = failed.as_ref().map(|detail| ("failed", detail));
    // Where this is not written the next start writes it.
    let ended = catalog.write_first(|tx| tx.end_intent(&intent, how, now_ms()));
    outcome.and_then(|outcome| ended.map(|()| outcome).map_err(EngineError::from))
}

/// At start: what a kill has left without an outcome in the trail is told there.
pub(super) fn take_up_intents(catalog: &Catalog) -> Result<(), OpenError> {
    for intent in catalog.read().intents()? {
        let is_told = catalog.read().has_outcome(&intent)?;
        let detail = json!({});
        let how = (!is_told).then_some(("interrupted", &detail));
        catalog.write(|tx| tx.end_intent(&intent, how, now_ms()))?;
        if !is_told {
            tracing::warn!("{} by {} was interrupted", intent.action, intent.actor);
        }
    }
    Ok(())
}
