//! Who has a token.

use crate::access::Role;
use crate::engine::query::TokenView;
use crate::engine::{EngineError, Session};

pub fn list(session: &Session) -> Result<Vec<TokenView>, EngineError> {
    let all = session.engine.shared.catalog.read().tokens()?;
    let view = |token: crate::catalog::TokenRecord| {
        Some(TokenView {
            role: Role::named(&token.role)?,
            name: token.name,
            created_ms: token.created_ms,
            by: token.created_by,
            revoked_ms: token.revoked_ms,
        })
    };
    Ok(all.into_iter().filter_map(view).collect())
}
