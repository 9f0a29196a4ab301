//! What a reviewer is shown of a finding, from outside.

use std::fs;

use serde_json::Value;

use crate::common::files::series;
use crate::{gantry, text, write_all};

#[test]
fn finding_names_the_slices_beside_its_gap() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("w");
    let run = |arguments: &[&str]| -> Value {
        let (exit, mut lines, said) = gantry(&[&["--workspace", text(&root)], arguments].concat());
        assert_eq!(exit, 0, "{said}");
        lines.pop().unwrap_or_default()
    };
    gantry(&["init", text(&root)]);
    let delivery = dir.path().join("in");
    write_all(&delivery, &series(8));
    fs::remove_file(delivery.join("1-5.dcm")).unwrap();
    run(&["ingest", text(&delivery), "--site", "A"]);
    let uid = run(&["search", "site:A"])["series_uid"].as_str().unwrap().to_string();
    let told = run(&["show", &uid]);
    let findings = told["series"]["findings"].as_array().unwrap();
    let gap = findings.iter().find(|f| f["check"] == "missing_slices").unwrap();
    assert_eq!((&gap["stack"], &gap["slices"]), (&0.into(), &serde_json::json!([3, 4])), "{gap}");
}
