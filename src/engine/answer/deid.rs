//! Under which profile instances stand.

use super::parse_filter;
use crate::catalog::Order;
use crate::engine::query::{ProfileState, ProfileStateView};
use crate::engine::{EngineError, Session};

/// Series looked up at a time.
const AT_ONCE: u32 = 500;

pub fn profile_state(session: &Session, query: &ProfileState) -> Result<ProfileStateView, EngineError> {
    let shared = &session.engine.shared;
    let (profile, _) = shared.deid.profile();
    let reader = shared.catalog.read();
    let mut under_another = 0;
    if let Some(filter) = &query.filter {
        let (filter, mut offset) = (parse_filter(filter)?, 0);
        loop {
            let (page, total) = reader.search(&filter, Order::Uid, offset, AT_ONCE)?;
            offset += page.len() as u64;
            for series in &page {
                under_another += reader.ids_under_another(Some(&profile), Some(&series.uid))?.len() as u64;
            }
            if page.is_empty() || offset >= total {
                break;
            }
        }
    } else {
        under_another = reader.count_under_another(&profile)?;
    }
    Ok(ProfileStateView { profile: profile.name, fingerprint: profile.fingerprint, under_another })
}
