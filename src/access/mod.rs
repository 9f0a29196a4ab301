//! Who may do what: roles, the permissions that they hold, and the one question whether somebody may. Pure; who somebody
//! is, is found out by the operating system, and asked for in one place (`engine::gate`).
//!
//! ```
//! use gantry::access::{Permission, Principal, Role, Way};
//! let amira = Principal { user: "amira".into(), roles: [Role::Reviewer].into(), way: Way::Socket };
//! assert!(amira.may(Permission::Review).is_ok());
//! assert_eq!(
//!     amira.may(Permission::Configure).unwrap_err().to_string(),
//!     "this needs the role admin (amira has: reviewer)"
//! );
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// What somebody is in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what is de-identified.
    Viewer,
    /// Reads: sees images, and not what other readers said of them.
    Reader,
    /// Decides on series.
    Reviewer,
    /// Takes data in, triages quarantine, sees what identifies.
    Coordinator,
    /// Sees the trail and what it vouches for; changes nothing.
    Auditor,
    /// Does everything; the owner of a workspace always is one.
    Admin,
}

/// What a command, a query or a blob needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// To know that the workspace is there, and who one is in it.
    Attend,
    /// Series, pictures, findings, queues: de-identified, and nothing that readers said.
    SeeImages,
    /// What readers said, agreement, drift.
    SeeReads,
    /// The whole trail, ledger lines, verification.
    SeeTrail,
    /// What identifies: quarantined pictures and values, source paths, the vault.
    SeePhi,
    /// Claims and decisions.
    Review,
    /// Tasks of the plan: taken, read, given back, submitted.
    Read,
    /// The plan, readers, who gets which task; acting for a reader.
    Coordinate,
    /// Searches kept under a name.
    KeepSearches,
    /// Files in, retried, released, masked, discarded; parked jobs; other profiles; who is whom.
    Triage,
    /// Tables of reads, in and taken back.
    ImportReads,
    /// Datasets out.
    Export,
    /// Configuration, inboxes, rules, backups, repair, the vault's key.
    Configure,
}

/// How somebody has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// In the process that owns the workspace.
    Process,
    /// Through the workspace's socket.
    Socket,
    /// Over the web, by a token.
    Web,
}

/// Somebody, as far as permissions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The operating system's name of the user.
    pub user: String,
    /// The roles, own and through groups.
    pub roles: BTreeSet<Role>,
    /// How they have come.
    pub way: Way,
}

/// Somebody may not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this needs the role {} ({user} has: {})", list(.needs.iter()), roles(.has))]
pub struct Denied {
    /// The roles of which one is needed.
    pub needs: Vec<Role>,
    /// Who.
    pub user: String,
    /// The roles that they have.
    pub has: BTreeSet<Role>,
}

/// Roles by user, and by group with an `@` before its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleTable(pub BTreeMap<String, BTreeSet<Role>>);

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Viewer, Self::Reader, Self::Reviewer, Self::Coordinator, Self::Auditor, Self::Admin];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reader => "reader",
            Self::Reviewer => "reviewer",
            Self::Coordinator => "coordinator",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether the role holds a permission.
    pub const fn holds(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Viewer => matches!(permission, P::Attend | P::SeeImages | P::SeeReads),
            Self::Reader => matches!(permission, P::Attend | P::SeeImages | P::Read),
            Self::Reviewer => matches!(
                permission,
                P::Attend | P::SeeImages | P::SeeReads | P::Review | P::Read | P::KeepSearches
            ),
            Self::Coordinator => matches!(
                permission,
                P::Attend
                    | P::SeeImages
                    | P::SeeReads
                    | P::SeeTrail
                    | P::SeePhi
                    | P::KeepSearches
                    | P::Read
                    | P::Coordinate
                    | P::Triage
                    | P::ImportReads
                    | P::Export
            ),
            Self::Auditor => matches!(permission, P::Attend | P::SeeImages | P::SeeReads | P::SeeTrail),
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 13] = [
        Self::Attend,
        Self::SeeImages,
        Self::SeeReads,
        Self::SeeTrail,
        Self::SeePhi,
        Self::Review,
        Self::Read,
        Self::Coordinate,
        Self::KeepSearches,
        Self::Triage,
        Self::ImportReads,
        Self::Export,
        Self::Configure,
    ];

    /// The roles that hold it, the least first.
    pub fn roles(self) -> Vec<Role> {
        let mut roles: Vec<Role> = Role::ALL.into_iter().filter(|role| role.holds(self)).collect();
        // Who may do everything is named only where nobody else may.
        if roles.len() > 1 {
            roles.retain(|role| *role != Role::Admin);
        }
        roles
    }
}

