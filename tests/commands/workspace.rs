//! Workspaces as processes find them: what `run` tells, what others may read, what cannot be written, who holds a task.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use gantry::config::Workspace;
use serde_json::{Value, json};

use crate::common::files::{Slice, series};
use crate::common::peer;
use crate::{gantry, text, write_all};

struct Place {
    dir: tempfile::TempDir,
    root: PathBuf,
}

impl Place {
    /// A workspace with a configuration of its own and a delivery of two series of four slices each.
    fn new(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("w");
        let workspace = Workspace::init(&root).unwrap();
        let config = fs::read_to_string(workspace.config_file()).unwrap() + more;
        fs::write(workspace.config_file(), config.replace("[ingest]", "[ingest]\nseries_quiet_ms = 100"))
            .unwrap();
        let second = series(4).into_iter().map(|slice| Slice { series: 2, ..slice });
        write_all(&dir.path().join("in"), &series(4).into_iter().chain(second).collect::<Vec<_>>());
        Self { dir, root }
    }

    fn with_delivery(more: &str) -> Self {
        let place = Self::new(more);
        assert_eq!(place.run(&["ingest", text(&place.delivery())]).0, 0);
        place
    }

    fn delivery(&self) -> PathBuf {
        self.dir.path().join("in")
    }

    fn run(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let (exit, lines, _) = gantry(&[&["--workspace", text(&self.root)], arguments].concat());
        (exit, lines)
    }

    /// Without JSON: exit status, stdout, stderr.
    fn said(&self, arguments: &[&str]) -> (i32, String, String) {
        let out = Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(["--workspace", text(&self.root)])
            .args(arguments)
            .output()
            .unwrap();
        spoken(&out)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.root.join("logs/gantry.log")).unwrap_or_default()
    }

    fn examined(&self, what: &str) -> Value {
        let (_, lines) = self.run(&["doctor"]);
        let all = lines[0]["examined"].as_array().unwrap();
        all.iter().find(|e| e["what"] == what).cloned().unwrap_or(Value::Null)
    }

    fn task(&self, id: i64) -> Value {
        self.run(&["queue", "list", "--tab", "all"]).1[0]["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == id)
            .cloned()
            .unwrap()
    }
}

