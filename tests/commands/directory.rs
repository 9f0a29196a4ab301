//! A DICOMDIR is no instance; what it lists is compared with what is there.

use std::fs;

use gantry::dicom::{DataSet, Element, Syntax, write};
use gantry::model::{Tag, Vr};

use crate::common;
use crate::common::files::series;
use crate::{gantry, text, write_all};

/// A DICOMDIR with a record for each File ID (components joined by backslashes) and SOP Instance UID.
fn dicomdir(records: &[(&str, &str)]) -> Vec<u8> {
    let items = records.iter().map(|(id, uid)| {
        let mut record = DataSet::new();
        record.put_str(Tag(0x0004_1430), Vr::CS, "IMAGE");
        record.put_str(Tag(0x0004_1500), Vr::CS, id);
        record.put_str(Tag(0x0004_1511), Vr::UI, uid);
        record
    });
    let mut set = DataSet::new();
    set.put_str(Tag(0x0008_0016), Vr::UI, "1.2.840.10008.1.3.10");
    set.put(Element::sequence(Tag(0x0004_1220), items.collect()));
    write(&set, Syntax::EXPLICIT_LE).unwrap()
}

#[test]
fn what_is_missing_unlisted_or_elsewhere_is_said() {
    let dir = tempfile::tempdir().unwrap();
    write_all(&dir.path().join("IMAGES"), &series(4));
    for i in 1..=4 {
        let folder = dir.path().join("IMAGES");
        fs::rename(folder.join(format!("1-{i}.dcm")), folder.join(format!("im{i}"))).unwrap();
    }
    let records = [
        ("IMAGES\\IM1", "2.25.77.1.1"),
        ("IMAGES\\IM2", "1.2.3"),
        ("IMAGES\\IM9", "2.25.77.1.9"),
        ("..\\..\\ETC\\PASSWD", "1.2.3"),
    ];
    fs::write(dir.path().join("DICOMDIR"), dicomdir(&records)).unwrap();
    let (exit, lines, _) = gantry(&["scan", text(dir.path())]);
    assert_eq!(exit, 0);
    let found = lines.iter().find_map(|l| l.get("dicomdir")).unwrap();
    let counts =
        ["listed", "missing", "other_instance", "improper", "unlisted"].map(|k| found[k].as_u64().unwrap());
    assert_eq!(counts, [3, 1, 1, 1, 2], "{found}");
    assert_eq!(found["missing_files"], serde_json::json!(["IMAGES/IM9"]));
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!((summary["dicom"].as_u64(), summary["reasons"]["dicomdir"].as_u64()), (Some(4), Some(1)));
}

#[test]
fn media_of_the_development_data_agree_with_their_dicomdir() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("dicom/pydicom/test_files/dicomdirtests");
    let (_, lines, _) = gantry(&["scan", text(&folder)]);
    let all: Vec<_> = lines.iter().filter_map(|l| l.get("dicomdir")).collect();
    let main = all.iter().find(|d| d["path"].as_str().unwrap().ends_with("dicomdirtests/DICOMDIR")).unwrap();
    // The set leaves most images of the medium out; those that are there are the ones listed.
    assert!(main["listed"].as_u64() > Some(0), "{main}");
    assert_eq!(main["other_instance"], 0, "{main}");
    assert_eq!(main["improper"], 0, "{main}");
}