impl Principal {
    /// The owner of a workspace, in the process that has it open.
    pub fn owner(user: &str, way: Way) -> Self {
        Self { user: user.into(), roles: [Role::Admin].into(), way }
    }

    /// Whether they may.
    ///
    /// # Errors
    /// [`Denied`] names the role that is missing.
    pub fn may(&self, permission: Permission) -> Result<(), Denied> {
        if self.roles.iter().any(|role| role.holds(permission)) {
            return Ok(());
        }
        Err(Denied { needs: permission.roles(), user: self.user.clone(), has: self.roles.clone() })
    }
}

impl RoleTable {
    /// The roles of a user who is in these groups.
    pub fn of(&self, user: &str, groups: &[String]) -> BTreeSet<Role> {
        let own = self.0.get(user).into_iter().flatten();
        let through = groups.iter().filter_map(|group| self.0.get(&format!("@{group}"))).flatten();
        own.chain(through).copied().collect()
    }
}

fn list<'a>(all: impl Iterator<Item = &'a Role>) -> String {
    all.map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
}

fn roles(has: &BTreeSet<Role>) -> String {
    if has.is_empty() {
        return "none".into();
    }
    has.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_everything_and_nobody_without_a_role_anything() {
        let nobody = Principal { user: "eve".into(), roles: BTreeSet::new(), way: Way::Socket };
        let owner = Principal::owner("amira", Way::Process);
        for permission in Permission::ALL {
            assert!(owner.may(permission).is_ok());
            let denied = nobody.may(permission).unwrap_err();
            assert!(!denied.needs.is_empty() && denied.to_string().ends_with("(eve has: none)"), "{denied}");
        }
    }

    #[test]
    fn what_identifies_and_what_changes_is_for_those_who_need_it() {
        let who =
            |permission| Role::ALL.into_iter().filter(|role| role.holds(permission)).collect::<Vec<_>>();
        assert_eq!(who(Permission::SeePhi), [Role::Coordinator, Role::Admin]);
        assert_eq!(who(Permission::Review), [Role::Reviewer, Role::Admin]);
        assert_eq!(who(Permission::Configure), [Role::Admin]);
        let changes = |role: Role| {
            use Permission as P;
            [P::Review, P::KeepSearches, P::Triage, P::ImportReads, P::Coordinate, P::Configure]
                .iter()
                .any(|p| role.holds(*p))
        };
        assert!(!changes(Role::Auditor) && !changes(Role::Viewer) && !changes(Role::Reader));
        assert!(!Role::Reader.holds(Permission::SeeReads), "a reader is blind to the others");
    }

    #[test]
    fn roles_come_by_name_and_by_group() {
        let table: RoleTable =
            serde_json::from_str(r#"{"alice": ["reviewer"], "@radiology": ["reader", "viewer"]}"#).unwrap();
        let of = |user: &str, groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
            table.of(user, &groups).into_iter().map(Role::as_str).collect::<Vec<_>>()
        };
        assert_eq!(of("alice", &["radiology"]), ["viewer", "reader", "reviewer"]);
        assert_eq!(of("bob", &["radiology"]), ["viewer", "reader"]);
        // A user who is called like a group is not in it.
        assert!(of("@radiology", &[]).len() == 2 && of("radiology", &[]).is_empty());
        assert!(serde_json::from_str::<RoleTable>(r#"{"alice": ["boss"]}"#).is_err());
    }
}
