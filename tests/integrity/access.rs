//! Who may do what: the whole matrix, and two other users of the operating system beside the owner.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gantry::access::{Permission, Role};
use gantry::engine::command::Command as Act;
use gantry::engine::query::Query;
use serde_json::Value;

use crate::Place;
use crate::common::{pass_over, text};

/// Every command and query with the roles that may.
#[test]
fn the_matrix_of_commands_and_roles() {
    let roles = |permission: Permission| -> String {
        Role::ALL
            .iter()
            .map(
                |role| {
                    if role.holds(permission) { format!(" {:<12}", role.as_str()) } else { " ".repeat(13) }
                },
            )
            .collect()
    };
    let line = |name: &str, permission| format!("{name:<20}{}", roles(permission)).trim_end().to_string();
    let commands = Act::REGISTRY.iter().map(|(name, permission, _)| line(name, *permission));
    let queries = Query::REGISTRY.iter().map(|(name, permission)| line(name, *permission));
    let table = ["commands".to_string()]
        .into_iter()
        .chain(commands)
        .chain(["queries".to_string()])
        .chain(queries)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/permissions.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &table).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), table);
}

/// A user of the operating system that goes when this is dropped.
struct OtherUser(String);

impl OtherUser {
    fn new(name: &str, group: &str) -> Option<Self> {
        let name = format!("{name}{}", std::process::id() % 10_000);
        let made = Command::new("useradd").args(["-M", "-G", group, &name]).status();
        made.is_ok_and(|status| status.success()).then_some(Self(name))
    }

    /// Runs gantry as this user; exit status and the last line of its JSON.
    fn gantry(&self, workspace: &Path, arguments: &[&str]) -> (i32, Value) {
        let ran = Command::new("setpriv")
            .args(["--reuid", &self.0, "--regid", &self.0, "--init-groups"])
            .arg(binary(workspace))
            .args(["--json", "--workspace", text(workspace)])
            .args(arguments)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stdout).lines().last().map(str::to_string);
        let told = told.or_else(|| String::from_utf8_lossy(&ran.stderr).lines().last().map(str::to_string));
        let json = told.and_then(|line| serde_json::from_str(&line).ok()).unwrap_or(Value::Null);
        (ran.status.code().unwrap_or(-1), json)
    }
}

impl Drop for OtherUser {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(&self.0).stderr(Stdio::null()).status();
    }
}

struct Group(String);

