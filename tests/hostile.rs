//! Files that lie, explode or hide something, each alone through `scan --pixels` and `deid`, under limits of time and
//! memory. `tests/make/hostile.py` makes them, says what may become of each, and measures.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use gantry::bytes::SpillConfig;
use gantry::dicom::{File, ReadOptions, Syntax, codec, read, write};
use serde_json::Value;

#[test]
fn hostile_files_are_accounted_for_and_hide_nothing() {
    let Some(python) = common::peer("python3") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/make/hostile.py");
    let dir = tempfile::tempdir().unwrap();
    let cases = dir.path().join("cases");
    let made = Command::new(&python).arg(&script).arg("make").arg(&cases).status().unwrap();
    assert!(made.success());
    // What explodes takes minutes and more, whatever the machine; without optimisation the same work takes many times as long.
    let optimised = env!("CARGO_BIN_EXE_gantry").contains("/release/");
    let seconds = if optimised { "10" } else { "240" };
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

/// What identifies the pixels of a file.
fn fingerprint(file: &File<'_>) -> Option<String> {
    let found = codec::open(file).and_then(|reader| codec::fingerprint(&reader));
    found.ok().map(|f| f.pixels_sha256)
}

#[test]
fn what_is_taken_out_and_what_is_written_changes_no_sample() {
    let Some(shared) = common::shared() else { return };
    let root = shared.join("dicom");
    let text = std::fs::read_to_string(root.join("reference/instances.json")).unwrap();
    let references: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut stripped, mut turned, mut refused) = (0, 0, Vec::new());
    for path in references.iter().filter(|r| r["decoded"] == true).map(|r| r["path"].as_str().unwrap()) {
        let bytes = std::fs::read(root.join(path)).unwrap();
        let mut file = read(&bytes, ReadOptions::default()).unwrap();
        let before = file.clone();
        match codec::strip(&mut file, SpillConfig::default()) {
            Ok(true) => {
                stripped += 1;
                assert_eq!(fingerprint(&file), fingerprint(&before), "{path}");
                assert_eq!(codec::strip(&mut file, SpillConfig::default()), Ok(false), "{path}: twice");
            }
            Ok(false) => assert!(file == before, "{path}"),
            Err(error) => refused.push(format!("{path}: {error}")),
        }
        if file.syntax.uid == Syntax::EXPLICIT_BE {
            turned += 1;
            let written = write(&file.dataset, Syntax::EXPLICIT_LE).unwrap();
            let again = read(&written, ReadOptions::default()).unwrap();
            assert_eq!(fingerprint(&again), fingerprint(&before), "{path}");
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(stripped >= 30 && turned >= 5, "{stripped} {turned}");
}
