//! Work that was cut off: what waits is told, and what goes on is counted as what it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gantry::config::Workspace;
use gantry::engine::Engine;
use serde_json::Value;

use crate::common::files::{Slice, series};
use crate::{gantry, text, write_all};

/// A workspace with an inbox in which two series of four slices each lie; series settle for an hour.
fn place(dir: &Path) -> (PathBuf, PathBuf) {
    let (root, delivery) = (dir.join("w"), dir.join("in"));
    let second = series(4).into_iter().map(|slice| Slice { series: 2, ..slice });
    write_all(&delivery, &series(4).into_iter().chain(second).collect::<Vec<_>>());
    let workspace = Workspace::init(&root).unwrap();
    let config = fs::read_to_string(workspace.config_file()).unwrap();
    let inbox = format!("\n[[inbox]]\nname = \"in\"\nsite = \"A\"\npath = {:?}\n", text(&delivery));
    let slow = "[ingest]\nsettle_ms = 1000\nseries_quiet_ms = 3600000";
    fs::write(workspace.config_file(), config.replace("[ingest]", slow) + &inbox).unwrap();
    (root, delivery)
}

fn run(root: &Path, arguments: &[&str]) -> (i32, Value) {
    let (exit, mut lines, _) = gantry(&[&["--workspace", text(root)], arguments].concat());
    (exit, lines.pop().unwrap_or_default())
}

fn examined(root: &Path, what: &str) -> (i32, Value) {
    let (exit, told) = run(root, &["doctor"]);
    let all = told["examined"].as_array().unwrap();
    (exit, all.iter().find(|e| e["what"] == what).cloned().unwrap_or_default())
}

#[test]
fn series_that_were_stored_and_not_checked_are_told_until_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (root, _) = place(dir.path());
    let engine = Engine::open(Workspace::open(&root).unwrap()).unwrap();
    engine.watch();
    let end = Instant::now() + Duration::from_secs(60);
    while engine.totals().unwrap().deidentified < 8 {
        assert!(Instant::now() < end, "the delivery is not taken in");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(engine);
    let (exit, told) = examined(&root, "series");
    assert_eq!((exit, &told["ok"]), (1, &Value::Bool(false)), "{told}");
    assert!(told["found"].as_str().unwrap().starts_with("2 wait"), "{told}");
    assert!(told["advice"].as_str().unwrap().contains("gantry run --once"), "{told}");
    let (exit, told) = run(&root, &["verify"]);
    assert_eq!((exit, &told["whole"], told["series_waiting"].as_u64()), (0, &Value::Bool(true), Some(2)));
    assert_eq!(run(&root, &["run", "--once"]).0, 0);
    assert_eq!(examined(&root, "series").1, Value::Null);
    assert_eq!(run(&root, &["verify"]).1["series_waiting"].as_u64(), Some(0));
}

#[test]
fn files_of_a_delivery_that_is_taken_in_again_are_no_copies_of_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (root, delivery) = place(dir.path());
    let counts = |told: &Value| {
        ["received", "deidentified", "duplicates", "already_here"].map(|key| told[key].as_u64().unwrap())
    };
    let first = fs::read_dir(&delivery).unwrap().next().unwrap().unwrap().path();
    fs::copy(first, delivery.join("zz copy.dcm")).unwrap();
    let ingest = || counts(&run(&root, &["ingest", text(&delivery), "--site", "A"]).1);
    assert_eq!(ingest(), [9, 8, 1, 0]);
    assert_eq!(ingest(), [9, 0, 9, 8]);
    // A kill may take the record of a source, not what was stored of it.
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(root.join(format!("landing/intake.sqlite{end}")));
    }
    assert_eq!(ingest(), [9, 0, 9, 8]);
    assert_eq!(ingest(), [9, 0, 9, 8]);
}

#[test]
fn a_workspace_on_a_full_disk_can_be_read_and_says_that_it_is_full() {
    // A small file system that lives as long as the shell in it.
    let script = "set -e; mount -t tmpfs -o size=12m tmpfs \"$1\"; \"$0\" init \"$1/w\" >&2; cp -r \"$2\" \"$1/in\"; \
        \"$0\" --workspace \"$1/w\" ingest \"$1/in\" --site A >&2; \
        dd if=/dev/zero of=\"$1/ballast\" bs=4k >&2 2>&1 || true; set +e; \
        \"$0\" --workspace \"$1/w\" search site:A; echo \"search $?\"; \
        \"$0\" --workspace \"$1/w\" verify; echo \"verify $?\"; \
        \"$0\" --workspace \"$1/w\" doctor; echo \"doctor $?\"; \
        \"$0\" --workspace \"$1/w\" ingest \"$1/in\" --site A 2>&1; echo \"ingest $?\"; \
        \"$0\" --workspace \"$1/w\" run --once 2>&1; echo \"run $?\"; rm \"$1/ballast\"; \
        \"$0\" --workspace \"$1/w\" ingest \"$1/in\" --site A; echo \"again $?\"";
    let dir = tempfile::tempdir().unwrap();
    let (mount, delivery) = (dir.path().join("mount"), dir.path().join("in"));
    fs::create_dir(&mount).unwrap();
    write_all(&delivery, &series(4));
    let isolated = |program: &str, arguments: &[&str]| {
        let line = ["--user", "--map-root-user", "--mount", program];
        std::process::Command::new("unshare").args(line).args(arguments).output()
    };
    let able = isolated("mount", &["-t", "tmpfs", "tmpfs", text(&mount)]);
    if !able.is_ok_and(|out| out.status.success()) {
        crate::common::pass_over("this user may not mount anything");
        return;
    }
    let program = env!("CARGO_BIN_EXE_gantry");
    let out = isolated("sh", &["-c", script, program, text(&mount), text(&delivery)]).unwrap();
    let told = String::from_utf8_lossy(&out.stdout);
    let all = format!("{told}\n{}", String::from_utf8_lossy(&out.stderr));
    for wanted in [
        "search 0",
        "verify 0",
        "everything is whole",
        "doctor 1",
        "no room on the disk",
        "ingest 6",
        "run 6",
        "again 0",
    ] {
        assert!(told.contains(wanted), "{wanted}: {all}");
    }
    assert!(told.contains("4 already here"), "{all}");
}

#[test]
fn jobs_that_failed_three_times_are_tried_again_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (root, delivery) = place(dir.path());
    run(&root, &["ingest", text(&delivery), "--site", "A"]);
    let catalog = rusqlite::Connection::open(root.join("catalog.sqlite")).unwrap();
    let parked = "INSERT INTO job (stage, object, state, attempts, reason, not_before_ms, changed_ms) \
        SELECT 'check', uid, 'parked', 3, 'the disk is full', 0, 0 FROM series LIMIT 1";
    assert_eq!(catalog.execute(parked, []).unwrap(), 1);
    drop(catalog);
    let (exit, told) = examined(&root, "jobs");
    assert_eq!(exit, 1, "{told}");
    assert!(told["found"].as_str().unwrap().starts_with("1 job failed three times"), "{told}");
    assert!(told["advice"].as_str().unwrap().contains("gantry run --once --retry"), "{told}");
    assert_eq!(run(&root, &["run", "--once"]).0, 0);
    assert_ne!(examined(&root, "jobs").1, Value::Null, "not by itself");
    assert_eq!(run(&root, &["run", "--once", "--retry"]).0, 0);
    assert_eq!(examined(&root, "jobs").1, Value::Null);
}