impl Group {
    fn new() -> Option<Self> {
        let name = format!("gantry{}", std::process::id() % 10_000);
        Command::new("groupadd").arg(&name).status().is_ok_and(|s| s.success()).then_some(Self(name))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("groupdel").arg(&self.0).stderr(Stdio::null()).status();
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where others can run it: beside the workspace.
fn binary(workspace: &Path) -> std::path::PathBuf {
    workspace.with_file_name("gantry")
}

/// And nothing that only the owner may.
fn a_coordinator_takes_in_what_she_may_read(place: &Place, reviewer: &OtherUser, viewer: &OtherUser) {
    let workspace = place.workspace();
    place.run(
        &[
            "config",
            "set",
            "access.roles",
            &format!("{{ {} = [\"reviewer\"], {} = [\"coordinator\"] }}", reviewer.0, viewer.0),
        ],
        0,
    );
    let secret = place.at("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("late.dcm"), crate::file(&crate::series(5).pop().unwrap())).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).unwrap();
    let ingest = ["ingest", text(&secret), "--site", "A"];
    assert_eq!(viewer.gantry(&workspace, &ingest).0, 5);
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(secret.join("late.dcm"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(viewer.gantry(&workspace, &ingest).1["received"].as_u64(), Some(0));
    fs::set_permissions(secret.join("late.dcm"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(viewer.gantry(&workspace, &ingest).1["deidentified"].as_u64(), Some(1));
    let elsewhere = place.at("elsewhere");
    let outside = ["export", "--format", "nifti", "--query", "modality:CT", "--to", text(&elsewhere)];
    assert_eq!(viewer.gantry(&workspace, &outside).0, 5);
}

#[test]
fn two_other_users_see_and_do_what_their_roles_say() {
    if !rustix::process::getuid().is_root() {
        return pass_over("users can be made by root alone");
    }
    let place = Place::with(2);
    let Some(group) = Group::new() else { return pass_over("no group can be made here") };
    let made = (
        OtherUser::new("gtrev", &group.0),
        OtherUser::new("gtview", &group.0),
        OtherUser::new("gtnone", &group.0),
    );
    let (Some(reviewer), Some(viewer), Some(nobody)) = made else {
        return pass_over("no user can be made here");
    };
    let workspace = place.workspace();
    fs::copy(env!("CARGO_BIN_EXE_gantry"), binary(&workspace)).unwrap();
    for path in [place.dir.path(), &workspace, &binary(&workspace)] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Without [access] nobody but the owner gets in.
    let run = || {
        let _ = fs::remove_file(workspace.join("gantry.sock"));
        let child = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--workspace", text(&workspace), "run"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if workspace.join("gantry.sock").exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Running(child)
    };
    let owner = run();
    let (exit, told) = viewer.gantry(&workspace, &["search", ""]);
    assert_eq!(exit, 5, "{told}");
    drop(owner);
    place.run(&["config", "set", "access.group", &group.0], 0);
    let roles = format!("{{ {} = [\"reviewer\"], {} = [\"viewer\"] }}", reviewer.0, viewer.0);
    place.run(&["config", "set", "access.roles", &roles], 0);
    // The owner has to be able to give the socket to the group; root may.
    let _owner = run();
    let mode = fs::metadata(workspace.join("gantry.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let who = reviewer.gantry(&workspace, &["access"]);
    assert_eq!((who.0, who.1["roles"][0].as_str()), (0, Some("reviewer")), "{}", who.1);
    assert_eq!(who.1["user"].as_str(), Some(&*reviewer.0));
    // Both see; one decides, the other is told what is missing.
    for user in [&reviewer, &viewer] {
        assert_eq!(user.gantry(&workspace, &["search", "modality:CT"]).0, 0);
    }
    let task = place.run(&["queue", "list"], 0)["rows"][0]["id"].as_i64().unwrap().to_string();
    let (exit, told) = viewer.gantry(&workspace, &["queue", "claim", &task]);
    assert_eq!(exit, 5, "{told}");
    let why = told["error"]["message"].as_str().unwrap();
    assert!(why.contains("reviewer") && why.contains("viewer"), "{why}");
    assert_eq!(reviewer.gantry(&workspace, &["queue", "claim", &task]).0, 0);
    assert_eq!(reviewer.gantry(&workspace, &["queue", "accept", &task]).0, 0);
    // What identifies, what changes and what is outside is for neither.
    for arguments in [
        &["config", "set", "review.share", "0.5"][..],
        &["intake", "show", "1", "--reveal"],
        &["backup", "/tmp/nowhere"],
        &["ingest", text(&place.sources()), "--site", "A"],
        &["audit", "export"],
        &["vault", "open", "--key", "/dev/null", "--reason", "x"],
    ] {
        for user in [&reviewer, &viewer] {
            let (exit, told) = user.gantry(&workspace, arguments);
            assert!(exit == 5 || arguments[0] == "vault" && exit != 0, "{arguments:?}: {exit} {told}");
        }
    }
    a_coordinator_takes_in_what_she_may_read(&place, &reviewer, &viewer);
    // Somebody in the group without a role is nobody here.
    assert_eq!(nobody.gantry(&workspace, &["search", ""]).0, 5);
    // The decision is the reviewer's, and refusals stand in the trail with who was refused.
    let trail = place.run(&["audit", "show", "--limit", "200"], 0).to_string();
    for (user, action) in
        [(&reviewer, "review.accept"), (&viewer, "access.refused"), (&nobody, "access.refused")]
    {
        let of = |row: &Value| row["actor"] == *user.0 && row["action"] == action;
        let rows: Value = serde_json::from_str(&trail).unwrap();
        assert!(rows["rows"].as_array().unwrap().iter().any(of), "{action} by {}", user.0);
    }
    // A role that is taken away is gone at once; a picture comes through the socket byte by byte as it is stored.
    place.run(&["config", "set", "access.roles", &format!("{{ {} = [\"viewer\"] }}", viewer.0)], 0);
    assert_eq!(reviewer.gantry(&workspace, &["search", ""]).0, 5);
}

#[test]
fn names_that_nobody_bears_and_roles_that_are_none_are_refused() {
    let place = Place::with(1);
    for (key, value, word) in [
        ("access.group", "no-such-group-here", "no group"),
        ("access.roles", "{ root = [\"boss\"] }", "boss"),
        ("access.roles", "{ no-such-user-here = [\"viewer\"] }", "no-such-user-here"),
        ("access.roles", "{ \"@no-such-group-here\" = [\"viewer\"] }", "no-such-group-here"),
    ] {
        let workspace = place.workspace();
        let (exit, told, _) = crate::gantry(&["--workspace", text(&workspace), "config", "set", key, value]);
        let told = told[0]["error"]["message"].as_str().unwrap_or_default().to_string();
        assert!(matches!(exit, 2 | 3) && told.contains(word), "{key} = {value}: {exit} {told}");
    }
    place.run(&["config", "set", "access.roles", "{ root = [\"viewer\"] }"], 0);
    // The owner stays what the owner is.
    assert_eq!(place.run(&["access"], 0)["roles"][0].as_str(), Some("admin"));
}
