//! `gantry access`: who one is in a workspace, and who may do what.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::connect::connect;
use super::{Exit, Failure, Global, Output};
use crate::access::{Permission, Role};
use crate::engine::query::{WhoAmI, WhoView};

/// Arguments of `gantry access`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gantry access\n  gantry access --json\n\nThe owner of a workspace is its admin. Others get in where gantry.toml says so, and are who the operating system says they are:\n  [access]\n  group = \"radiology\"            # whose members may attach to the socket; the owner must be one\n  roles = { alice = [\"reviewer\"], \"@radiology\" = [\"viewer\"] }\n\nThey attach while the owner runs the workspace (`gantry run`, or the console), with --workspace and the same version. What somebody may not do is refused with the role that is missing (exit 5), and stands in the trail.\n\nExit codes: 0 done; 3 workspace; 5 the workspace is not open to you"
)]
pub struct AccessArgs {}

#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    who: WhoView,
    /// Every role with what it may.
    table: BTreeMap<Role, Vec<Permission>>,
}

/// Says who one is, and what each role may.
///
/// # Errors
/// There is no workspace, or it is not open to this user.
pub fn run(_: &AccessArgs, global: &Global, out: &Output) -> Result<Exit, Failure> {
    let connection = connect(global)?;
    let who = connection.client.ask(WhoAmI {})?;
    let of = |role: Role| {
        (role, Permission::ALL.into_iter().filter(|permission| role.holds(*permission)).collect())
    };
    let report = Report { who, table: Role::ALL.into_iter().map(of).collect() };
    out.result(&report, text);
    Ok(Exit::Done)
}

fn text(report: &Report) -> String {
    let who = &report.who;
    let names = |all: &[String]| if all.is_empty() { "none".into() } else { all.join(", ") };
    let roles: Vec<String> = who.roles.iter().map(ToString::to_string).collect();
    let owner = if who.is_owner { ", the owner" } else { "" };
    let mut text = format!("{}{owner}: {}; groups: {}\n\n", who.user, names(&roles), names(&who.groups));
    for (role, permissions) in &report.table {
        let words: Vec<String> = permissions
            .iter()
            .map(|p| {
                serde_json::to_value(p).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
            })
            .collect();
        text += &format!("{:<12} {}\n", role.as_str(), words.join(" "));
    }
    text
}