fn spoken(out: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn run_tells_what_it_does_and_the_log_keeps_it_without_names() {
    let place = Place::new("");
    let inbox = format!(
        "\n[[inbox]]\nname = \"pacs\"\npath = {:?}\nsite = \"A\"\n",
        place.delivery().to_str().unwrap()
    );
    let config = place.root.join("gantry.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + &inbox).unwrap();
    fs::write(place.delivery().join("ZQNAME.txt"), "no image").unwrap();
    let (exit, _, told) = place.said(&["run", "--once"]);
    let counted = |word: &str| -> u64 {
        let of = |line: &str| {
            line.split([':', ',']).find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        };
        told.lines().filter_map(of).sum()
    };
    assert_eq!((exit, counted(" stored"), counted(" rejected")), (0, 8, 1), "{told}");
    let log = place.log();
    for wanted in ["opened the workspace", "stored", "closed after", "user="] {
        assert!(log.contains(wanted), "{wanted} in {log}");
    }
    assert!(
        !log.contains("ZQNAME") && !log.contains('\u{1b}') && !log.to_lowercase().contains("zqpatient"),
        "{log}"
    );
    assert_eq!(place.said(&["run", "--once", "--quiet"]).2, "");
    // What people have done is in it, with who did it.
    assert_eq!(place.run(&["queue", "claim"]).0, 0);
    assert!(place.log().lines().any(|l| l.contains("ClaimNext") && l.contains("user=")), "{}", place.log());
    // A file that is full is put aside.
    fs::write(place.root.join("logs/gantry.log"), vec![b'x'; 4 << 20]).unwrap();
    place.run(&["queue", "unclaim", "1"]);
    assert!(place.root.join("logs/gantry.log.1").exists() && place.log().len() < 4 << 20);
}

#[test]
fn a_workspace_is_closed_to_others_and_an_older_one_is_closed_once() {
    let place = Place::with_delivery("");
    let root = &place.root;
    for (name, wanted) in [("store", 0o700), ("logs", 0o700), ("landing", 0o700), ("catalog.sqlite", 0o600)] {
        assert_eq!(mode(&root.join(name)), wanted, "{name}");
    }
    assert_eq!(mode(&root.join("landing/intake.sqlite")), 0o600);
    assert!(!root.join("catalog.sqlite-wal").exists(), "all of it is in the one file");
    assert_eq!(place.examined("privacy")["ok"], true);
    // As an earlier version left it.
    let before = |root: &Path| {
        let path = root.join("catalog.sqlite");
        fs::remove_file(&path).unwrap();
        let catalog = rusqlite::Connection::open(path).unwrap();
        for migration in [
            include_str!("../../src/catalog/migrations/0001_catalog.sql"),
            include_str!("../../src/catalog/migrations/0002_reads.sql"),
            include_str!("../../src/catalog/migrations/0003_search.sql"),
            include_str!("../../src/catalog/migrations/0004_known.sql"),
            include_str!("../../src/catalog/migrations/0005_leaving.sql"),
        ] {
            catalog.execute_batch(migration).unwrap();
        }
        catalog.execute_batch("PRAGMA user_version = 5").unwrap();
    };
    let open =
        |name: &str, mode: u32| fs::set_permissions(root.join(name), Permissions::from_mode(mode)).unwrap();
    before(root);
    open("store", 0o755);
    open("logs", 0o755);
    open("catalog.sqlite", 0o644);
    assert_eq!(place.run(&["stats"]).0, 0);
    assert_eq!((mode(&root.join("store")), mode(&root.join("catalog.sqlite"))), (0o700, 0o600));
    let log = place.log();
    assert!(log.contains("others could read") && log.contains("catalog.sqlite"), "{log}");
    // Whoever opens it on purpose afterwards is told, and not overruled.
    open("store", 0o755);
    let told = place.examined("privacy");
    assert!(told["ok"] == false && told["found"] == "others can read store", "{told}");
    assert_eq!(mode(&root.join("store")), 0o755);
}

/// Runs the program as a user who may not write, when the test runs as root; else as it is.
fn as_nobody(arguments: &[&str]) -> Option<(i32, String, String)> {
    let program = env!("CARGO_BIN_EXE_gantry");
    let is_root = rustix::process::getuid().is_root();
    let mut command = if is_root {
        let mut command = Command::new(peer("setpriv")?);
        // The program may lie where nobody else can go: it is copied beside the workspace.
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", arguments[0]]);
        command
    } else {
        Command::new(program)
    };
    Some(spoken(&command.args(&arguments[1..]).output().unwrap()))
}

fn chmod(root: &Path, change: &str) {
    assert!(Command::new("chmod").args(["-R", change]).arg(root).status().unwrap().success());
}

#[test]
fn a_workspace_that_cannot_be_written_is_read_and_exported_from() {
    let place = Place::with_delivery("");
    assert_eq!(place.run(&["queue", "accept", "1"]).0, 0);
    let program = place.dir.path().join("gantry");
    fs::copy(env!("CARGO_BIN_EXE_gantry"), &program).unwrap();
    let (home, out) = (place.dir.path(), place.dir.path().join("out"));
    fs::create_dir(&out).unwrap();
    if rustix::process::getuid().is_root() {
        assert!(Command::new("chown").args(["-R", "65534:65534"]).arg(home).status().unwrap().success());
    }
    chmod(&place.root, "a-w");
    let before = listing(&place.root);
    let run = |arguments: &[&str]| {
        as_nobody(&[&[text(&program), "--json", "--workspace", text(&place.root)], arguments].concat())
    };
    let Some((exit, found, err)) = run(&["search", "modality:CT"]) else { return };
    assert_eq!((exit, found.lines().count()), (0, 2), "{err}");
    let series: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    for reading in [
        vec!["show", series["series_uid"].as_str().unwrap()],
        vec!["audit", "verify"],
        vec!["queue", "list"],
        vec!["stats"],
        vec!["intake", "list"],
    ] {
        let (exit, _, err) = run(&reading).unwrap();
        assert_eq!(exit, 0, "{reading:?}: {err}");
    }
    let exported = out.join("dataset");
    let (exit, _, err) = run(&["export", "--to", text(&exported)]).unwrap();
    assert_eq!(exit, 0, "{err}");
    assert!(fs::read_dir(&exported).unwrap().count() > 0);
    for writing in [
        vec!["ingest", text(&place.delivery())],
        vec!["run", "--once"],
        vec!["queue", "claim"],
        vec!["queue", "accept", "2"],
        vec!["search", "modality:CT", "--save", "ct"],
        vec!["intake", "retry", "status:rejected,quarantined"],
    ] {
        let (exit, told, _) = run(&writing).unwrap();
        assert!(matches!(exit, 3 | 4), "{writing:?} ends with {exit}: {told}");
        let told: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("read") || message.contains("nothing matches"), "{writing:?}: {message}");
    }
    assert_eq!(listing(&place.root), before, "nothing in it has changed");
    chmod(&place.root, "u+w");
}

fn listing(root: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            found.push((entry.path(), metadata.len()));
        }
    }
    found.sort();
    found
}

