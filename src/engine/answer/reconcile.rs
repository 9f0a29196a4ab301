//! A sender's list against what is here.

use crate::engine::query::{Listed, Reconcile, Reconciled, Whereabouts};
use crate::engine::{EngineError, Session};
use crate::pipeline::{Landing, is_stored, on_the_landing_side};

pub fn reconcile(session: &Session, query: &Reconcile) -> Result<Vec<Reconciled>, EngineError> {
    let shared = &session.engine.shared;
    let landed = on_the_landing_side(shared);
    let mut all = Vec::with_capacity(query.listed.len());
    for listed in &query.listed {
        all.push(match listed {
            Listed::Instance(uid) => {
                // What is on its way may be stored between the two looks.
                let state = match landed.instances.get(uid) {
                    _ if is_stored(shared, uid) => Whereabouts::Stored,
                    Some(Landing::Quarantined) => Whereabouts::Quarantined,
                    Some(Landing::Arrived) => Whereabouts::Arrived,
                    Some(Landing::Rejected) | None => Whereabouts::Missing,
                };
                Reconciled { uid: uid.clone(), state, listed: None, here: None }
            }
            Listed::Study(uid, count) => {
                let stored = shared.catalog.read().count_of_study(&shared.deid.uid(uid))?;
                let waiting = landed.studies.get(uid).copied().unwrap_or(0);
                let here = stored + waiting;
                let state = match here.cmp(count) {
                    std::cmp::Ordering::Less => Whereabouts::Missing,
                    std::cmp::Ordering::Greater => Whereabouts::Surplus,
                    std::cmp::Ordering::Equal if waiting > 0 => Whereabouts::Arrived,
                    std::cmp::Ordering::Equal => Whereabouts::Stored,
                };
                Reconciled { uid: uid.clone(), state, listed: Some(*count), here: Some(here) }
            }
        });
    }
    Ok(all)
}
