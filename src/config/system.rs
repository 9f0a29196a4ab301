//! Users and groups of the operating system: from its own databases, wherever it keeps them (files, LDAP, SSSD).

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The name of a user; `uid 1000` where it is not known, which is the name of nobody.
pub fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// Whether a user of this name is known.
pub fn is_user(name: &str) -> bool {
    User::from_name(name).is_ok_and(|user| user.is_some())
}

/// The groups that a user is in: numbers and names.
pub fn groups_of(uid: u32) -> Vec<(u32, String)> {
    let Some(user) = User::from_uid(Uid::from_raw(uid)).ok().flatten() else { return Vec::new() };
    let Ok(name) = CString::new(user.name) else { return Vec::new() };
    let groups = getgrouplist(&name, user.gid).unwrap_or_default();
    let known = groups.into_iter().filter_map(|gid| Group::from_gid(gid).ok().flatten());
    known.map(|group| (group.gid.as_raw(), group.name)).collect()
}

/// The number of a group.
pub fn group_id(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| Gid::as_raw(group.gid))
}