#[test]
fn what_stands_in_the_log_of_the_database_alone_is_read_too() {
    let place = Place::with_delivery("");
    // As a killed process leaves it: the last transactions are in the write-ahead log, and nowhere else.
    let catalog = rusqlite::Connection::open(place.root.join("catalog.sqlite")).unwrap();
    catalog.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE series SET site = 'LATE'").unwrap();
    let copy = place.dir.path().join("copy");
    assert!(Command::new("cp").arg("-a").arg(&place.root).arg(&copy).status().unwrap().success());
    drop(catalog);
    let _ = fs::remove_file(copy.join("catalog.sqlite-shm"));
    assert!(fs::metadata(copy.join("catalog.sqlite-wal")).unwrap().len() > 0);
    let program = place.dir.path().join("gantry");
    fs::copy(env!("CARGO_BIN_EXE_gantry"), &program).unwrap();
    if rustix::process::getuid().is_root() {
        let all = Command::new("chown").args(["-R", "65534:65534"]).arg(place.dir.path()).status().unwrap();
        assert!(all.success());
    }
    chmod(&copy, "a-w");
    let found = as_nobody(&[text(&program), "--json", "--workspace", text(&copy), "search", "site:LATE"]);
    chmod(&copy, "u+w");
    let Some((exit, found, err)) = found else { return };
    assert_eq!((exit, found.lines().count()), (0, 2), "{err}");
}

/// A terminal session of its own that claims and stays open until it is dropped.
struct Terminal(std::process::Child);

