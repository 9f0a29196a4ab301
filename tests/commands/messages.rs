//! What people are told in words: plain ones, with what to do next.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::files::series;
use crate::{text, write_all};

/// Exit status, stdout and stderr of a command without `--json`.
fn said(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_gantry")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn workspace(dir: &Path) -> String {
    let root = dir.join("w");
    assert_eq!(said(&["init", text(&root)]).0, 0);
    text(&root).to_string()
}

#[test]
fn numbers_that_are_none_are_refused_in_plain_words() {
    for (arguments, wanted) in [
        (&["queue", "accept", "abc"][..], "a whole number is wanted"),
        (&["queue", "accept", "99999999999999999999"], "the number is too large"),
    ] {
        let (exit, _, told) = said(arguments);
        assert_eq!(exit, 2, "{told}");
        assert!(told.contains(wanted), "{told}");
    }
}

#[test]
fn doctor_ends_as_other_commands_where_there_is_no_workspace() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let (exit, told, _) = said(&["--workspace", text(&file), "doctor"]);
    assert_eq!((exit, said(&["--workspace", text(&file), "verify"]).0), (3, 3), "{told}");
    assert!(told.contains("workspace"), "{told}");
}

#[test]
fn ingest_says_where_what_it_set_aside_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = workspace(dir.path());
    let delivery = dir.path().join("in");
    write_all(&delivery, &series(3));
    let ingest = || said(&["--workspace", &root, "ingest", text(&delivery), "--site", "A"]);
    let (_, told, _) = ingest();
    assert!(!told.contains("gantry intake list") && told.contains("0 duplicates"), "{told}");
    fs::write(delivery.join("broken.dcm"), "no image").unwrap();
    let (exit, told, _) = ingest();
    assert_eq!(exit, 0, "{told}");
    assert!(told.contains("1 rejected, 3 already here, 0 duplicates"), "{told}");
    assert!(told.contains("gantry intake list"), "{told}");
}

#[test]
fn a_dry_run_says_that_it_is_one_and_that_there_is_nothing_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let root = workspace(dir.path());
    let (exit, told, _) = said(&["--workspace", &root, "deid", "reprocess", "--dry-run"]);
    assert_eq!(exit, 0, "{told}");
    assert!(told.starts_with("dry run: nothing to do"), "{told}");
    let (_, told, _) = said(&["--workspace", &root, "deid", "reprocess"]);
    assert!(told.starts_with("nothing to do"), "{told}");
}

#[test]
fn what_the_system_refuses_is_said_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let root = workspace(dir.path());
    let missing = dir.path().join("missing.dcm");
    let (missing, folder) = (text(&missing), text(dir.path()));
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let below_a_file = format!("{}/below", text(&file));
    for arguments in [
        &["scan", missing][..],
        &["qc", missing],
        &["convert", missing, "out.nii"],
        &["view", missing],
        &["deid", missing, "out"],
        &["deid", folder, &below_a_file],
        &["measure", missing, missing],
        &["drift", "--from", missing, "--value", "v", "--time", "t"],
        &["agree", "--from", missing],
        &["man", "--to", &below_a_file],
        &["--workspace", &root, "ingest", missing],
        &["--workspace", &root, "verify", "--checkpoint", missing],
        &["--workspace", &root, "label", "import", missing],
        &["--workspace", &root, "backup", &below_a_file],
        &["--workspace", &root, "export", "--format", "nifti", "--to", &below_a_file],
        &["restore", missing, "--to", &below_a_file],
        &["init", &below_a_file],
    ] {
        let (exit, out, told) = said(arguments);
        let all = format!("{arguments:?}: {out}{told}");
        assert_ne!(exit, 0, "{all}");
        for rust in ["entity not found", "os error", "not a directory", "entity already exists", "Error {"] {
            assert!(!all.contains(rust), "{all}");
        }
    }
}
