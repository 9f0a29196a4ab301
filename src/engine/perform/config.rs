//! Changes of the configuration: each stands in the trail with what was before and after.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::intake::edit;
use crate::catalog::{About, Catalog, CatalogError, Tx};
use crate::config::{Config, effective};
use crate::engine::command::SetConfig;
use crate::engine::{EngineError, Session};
use crate::pipeline::now_ms;

pub fn set(session: &Session, command: &SetConfig) -> Result<(), EngineError> {
    edit(session, "config.set", &json!({ "key": command.key }), |edit| {
        edit.set(&command.key, &command.value);
        Ok(())
    })
}

/// Every value in force by its key.
fn values(config: &Config) -> BTreeMap<String, String> {
    effective(config, "").into_iter().map(|value| (value.key, value.value)).collect()
}

/// What differs from the configuration that was last in force. Paths may carry names: that they changed is told, not how.
fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Value> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let told = |key: &str, value: Option<&String>| match value {
        Some(_) if may_identify(key) => Some("(not told)".to_string()),
        value => value.cloned(),
    };
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| json!({ "key": key, "before": told(key, before.get(key)), "after": told(key, after.get(key)) }))
        .collect()
}

/// Whether the value of a key is where a folder lies, or what an archive is asked for: both may name people.
fn may_identify(key: &str) -> bool {
    let is_path = matches!(key.rsplit_once('.'), Some((_, "path" | "move_to")));
    is_path || key.starts_with("remote") && key.contains(".keys")
}

/// In the transaction of a change: what differs goes into its event, and is what counts from now on.
pub(super) fn note(tx: &Tx<'_>, config: &Config, detail: &mut Value) -> Result<(), CatalogError> {
    let after = values(config);
    let before = tx.about(About::Configuration)?.and_then(|json| serde_json::from_str(&json).ok());
    detail["changes"] = changes(&before.unwrap_or_default(), &after).into();
    tx.set_about(About::Configuration, &serde_json::to_string(&after)?)
}

/// At start: what somebody changed in the file itself since the workspace was last open.
pub(in crate::engine) fn follow_file(catalog: &Catalog, config: &Config) -> Result<(), CatalogError> {
    let after = values(config);
    let known = catalog.read().about(About::Configuration)?;
    let before: Option<BTreeMap<String, String>> = known.and_then(|json| serde_json::from_str(&json).ok());
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    catalog.write(|tx| {
        tx.set_about(About::Configuration, &serde_json::to_string(&after)?)?;
        // The first time there is nothing to compare with.
        if let Some(before) = &before {
            let detail = json!({ "by": "the file", "changes": changes(before, &after) });
            tx.audit(now_ms(), "gantry", "config.change", "config", &detail)?;
        }
        Ok(())
    })
}
