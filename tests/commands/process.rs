//! The contract of the commands: exit status, JSON, nothing half-written.

use std::fs;

use crate::common::files::{Slice, series};
use crate::{gantry, text, write_all};

#[test]
fn scan_tells_of_every_file_and_refuses_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_all(&dir.path().join("a/deep"), &series(4));
    fs::write(dir.path().join("a/readme.txt"), "no image").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path().join("a/link")).unwrap();
    let (exit, lines, err) = gantry(&["scan", text(&dir.path().join("a")), "--pixels"]);
    assert_eq!((exit, err.as_str()), (0, ""));
    let line = &lines[0];
    assert_eq!((line["instances"].as_u64(), line["modality"].as_str()), (Some(4), Some("CT")));
    assert_eq!(line["spacing_mm"], serde_json::json!([1.0, 1.0, 2.0]));
    assert_eq!(line["affine"][2], serde_json::json!([0.0, 0.0, 2.0, 0.0]));
    assert_eq!(line["findings"], serde_json::json!([]));
    let summary = &lines.last().unwrap()["summary"];
    let counts = ["files", "dicom", "not_dicom", "rejected", "series"].map(|k| summary[k].as_u64().unwrap());
    assert_eq!(counts, [5, 4, 1, 0, 1]);
    let pixels: Vec<_> = lines.iter().filter_map(|l| l["instance"]["sum"].as_f64()).collect();
    let expected = |i: f64| 3.0 * 255.0 * 256.0 / 2.0 + 256.0 * i;
    assert_eq!(pixels, [expected(0.0), expected(1.0), expected(2.0), expected(3.0)]);
    let (exit, lines, err) = gantry(&["scan", text(&dir.path().join("absent"))]);
    assert_eq!((exit, lines[0]["error"]["code"].as_str()), (4, Some("input")));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert_eq!(gantry(&["scan"]).0, 2);
}

#[test]
fn a_hole_is_told_by_scan_and_qc_and_forbids_convert() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("in");
    let mut slices = series(6);
    slices.remove(3);
    write_all(&folder, &slices);
    let (exit, lines, _) = gantry(&["scan", text(&folder), "--strict"]);
    assert_eq!(exit, 1);
    let gap = &lines[0]["gaps"][0];
    assert_eq!((gap["step_mm"].as_f64(), gap["expected_mm"].as_f64()), (Some(4.0), Some(2.0)));
    let (exit, lines, _) = gantry(&["qc", text(&folder)]);
    assert!(exit == 1 && lines.iter().any(|l| l["check"] == "missing_slices"), "{lines:?}");
    let out = dir.path().join("out.nii.gz");
    let (exit, lines, _) = gantry(&["convert", text(&folder), text(&out)]);
    assert!(
        exit == 4 && lines[0]["error"]["message"].as_str().unwrap().contains("missing_slices"),
        "{lines:?}"
    );
    assert!(!out.exists());
    let (exit, lines, _) =
        gantry(&["convert", text(&folder), &format!("{}/all/", text(dir.path())), "--strict"]);
    assert_eq!((exit, lines[0]["skipped"][0]["check"].as_str()), (1, Some("missing_slices")));
}

#[test]
fn convert_asks_which_series_and_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("in");
    let mut slices = series(3);
    slices.extend(series(3).into_iter().map(|s| Slice { series: 2, ..s }));
    write_all(&folder, &slices);
    let out = dir.path().join("out.nii");
    let (exit, lines, _) = gantry(&["convert", text(&folder), text(&out)]);
    let message = lines[0]["error"]["message"].as_str().unwrap();
    assert!(exit == 4 && message.contains("2.25.77.1") && message.contains("2.25.77.2"), "{message}");
    let (exit, lines, _) = gantry(&["convert", text(&folder), text(&out), "--series", "2.25.77.2"]);
    let volume = &lines[0]["volumes"][0];
    assert_eq!((exit, volume["shape"].clone()), (0, serde_json::json!([16, 16, 3])));
    assert_eq!((volume["min"].as_f64(), volume["max"].as_f64()), (Some(0.0), Some(767.0)));
    // Header, then 16-bit values as they are.
    let bytes = fs::read(&out).unwrap();
    assert_eq!(bytes.len(), 352 + 16 * 16 * 3 * 2);
    assert_eq!(bytes[352..358], [0, 0, 3, 0, 6, 0]);
    let (exit, lines, _) = gantry(&["convert", text(&folder), text(&dir.path().join("out.docx"))]);
    assert_eq!((exit, lines[0]["error"]["code"].as_str()), (2, Some("usage")));
}

#[test]
fn what_a_file_says_moves_no_terminal() {
    use gantry::dicom::{Syntax, write};
    use gantry::model::{Tag, Vr};
    let dir = tempfile::tempdir().unwrap();
    let mut set = crate::common::files::data_set(&Slice::default());
    set.put_str(Tag(0x0008_103E), Vr::LO, "\x1b[2Jowned\nroot ok\u{7}");
    fs::write(dir.path().join("evil\x1b[31m\nname.dcm"), write(&set, Syntax::EXPLICIT_LE).unwrap()).unwrap();
    for arguments in [&["scan"][..], &["scan", "--pixels"], &["qc"]] {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args(arguments)
            .arg(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8([out.stdout, out.stderr].concat()).unwrap();
        assert!(said.chars().all(|c| !c.is_control() || c == '\n'), "{said:?}");
        assert!(!said.lines().any(|l| l.starts_with("root ok") || l.starts_with("name.dcm")), "{said:?}");
    }
}
