//! Reading and writing files, against what pydicom found in the development data.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use gantry::dicom::{File, ReadOptions, Syntax, read, with_header, write};
use gantry::model::tags;

/// Files that pydicom refuses unless forced, each with what departs from PS3.10.
const OTHERWISE: &[(&str, &str)] = &[
    ("issues/54-implicit-file-meta-info.dcm", "file meta information in implicit VR, no preamble"),
    ("pydicom/test_files/ExplVR_BigEndNoMeta.dcm", "neither preamble nor file meta information"),
    ("pydicom/test_files/ExplVR_LitEndNoMeta.dcm", "neither preamble nor file meta information"),
    ("pydicom/test_files/badVR.dcm", "an unknown value representation"),
    ("pydicom/test_files/rtstruct.dcm", "neither preamble nor file meta information"),
];

fn references() -> Option<(std::path::PathBuf, Vec<serde_json::Value>)> {
    let root = common::shared()?.join("dicom");
    let text = std::fs::read_to_string(root.join("reference/instances.json")).unwrap();
    Some((root, serde_json::from_str(&text).unwrap()))
}

#[test]
fn reads_what_pydicom_reads() {
    let Some((root, references)) = references() else { return };
    let mut differ = Vec::new();
    for reference in &references {
        let path = reference["path"].as_str().unwrap();
        let sop_uid = |file: &File<'_>| file.dataset.ascii(tags::SOP_INSTANCE_UID).map(str::to_string);
        let header = with_header(&root.join(path), |file, _| sop_uid(file));
        let bytes = std::fs::read(root.join(path)).unwrap();
        let whole = read(&bytes, ReadOptions::default()).map(|file| sop_uid(&file));
        if header != whole {
            differ.push(format!("{path}: header only {header:?}, whole {whole:?}"));
        }
        let expected = reference["sop_uid"].as_str().map(str::to_string);
        match whole {
            Ok(Some(_)) if OTHERWISE.iter().any(|(p, _)| *p == path) => {}
            Ok(found) if reference["dicom"] == true && found == expected => {}
            Err(_) if reference["dicom"] == false => {}
            other => differ.push(format!("{path}: {other:?} for {expected:?} {}", reference["why"])),
        }
    }
    assert!(differ.is_empty(), "{}\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn what_is_written_reads_back_the_same() {
    let Some((root, references)) = references() else { return };
    let mut count = 0;
    for reference in references.iter().filter(|r| r["dicom"] == true) {
        let path = reference["path"].as_str().unwrap();
        let bytes = std::fs::read(root.join(path)).unwrap();
        let Ok(file) = read(&bytes, ReadOptions::default()) else { continue };
        let syntax = if file.syntax.is_native() { Syntax::EXPLICIT_LE } else { &file.syntax.uid };
        let written = write(&file.dataset, syntax).unwrap();
        let again = read(&written, ReadOptions::default()).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(again.truncated_at, None, "{path}");
        assert_eq!(write(&again.dataset, syntax).unwrap(), written, "{path}");
        count += 1;
    }
    assert!(count > 900, "{count}");
}
