//! *Who has a token?*

use serde::{Deserialize, Serialize};

use crate::access::Role;

/// Tokens by which people come over the web, without what they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenView {
    /// Whose it is.
    pub name: String,
    /// As what they come.
    pub role: Role,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// By whom.
    pub by: String,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}
