//! Saved searches; harmonised attributes derived again.

use serde_json::json;

use crate::catalog::SavedSearch;
use crate::engine::answer::{Survey, load_rules, parse_filter};
use crate::engine::command::{ForgetSearch, SaveSearch};
use crate::engine::query::HarmoniseOutcome;
use crate::engine::{EngineError, Session};
use crate::harmonise::Attributes;
use crate::pipeline::now_ms;

/// Series in one transaction: it ends within 50 ms.
const AT_ONCE: u32 = 200;
/// Series that are named as examples.
const EXAMPLES: usize = 20;
/// A name is no longer than this.
const LONGEST_NAME: usize = 64;

pub fn save(session: &Session, command: &SaveSearch) -> Result<(), EngineError> {
    let invalid = |why: &str| Err(EngineError::Invalid { why: why.into() });
    let name = command.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return invalid("a search has a name of 1 to 64 characters");
    }
    parse_filter(&command.query)?;
    let now = now_ms();
    let search = SavedSearch {
        name: name.into(),
        query: command.query.clone(),
        sort: serde_json::to_string(&command.sort).unwrap_or_default(),
        owner: session.user.clone(),
        at_ms: now,
    };
    session.engine.shared.catalog.write_first(|tx| {
        tx.save_search(&search)?;
        tx.audit(now, &session.user, "search.save", name, &json!({ "query": search.query }))?;
        Ok(())
    })?;
    Ok(())
}

pub fn forget(session: &Session, command: &ForgetSearch) -> Result<(), EngineError> {
    let name = command.name.trim();
    let found = session.engine.shared.catalog.write_first(|tx| {
        let found = tx.forget_search(name)?;
        if found {
            tx.audit(now_ms(), &session.user, "search.forget", name, &json!({}))?;
        }
        Ok(found)
    })?;
    if found { Ok(()) } else { Err(EngineError::NotFound { what: "saved search".into(), id: name.into() }) }
}

/// Derives every series again by the rules on disk, which are in force from then on. A killed run leaves whole series,
/// and the next one goes on: each series keeps by which rules it was derived.
pub fn apply_rules(session: &Session) -> Result<HarmoniseOutcome, EngineError> {
    let shared = &session.engine.shared;
    let rules = load_rules(&shared.root, &shared.config().harmonise.rules)?;
    shared.set_rules(rules.clone());
    let mut survey = Survey::new(rules, EXAMPLES);
    let mut after = 0;
    loop {
        let rows = shared.catalog.read().harmonised_after(after, AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        after = last.0;
        let mut changed = Vec::new();
        for (_, uid, site, attributes, before) in rows {
            let attributes: Attributes = serde_json::from_str(&attributes).unwrap_or_default();
            let attributes = Attributes { site: Some(site), ..attributes };
            if let Some(becomes) = survey.look(&uid, &attributes, &before) {
                changed.push((uid, becomes));
            }
        }
        if !changed.is_empty() {
            // Not flushed one by one: a power cut takes what the next run derives again; the entry in the trail is.
            shared
                .catalog
                .write_derived(|tx| changed.iter().try_for_each(|(uid, h)| tx.put_harmonised(uid, h)))?;
        }
    }
    let outcome = survey.finish();
    let detail = json!({ "rules": outcome.rules, "series": outcome.series, "changed": outcome.changed });
    shared
        .catalog
        .write_first(|tx| tx.audit(now_ms(), &session.user, "harmonise.apply", "catalog", &detail))?;
    Ok(outcome)
}
