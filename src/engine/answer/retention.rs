//! Whose data have been kept as long as they may be.

use std::collections::BTreeMap;

use crate::config::due_ms;
use crate::engine::query::DueView;
use crate::engine::{EngineError, Session};
use crate::pipeline::now_ms;

pub fn due(session: &Session) -> Result<Vec<DueView>, EngineError> {
    let shared = &session.engine.shared;
    let (rules, now) = (shared.config().retention.clone(), now_ms());
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let mut subjects: BTreeMap<String, Vec<(String, i64)>> = BTreeMap::new();
    for (subject, site, latest) in shared.catalog.read().latest_by_site()? {
        subjects.entry(subject).or_default().push((site, latest));
    }
    let view = |(subject, sites): (String, Vec<(String, i64)>)| {
        let due_ms = due_ms(&rules, sites.iter().map(|(site, latest)| (&**site, *latest)))?;
        let latest_ms = sites.iter().map(|(_, latest)| *latest).max()?;
        let sites = sites.into_iter().map(|(site, _)| site).collect();
        (due_ms <= now).then_some(DueView { subject, sites, latest_ms, due_ms })
    };
    let mut due: Vec<DueView> = subjects.into_iter().filter_map(view).collect();
    due.sort_by(|a, b| (a.due_ms, &a.subject).cmp(&(b.due_ms, &b.subject)));
    Ok(due)
}