impl Terminal {
    fn claim(place: &Place, arguments: &str) -> Option<Self> {
        let script = format!(
            "'{}' --workspace '{}' queue claim {arguments} >/dev/null && touch '{}/claimed'; sleep 600",
            env!("CARGO_BIN_EXE_gantry"),
            text(&place.root),
            text(place.dir.path())
        );
        let mut command = Command::new(peer("setsid")?);
        let child = command.args(["--wait", "sh", "-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        let mark = place.dir.path().join("claimed");
        let end = Instant::now() + Duration::from_secs(60);
        while !mark.exists() {
            assert!(Instant::now() < end, "the other terminal claims nothing");
            std::thread::sleep(Duration::from_millis(20));
        }
        fs::remove_file(mark).unwrap();
        Some(Self(child))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The shell that is asleep leads the session and a group of its own: it is the child of `setsid`, or takes its place.
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.0.id())).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        for child in children.chain(i32::try_from(self.0.id())) {
            if let Some(pid) = rustix::process::Pid::from_raw(child) {
                let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_terminals_of_one_user_do_not_hold_one_task_unknowingly() {
    let place = Place::with_delivery("");
    let Some(other) = Terminal::claim(&place, "1") else { return };
    let refused = |arguments: &[&str]| {
        let (exit, lines) = place.run(arguments);
        let message = lines[0]["error"]["message"].as_str().unwrap_or_default().to_string();
        assert!(exit == 4 && message.contains("another session"), "{arguments:?}: {exit} {message}");
    };
    refused(&["queue", "claim", "1"]);
    refused(&["queue", "accept", "1"]);
    let (exit, lines) = place.run(&["queue", "claim"]);
    assert_eq!((exit, &lines[0]["task"]), (0, &json!(2)), "the next one is another one");
    assert_eq!(place.run(&["queue", "claim"]).0, 1, "both are held");
    assert_eq!(place.run(&["queue", "claim", "2"]).0, 0, "it is this terminal's");
    assert_eq!(place.run(&["queue", "claim", "1", "--take"]).0, 0);
    assert_eq!(place.run(&["queue", "accept", "1"]).0, 0);
    drop(other);
    // What a terminal held that has closed is its user's again.
    assert_eq!(place.run(&["queue", "unclaim", "2"]).0, 0);
    let Some(other) = Terminal::claim(&place, "2") else { return };
    drop(other);
    assert_eq!(place.run(&["queue", "accept", "2"]).0, 0);
    assert_eq!(place.task(2)["state"], "accepted");
}

#[test]
fn processes_that_claim_at_once_get_different_tasks() {
    let place = Place::new("");
    for n in 3..=12 {
        let slices: Vec<Slice> = series(3).into_iter().map(|slice| Slice { series: n, ..slice }).collect();
        write_all(&place.delivery(), &slices);
    }
    assert_eq!(place.run(&["ingest", text(&place.delivery())]).0, 0);
    let claims: Vec<_> = (0..6)
        .map(|_| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
            command.args(["--json", "--workspace", text(&place.root), "queue", "claim"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut tasks = Vec::new();
    for claim in claims {
        let (exit, told, err) = spoken(&claim.wait_with_output().unwrap());
        // Whoever was attached when the owner ended has claimed nothing that it knows of.
        if exit == 0 {
            let told: Value = serde_json::from_str(&told).unwrap();
            tasks.push(told["task"].as_i64().unwrap());
        } else {
            assert!(exit == 6 || exit == 3, "{exit}: {err}");
        }
    }
    let (count, mut different) = (tasks.len(), tasks);
    different.sort_unstable();
    different.dedup();
    assert!(count > 0 && different.len() == count, "{count} claims, {different:?}");
}

#[test]
fn a_return_has_a_configured_reason_and_a_free_comment() {
    let reasons = Place::with_delivery("");
    let wrong = reasons.run(&["queue", "return", "1", "--reason", "Doe, Jane moved"]);
    let message = wrong.1[0]["error"]["message"].as_str().unwrap().to_string();
    assert!(wrong.0 == 2 && message.contains("wrong body part") && !message.contains("Doe"), "{message}");
    let (exit, _) =
        reasons.run(&["queue", "return", "1", "--reason", " Wrong Body Part", "--comment", "this is a neck"]);
    assert_eq!(exit, 0);
    assert_eq!(reasons.task(1)["decision"], "wrong body part: this is a neck");
}

#[test]
fn doctor_tells_of_files_that_cannot_be_read_and_of_a_clock_that_was_set_back() {
    let place = Place::with_delivery("");
    assert_eq!((&place.examined("clock")["ok"], place.examined("files")), (&json!(true), Value::Null));
    // A member that cannot be unpacked stands for what cannot be read: a test may run as root, who reads everything.
    fs::write(place.dir.path().join("broken.zip"), b"PK\x03\x04 and no more").unwrap();
    let (exit, lines) = place.run(&["ingest", text(&place.dir.path().join("broken.zip"))]);
    assert_eq!((exit, &lines[0]["rejected"]), (0, &json!(1)), "{lines:?}");
    let files = place.examined("files");
    assert!(files["ok"] == false && files["found"] == "1 file could not be read", "{files}");
    let catalog = rusqlite::Connection::open(place.root.join("catalog.sqlite")).unwrap();
    catalog
        .execute_batch(
            "UPDATE trail SET at_ms = at_ms + 7200000 WHERE sequence = (SELECT max(sequence) FROM trail)",
        )
        .unwrap();
    drop(catalog);
    let clock = place.examined("clock");
    assert!(clock["ok"] == false && clock["found"].as_str().unwrap().contains("in the future"), "{clock}");
}
