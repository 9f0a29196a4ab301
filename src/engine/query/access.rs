//! *Who am I here?*

use serde::{Deserialize, Serialize};

use crate::access::Role;

/// Who asks, as the workspace sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {}

/// A user and the roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoView {
    /// The operating system's name of the user.
    pub user: String,
    /// The groups that the user is in; not asked for of the owner.
    pub groups: Vec<String>,
    /// It is the owner of the workspace.
    pub is_owner: bool,
    /// The roles, own and through groups.
    pub roles: Vec<Role>,
}
