//! Identities planted in every hiding place, scored action by action against an answer key by other programs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A Python that has what the scripts need.
fn python() -> Option<PathBuf> {
    let python = common::peer("python3")?;
    let has = Command::new(&python).args(["-c", "import pydicom, numpy"]).output().unwrap();
    if !has.status.success() {
        common::skip("pydicom or numpy is not installed");
        return None;
    }
    Some(python)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make").join(name)
}

fn output(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The corpus: from real files where there are any, else from synthetic ones alone.
fn corpus(python: &Path, out: &Path) -> Value {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let mut command = Command::new(python);
    command.arg(script("phi_corpus.py")).arg(out);
    if shared.is_dir() {
        command.args([shared.join("deid/ps315_e1_1.csv"), shared.join("dicom")]);
    } else {
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deid/table.txt"));
    }
    output(&mut command)
}

#[test]
fn nothing_leaks_nothing_is_lost_and_every_action_is_done() {
    let Some(python) = python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let made = corpus(&python, dir.path());
    let [input, out, map] = ["in", "out", "map"].map(|n| dir.path().join(n));
    let run = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["deid", "--map"])
        .args([&map, &input, &out])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1), "poison is refused: {}", String::from_utf8_lossy(&run.stderr));
    let [stderr, stdout] = ["stderr", "stdout"].map(|n| dir.path().join(n));
    std::fs::write(&stderr, &run.stderr).unwrap();
    std::fs::write(&stdout, &run.stdout).unwrap();
    let score = output(
        Command::new(&python)
            .arg(script("phi_score.py"))
            .args([dir.path(), &out])
            .arg("--map")
            .arg(&map)
            .arg("--also")
            .args([&stderr, &stdout, &out.join("ledger.jsonl")]),
    );
    assert!(made["files"].as_u64() > Some(100) && made["actions"].as_u64() > Some(80_000), "{made}");
    assert_eq!(score["actions"], made["actions"]);
    for kind in ["missing", "leaks", "lost"] {
        assert_eq!(score[kind], serde_json::json!([]), "{kind}");
    }
    assert!(score["score"].as_f64() >= Some(0.9999), "{} {}", score["score"], score["wrong"]);
    refused(
        &map,
        &[
            "name_in_pixels",
            "base64_in_pixels",
            "hexadecimal_in_pixels",
            "deflated_in_pixels",
            "utf16_in_pixels",
        ],
    );
}

/// What cannot be made safe was not written.
fn refused(map: &Path, poison: &[&str]) {
    let ends: BTreeMap<String, Value> = std::fs::read_to_string(map)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| (line["source"].as_str().unwrap().to_string(), line["reason"].clone()))
        .collect();
    for name in poison {
        assert_eq!(ends[&format!("poison/{name}.dcm")], "cannot_be_made_safe", "{name}");
    }
}
