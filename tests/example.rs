//! The example of the README runs from raw scans to a dataset with its papers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn lung_nodules_from_raw_scans_to_a_dataset_and_its_papers() {
    let folder = tempfile::tempdir().unwrap();
    // The example's own program is built with the tests, beside them.
    let test = std::env::current_exe().unwrap();
    let helper = test.parent().unwrap().parent().unwrap().join("examples/lung_nodules");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lung_nodules/run.sh");
    let ran = Command::new("bash")
        .arg(script)
        .arg(folder.path())
        .arg("4")
        .env("GANTRY", env!("CARGO_BIN_EXE_gantry"))
        .env("HELPER", helper)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
    let at = |path: &str| folder.path().join(path);
    let manifest: Value = serde_json::from_slice(&fs::read(at("dataset/manifest.json")).unwrap()).unwrap();
    let files: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    for name in ["labels.csv", "provenance.json", "croissant.json", "README.md"] {
        assert!(files.contains(&name), "{name} of {files:?}");
    }
    let masks = files.iter().filter(|f| f.ends_with("_nodule.nii.gz")).count();
    assert_eq!(masks, 4, "{files:?}");
    // Who overlooks small nodules disagrees, and somebody else decides.
    assert!(told.contains("adjudicate"), "{told}");
    assert!(fs::read(at("dossier.pdf")).unwrap().starts_with(b"%PDF-"));
    let report = fs::read_to_string(at("qa.html")).unwrap();
    assert!(report.contains("finder-0.1") || report.contains("amira"), "{}", &report[..2000]);
    // What the finder marked is a read of its own, and stands nowhere as a label.
    let labels = fs::read_to_string(at("dataset/labels.csv")).unwrap();
    assert!(labels.lines().count() > 5 && !labels.contains("finder"), "{labels}");
}
