//! Who else may come in, and as what.

use serde::{Deserialize, Serialize};

use crate::access::RoleTable;

/// Access of other users than the owner. Without it only the owner gets in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// The group of the operating system whose members may attach to the socket; empty means nobody.
    pub group: String,
    /// Roles by user, and by group with an `@` before its name.
    pub roles: RoleTable,
}
