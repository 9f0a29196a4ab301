//! Files that lie, explode or hide something, each alone through `scan --pixels` and `deid`, under limits of time and
//! memory. `tests/make/hostile.py` makes them, says what may become of each, and measures.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn hostile_files_are_accounted_for_and_hide_nothing() {
    let Some(python) = common::peer("python3") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make/hostile.py");
    let dir = tempfile::tempdir().unwrap();
    let cases = dir.path().join("cases");
    let made = Command::new(&python).arg(&script).arg("make").arg(&cases).status().unwrap();
    assert!(made.success());
    // Without optimisation the same work takes many times as long.
    let seconds = if cfg!(debug_assertions) { "40" } else { "2" };
    let run = Command::new(&python)
        .arg(&script)
        .arg("run")
        .arg(env!("CARGO_BIN_EXE_gantry"))
        .arg(&cases)
        .env("HOSTILE_SECONDS", seconds)
        .output()
        .unwrap();
    let lines: Vec<Value> = String::from_utf8(run.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, cases) = lines.split_last().expect("the script says what it found");
    let wrong: Vec<String> = cases
        .iter()
        .filter(|c| c["wrong"].as_array().is_some_and(|w| !w.is_empty()))
        .map(|c| format!("{} {}: {}", c["folder"], c["case"], c["wrong"]))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(summary["cases"].as_u64() >= Some(200) && run.status.success(), "{summary}");
    let _ = writeln!(std::io::stderr(), "{} hostile cases, none wrong", summary["cases"]);
}
