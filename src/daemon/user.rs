//! Names of the operating system's users and groups: from its own databases, wherever it keeps them (files, LDAP, SSSD).

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

use crate::access::Way;
use crate::engine::Identity;

/// The name of a user; `uid 1000` where it is not known.
pub fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Who a user is that has come through the socket; `own` is the user who owns the workspace.
pub(super) fn identity(uid: u32, own: u32) -> Identity {
    if uid == own {
        return Identity::owner(&user_name(uid), Way::Socket);
    }
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let groups = user.as_ref().map(groups_of).unwrap_or_default();
    // Somebody whom the system does not know by name has no role by a name that looks like one.
    let user = user.map_or_else(|| format!("uid {uid}"), |user| user.name);
    Identity { user, uid, groups, is_owner: false, way: Way::Socket }
}

fn groups_of(user: &User) -> Vec<(u32, String)> {
    let Ok(name) = CString::new(user.name.as_str()) else { return Vec::new() };
    let groups = getgrouplist(&name, user.gid).unwrap_or_default();
    let known = groups.into_iter().filter_map(|gid| Group::from_gid(gid).ok().flatten());
    known.map(|group| (group.gid.as_raw(), group.name)).collect()
}

/// The number of a group of the operating system.
pub(super) fn group_id(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| Gid::as_raw(group.gid))
}
